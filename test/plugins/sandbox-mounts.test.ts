// What a confined program sees of the host when it is shown something: that, and nothing that lies beside or in it unasked.
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSandbox } from '../../plugins/sandbox/sandbox.js'
import type { SandboxProgram } from '../../plugins/sandbox/slot.js'
import { bubblewrapBackend } from '../../plugins/sandbox-bubblewrap/backend.js'
import { canConfine, NO_SANDBOX } from './connectors-fixture.js'

const sandbox = createSandbox({ backends: () => [bubblewrapBackend()], exemptions: async () => [], platform: 'linux' })
let root = ''
const at = (...parts: string[]) => join(root, ...parts)

beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-mounts-')))
  for (const name of ['empty', 'seen', 'seen/.cloned', 'seen/work', 'beside']) mkdirSync(at(name))
  writeFileSync(at('seen', 'note.txt'), 'a note')
  writeFileSync(at('seen', '.cloned', 'vault.json'), 'a vault')
  writeFileSync(at('seen', 'token'), 'a token')
  writeFileSync(at('beside', 'secret.txt'), 'beside')
  symlinkSync(at('beside'), at('seen', 'out'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

type Shown = Pick<SandboxProgram, 'mounts' | 'environment'>

async function ran(script: string, shown: Shown): Promise<string> {
  const command = ['/bin/sh', '-c', `( ${script} ) 2>&1; true`]
  const process = await sandbox.start({ connector: 'acme.x', directory: at('empty'), command, ...shown })
  process.stdin.end()
  const out = await text(process.stdout)
  await process.ended
  return out.trim()
}

const mounts = (more: Partial<NonNullable<SandboxProgram['mounts']>> = {}) => ({
  read: [at('seen')],
  write: [at('seen', 'work')],
  hidden: [at('seen', '.cloned'), at('seen', 'token')],
  ...more,
})

describe.skipIf(!canConfine)(`a program that is shown directories (${NO_SANDBOX} otherwise)`, () => {
  it.each([
    ['reads what it may', () => `cat ${at('seen/note.txt')}`, 'a note'],
    ['writes where it may', () => `echo made >${at('seen/work/made')} && cat ${at('seen/work/made')}`, 'made'],
    ['writes nowhere else', () => `echo x >${at('seen/new')}`, /Read-only file system/],
    ['moves nothing out of what it may write', () => `mv ${at('seen/note.txt')} ${at('seen/work')}`, /Read-only/],
    [
      'sees nothing of what is hidden',
      () => `ls -A ${at('seen/.cloned')} | wc -l; cat ${at('seen/token')} | wc -c`,
      /^0\n.*Permission denied\n0$/,
    ],
    [
      'puts nothing where something is hidden',
      () => `echo x >${at('seen/.cloned/x')}; echo x >${at('seen/token')}`,
      /Read-only|denied/,
    ],
    ['does not see what lies beside', () => `cat ${at('beside/secret.txt')}`, /No such file/],
    ['is led nowhere by links', () => `cat ${at('seen/out/secret.txt')}`, /No such file/],
    ['sees no home', () => 'ls /home /root /var', /No such file/],
  ])('%s', async (_, script, expected) => {
    const said = await ran(script(), { mounts: mounts() })
    if (typeof expected === 'string') expect(said).toBe(expected)
    else expect(said).toMatch(expected)
  })

  it('has the current directory that it was given', async () => {
    expect(await ran('pwd', { mounts: mounts({ cwd: at('seen', 'work') }) })).toBe(at('seen', 'work'))
  })

  it('has its variables, and nobody can read their values on a command line', async () => {
    const environment = { TOKEN: 'hunter2-of-the-test' }
    expect(await ran('echo $TOKEN; env | cut -d= -f1 | sort | tr "\\n" " "', { environment })).toBe(
      'hunter2-of-the-test\nHOME LANG PATH PWD TMPDIR TOKEN',
    )
    const command = ['/bin/sh', '-c', 'read line']
    const process_ = await sandbox.start({ connector: 'acme.x', directory: at('empty'), command, environment })
    const lines = (await import('node:child_process')).execFileSync('ps', ['axww', '-o', 'args'], { encoding: 'utf8' })
    process_.kill()
    await process_.ended
    expect(lines).toContain('bwrap')
    expect(lines).not.toContain('hunter2-of-the-test')
  })

  it('leaves what it wrote to the host, and nothing else', async () => {
    await ran(`echo kept >${at('seen/work/kept')}; echo lost >/tmp/lost`, { mounts: mounts() })
    expect(readFileSync(at('seen/work/kept'), 'utf8')).toBe('kept\n')
  })
})

describe('what no program is shown', () => {
  const refused = (shown: Shown) =>
    sandbox.start({ connector: 'acme.x', directory: at('empty'), command: ['true'], ...shown })

  it.each([
    ['the root', { read: ['/'] }, /holds parts of the system/],
    ['processes', { read: ['/proc'] }, /of the system/],
    ['sockets', { read: ['/run/user'] }, /system|real path/],
    ['devices', { write: ['/dev/shm'] }, /of the system/],
    ['all temporary files', { write: ['/tmp'] }, /of the system/],
    ['the system to write to', { write: ['/usr/share'] }, /cannot be written/],
    ['a relative path', { read: ['seen'] }, /real path/],
    ['a path with steps', { read: ['/usr/share/../lib'] }, /real path/],
    ['what is not there', { read: ['/nowhere'] }, /real path/],
    ['a link', { read: [() => at('seen/out')] }, /real path/],
    ['what is hidden', { write: [() => at('seen/.cloned')] }, /not for programs to see/],
    ['a current directory elsewhere', { cwd: '/usr' }, /current directory/],
  ] as const)('%s', async (_, more, says) => {
    const list = (paths: readonly (string | (() => string))[] = []) =>
      paths.map((path) => (typeof path === 'string' ? path : path()))
    const { read, write, cwd } = more as { read?: readonly string[]; write?: readonly string[]; cwd?: string }
    const given = {
      read: list(read),
      write: list(write),
      hidden: [at('seen', '.cloned')],
      ...(cwd === undefined ? {} : { cwd }),
    }
    await expect(refused({ mounts: given })).rejects.toMatchObject({
      code: 'SANDBOX_FAILED',
      message: expect.stringMatching(says),
    })
  })

  it.each([
    'LD_PRELOAD',
    'NODE_OPTIONS',
    'PATH',
    'HTTPS_PROXY',
    'https_proxy',
    'CLONED_INSIDE',
    'NODE_CHANNEL_FD',
    'a b',
    'A=B',
    '',
  ])('a variable %j', async (name) => {
    await expect(refused({ environment: { [name]: 'x' } })).rejects.toMatchObject({ code: 'SANDBOX_FAILED' })
  })
})
