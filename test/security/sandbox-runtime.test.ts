// The sandbox of macOS with its package played by bubblewrap, well and badly: what it holds itself is tested, Seatbelt is not.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SandboxProcess, SandboxProgram } from '../../plugins/sandbox/slot.js'
import { runtimeBackend, type SandboxRuntime } from '../../plugins/sandbox-runtime/backend.js'
import { canConfine, NO_SANDBOX } from '../plugins/connectors-fixture.js'

type Wrap = SandboxRuntime['SandboxManager']['wrapWithSandbox']
const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`

/** What the package does, with namespaces. `holes` are more words for bubblewrap. */
const played =
  (holes: readonly string[] = [], left: readonly string[] = ['--unshare-net', '--unshare-pid']): Wrap =>
  async (command, shell, { filesystem, network }) => {
    if (network.allowedDomains.length > 0 || filesystem.allowWrite.length > 0) throw new Error('it allows too much')
    const binds = filesystem.allowRead.flatMap((path) => ['--ro-bind-try', path, path])
    const merged = ['bin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`])
    const system = ['/bin', '/lib', '/lib64', '/dev']
    const own = binds.filter((_, i) => !system.includes(binds[i - (i % 3) + 1] ?? ''))
    return ['bwrap', ...left, ...merged, ...own, '--dev', '/dev', '--proc', '/proc', ...holes, shell, '-c', command]
      .map(quoted)
      .join(' ')
  }
const backendOf = (wrapWithSandbox: Wrap) =>
  runtimeBackend(async () => ({ SandboxManager: { initialize: async () => undefined, wrapWithSandbox } }))

describe.skipIf(!canConfine)(`a program confined by a package (skipped only where ${NO_SANDBOX})`, () => {
  let directory = ''
  let count = 0
  beforeAll(() => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-runtime-')))
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  const program = (text: string, command: readonly string[]): SandboxProgram => {
    const own = join(directory, String(++count))
    mkdirSync(own)
    writeFileSync(join(own, 'main.mjs'), text)
    const root = fileURLToPath(new URL('../../', import.meta.url))
    const modules = { 'cloned/connector': 'dist/connector/index.js' }
    return {
      connector: 'test.program',
      directory: own,
      command,
      shared: { name: 'cloned', root, paths: ['package.json', 'dist/connector'], modules },
    }
  }
  const output = async (started: SandboxProcess) => {
    let text = ''
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8')
      })
    }
    started.stdin.end()
    await started.ended
    return text.trim()
  }
  const NODE = ['node', './main.mjs']

  it('runs in Node with the SDK, and in anything else, with the variables of a sandbox', async () => {
    const node = program(
      `import { PROTOCOL } from 'cloned/connector'; console.log(PROTOCOL, Object.keys(process.env).sort().join())`,
      NODE,
    )
    expect(await output(await backendOf(played()).start(node))).toBe('1 HOME,LANG,PATH,TMPDIR')
    const shell = program('', ['sh', '-c', `echo "it's $HOME"; env | grep -c CLONED`])
    expect(await output(await backendOf(played()).start(shell))).toBe("it's /tmp\n0")
  })

  it.each<[string, Wrap, RegExp]>([
    ['at all', async (command) => command, /reads files of the host; writes files of the host.*signals/],
    ['from the network', played([], ['--unshare-pid']), /route|loopback/],
    ['from the processes of the host', played([], ['--unshare-net']), /signals to the host/],
    ['from temporary files', played(['--bind', tmpdir(), tmpdir()]), /reads files of the host/],
    [
      'from the home',
      played(['--dir', '/root', '--ro-bind-try', process.env['HOME'] ?? '/root', process.env['HOME'] ?? '/root']),
      /home/,
    ],
  ])('that is not kept %s does not start', async (_, wrap, ways) => {
    const started = backendOf(wrap).start(program(`console.log('ran')`, NODE))
    await expect(started).rejects.toMatchObject({ code: 'SANDBOX_ESCAPED', message: expect.stringMatching(ways) })
  })

  it.each(['exit 0', `echo '{"nonce":"0","escaped":[]}' >&4`, 'echo junk >&4; sleep 60'])(
    'whose sandbox only says %s does not start',
    async (text) => {
      const started = backendOf(async () => text).start(program('', NODE))
      await expect(started).rejects.toMatchObject({ code: 'SANDBOX_FAILED' })
    },
  )

  it('that needs a proxy does not start: there is none of its own', async () => {
    const started = backendOf(played()).start({ ...program('', NODE), egress: () => undefined })
    await expect(started).rejects.toMatchObject({
      code: 'SANDBOX_FAILED',
      message: expect.stringContaining('cloned/connector'),
    })
  })

  it('is gone once it is killed', async () => {
    const started = await backendOf(played()).start(program('', ['sh', '-c', 'sleep 60 & sleep 60']))
    started.kill()
    expect(await started.ended).toMatchObject({ signal: 'SIGKILL' })
  })
})

it('without the package says what to install', async () => {
  const backend = runtimeBackend(() => Promise.reject(new Error('it is not there')))
  expect(await backend.problem()).toMatchObject({
    problem: expect.stringContaining('it is not there'),
    fix: expect.stringContaining('npm install @anthropic-ai/sandbox-runtime'),
  })
})
