// The rules of approvals through the whole gate and the command line: edits, grants, signatures, previews, watching.
import { createPrivateKey, sign } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from 'cloned/kernel'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../plugins/cli/run.js'
import { initWorkspace } from '../../plugins/workspace/index.js'
import { type CliWorld, cliWorld, distributionWith, memoryIo, runIn } from './cli-fixture.js'

const WRITE = 'cloned.internal.fs.write@v1'

let world: CliWorld
let outside: string
beforeAll(async () => {
  world = await cliWorld()
  outside = await realpath(await mkdtemp(join(tmpdir(), 'cloned-approver-')))
})
afterAll(async () => {
  await world.close()
  await rm(outside, { recursive: true })
})

type Document = Record<string, unknown>
const parsed = (out: string) => JSON.parse(out) as Document

async function asked(path: string, content = 'text'): Promise<string> {
  const input = JSON.stringify({ path, content })
  const { code, out } = await world.run(['call', WRITE, '--input', input, '--json'])
  expect(code).toBe(4)
  return String((parsed(out)['approval'] as Document)['id'])
}

const call = (path: string, content = 'text') =>
  world.run(['call', WRITE, '--input', JSON.stringify({ path, content }), '--json'])
const text = (path: string) => readFileSync(join(world.root, path), 'utf8')
const file = async (name: string, value: unknown) => {
  await writeFile(join(outside, name), JSON.stringify(value))
  return join(outside, name)
}

describe('a state that was set in the database by hand', () => {
  it('lets nothing run, and says why', async () => {
    const id = await asked('forged.txt')
    const db = await openDatabase(join(world.root, '.cloned/state.db'))
    db.prepare("update approvals set state = 'approved', decided_at = 1 where id = ?").run(id)
    db.close()
    const named = await world.run(['call', '--approval', id])
    expect({ code: named.code, err: named.err }).toEqual({ code: 3, err: expect.stringContaining('audit log') })
    expect((await call('forged.txt')).code).toBe(4)
    expect(existsSync(join(world.root, 'forged.txt'))).toBe(false)
  })
})

describe('approve --edit', () => {
  it('runs what it was edited to, and never what was asked', async () => {
    const id = await asked('asked.txt', 'asked')
    const edit = await file('edit.json', { path: 'edited.txt', content: 'edited' })
    const { code, out } = await world.run(['approvals', 'approve', id, '--edit', edit])
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('as edited') })
    expect((await call('asked.txt', 'asked')).code).toBe(4)
    expect((await world.run(['call', '--approval', id])).code).toBe(0)
    expect(text('edited.txt')).toBe('edited')
    expect(existsSync(join(world.root, 'asked.txt'))).toBe(false)
    expect((await world.run(['call', '--approval', id])).code).toBe(3)
  })

  it.each([
    ['what the guards deny', { path: '../out.txt', content: '' }, 3],
    ['what the tool does not take', { path: 1 }, 3],
    ['what was asked already', { path: 'same.txt', content: 'text' }, 3],
  ])('decides nothing with %s', async (name, input, exit) => {
    const id = await asked(name === 'what was asked already' ? 'same.txt' : `kept-${name.length}.txt`)
    expect((await world.run(['approvals', 'approve', id, '--edit', await file('bad.json', input)])).code).toBe(exit)
    expect(parsed((await world.run(['approvals', 'show', id, '--json'])).out)).toMatchObject({ state: 'pending' })
  })
})

describe('approve --grant', () => {
  it('covers later calls that fit, as often as it says, each recorded with it', async () => {
    const id = await asked('granted.txt', '0')
    const grant = ['--grant', '--grant-same', 'path', '--count', '2', '--until', '1h']
    const approved = parsed((await world.run(['approvals', 'approve', id, ...grant, '--json'])).out)
    expect(approved['grant']).toBe(id.replace('ap_', 'gr_'))
    expect((await call('granted.txt', '0')).code).toBe(0)
    expect((await call('other.txt', '0')).code).toBe(4)
    for (const content of ['1', '2']) {
      expect((await call('granted.txt', content)).code).toBe(0)
      expect(text('granted.txt')).toBe(content)
    }
    expect((await call('granted.txt', '3')).code).toBe(4)
    const log = readFileSync(join(world.root, '.cloned/audit.log'), 'utf8')
    const intents = log
      .split('\n')
      .filter((line) => line.includes('"type":"tool.intent"') && line.includes(`"approval":"${approved['grant']}"`))
    expect(intents).toHaveLength(2)
    const grants = parsed((await world.run(['approvals', 'grants', 'list', '--json'])).out)['grants'] as Document[]
    expect(grants[0]).toMatchObject({ id: approved['grant'], used: 2, count: 2, state: 'used up' })
  })

  it('never covers what is denied, and ends when it is revoked', async () => {
    const id = await asked('revoked.txt', '0')
    const schema = await file('any.json', { type: 'object' })
    const args = ['approvals', 'approve', id, '--grant', '--grant-schema', schema, '--json']
    const grant = String(parsed((await world.run(args)).out)['grant'])
    expect((await call('anything.txt')).code).toBe(0)
    expect((await call('../outside.txt')).code).toBe(3)
    expect((await world.run(['approvals', 'grants', 'revoke', grant])).code).toBe(0)
    expect((await call('anything-else.txt')).code).toBe(4)
    for (const more of [[], ['--dry-run']]) {
      const none = await world.run(['approvals', 'grants', 'revoke', 'gr_none', ...more])
      expect(none).toMatchObject({ code: 1, err: expect.stringContaining('there is no grant "gr_none"') })
    }
  })

  it.each([
    ['without saying what must stay as it is', ['--grant']],
    ['with both ways of saying it', ['--grant', '--grant-same', 'path', '--grant-schema', 'x.json']],
    ['with an argument that the request has not', ['--grant', '--grant-same', 'nope']],
    ['without --grant', ['--count', '3']],
    ['with no count', ['--grant', '--grant-same', 'path', '--count', 'many']],
    ['with an end that is over', ['--grant', '--grant-same', 'path', '--until', '2020-01-01T00:00:00Z']],
  ])('is a usage error %s', async (name, args) => {
    const id = await asked(`usage-${name.length}.txt`)
    expect((await world.run(['approvals', 'approve', id, ...args])).code).toBe(2)
    expect(parsed((await world.run(['approvals', 'show', id, '--json'])).out)).toMatchObject({ state: 'pending' })
  })
})

describe('what a person is shown', () => {
  it('is what changes in an existing file, its hosts, the rule and the way back', async () => {
    await writeFile(join(world.root, 'notes.txt'), 'one\ntwo\nthree\n')
    const id = await asked('notes.txt', 'one\nzwei https://example.com/x\nthree\n')
    const { out } = await world.run(['approvals', 'show', id])
    for (const part of [
      '  - two',
      '  + zwei https://example.com/x',
      '    one',
      'example.com',
      'to undo',
      'risk',
      'cost',
      'tools.risk',
    ]) {
      expect(out).toContain(part)
    }
    expect(parsed((await world.run(['approvals', 'show', id, '--json'])).out)).toMatchObject({ hosts: ['example.com'] })
  })

  it('is said to be without a preview where there is none, request and all', async () => {
    await rm(join(world.root, 'notes.txt'), { force: true })
    await writeFile(join(world.root, 'binary.bin'), Buffer.from([0xff, 0xfe, 0x00]))
    const id = await asked('binary.bin')
    const { out } = await world.run(['approvals', 'show', id])
    expect(out).toContain('no preview')
    expect(out).toContain('binary.bin')
  })
})

describe('approvals watch', () => {
  it('prints a JSON line for each request that waits and for each new one, until Ctrl-C', async () => {
    const first = await asked('watched-1.txt')
    const { io, texts, interrupt } = memoryIo()
    const argv = ['--workspace', world.root, 'approvals', 'watch', '--json']
    const watching = runCli({ distribution: distributionWith(), argv, io, cwd: world.root, env: {} })
    const until = async (id: string) => {
      while (!texts.out.includes(id)) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await until(first)
    const second = await asked('watched-2.txt')
    await until(second)
    interrupt()
    await watching
    const lines = texts.out
      .trimEnd()
      .split('\n')
      .map((line) => parsed(line))
    const ids = lines.map(({ id }) => id)
    expect(ids.filter((id) => id === first || id === second)).toEqual([first, second])
    expect(lines.every(({ state }) => state === 'pending')).toBe(true)
  })
})

describe('a shared workspace on one machine', () => {
  it('is decided with an approver key that lies outside of it, and in no other way', async () => {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'cloned-shared-')))
    try {
      initWorkspace(root, { type: 'shared', now: Date.now })
      const run = (...argv: string[]) => runIn(distributionWith(), root, ['--workspace', root, ...argv])
      const open = async (path: string) => {
        const { out } = await run('call', WRITE, '--input', JSON.stringify({ path, content: 'x' }), '--json')
        return String((parsed(out)['approval'] as Document)['id'])
      }
      const id = await open('x.txt')
      expect((await run('approvals', 'keygen', join(root, 'inside.pem'))).code).toBe(2)
      const key = join(outside, 'bob.pem')
      expect((await run('approvals', 'keygen', key)).code).toBe(0)
      const again = await run('approvals', 'keygen', key)
      expect(again).toMatchObject({ code: 2, err: expect.stringContaining('there is a file of that name') })
      // Not an approver of the policy: its signature is worth nothing.
      expect((await run('approvals', 'approve', id, '--key', key)).code).toBe(3)
      expect((await run('approvals', 'approve', id, '--actor', 'user:bob')).code).toBe(3)
      const { out } = await run('approvals', 'request', id)
      expect(JSON.parse(out)).toMatchObject({ approval: id, verdict: 'approve' })
      expect((await run('approvals', 'show', id, '--json')).out).toContain('"state": "pending"')
    } finally {
      await rm(root, { recursive: true })
    }
  })
})

describe('one person who asks and another who decides, on one machine', () => {
  it('works with a key that the policy lists: signed here, or elsewhere', async () => {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'cloned-two-')))
    try {
      initWorkspace(root, { type: 'personal', now: Date.now })
      const run = (...argv: string[]) => runIn(distributionWith(), root, ['--workspace', root, ...argv])
      const key = join(outside, 'cid.pem')
      const made = parsed((await run('approvals', 'keygen', key, '--json')).out)
      await mkdir(join(root, '.cloned/policy'), { recursive: true })
      const approvers = `  approvers:\n    - id: user:cid\n      key: ${made['key']}\n`
      const overlay = `version: 1\npack: personal\napprovals:\n  self_decision: false\n${approvers}`
      await writeFile(join(root, '.cloned/policy/personal.yaml'), overlay)
      const adopted = parsed((await run('policy', 'adopt', '--json')).out)
      const write = String((adopted['approval'] as Document | undefined)?.['id'] ?? adopted['approval_id'])
      const preview = await run('approvals', 'show', write)
      expect(preview.out).toContain('+   self_decision: false')
      expect((await run('approvals', 'approve', write)).code).toBe(0)

      const input = (path: string) => JSON.stringify({ path, content: 'x' })
      const open = async (path: string) => {
        const { out } = await run('call', WRITE, '--input', input(path), '--json')
        return String((parsed(out)['approval'] as Document)['id'])
      }
      const id = await open('x.txt')
      expect((await run('approvals', 'approve', id)).code).toBe(3)
      expect((await run('approvals', 'approve', id, '--key', key, '--reason', 'read it')).code).toBe(0)
      expect((await run('call', '--approval', id)).code).toBe(0)
      const show = parsed((await run('approvals', 'show', id, '--json')).out)
      expect(show['decisions']).toMatchObject([{ verdict: 'approve', key: made['thumbprint'], reason: 'read it' }])

      const other = await open('y.txt')
      const { out: payload } = await run('approvals', 'request', other)
      const pem = createPrivateKey(readFileSync(key))
      const signing = `${b64(`{"alg":"EdDSA","kid":"${made['thumbprint']}"}`)}.${b64(payload.trimEnd())}`
      const jws = `${signing}.${sign(null, Buffer.from(signing), pem).toString('base64url')}`
      await writeFile(join(outside, 'decision.jws'), `${jws}\n`)
      const decide = (target: string) =>
        run('approvals', 'approve', target, '--decision', join(outside, 'decision.jws'))
      expect((await decide(await open('z.txt'))).code).toBe(3)
      expect((await decide(other)).code).toBe(0)
      expect((await decide(other)).code).toBe(3)

      await chmod(key, 0o640)
      expect((await run('approvals', 'approve', await open('z.txt'), '--key', key)).code).not.toBe(0)
    } finally {
      await rm(root, { recursive: true })
    }
  })
})

const b64 = (value: string) => Buffer.from(value).toString('base64url')
