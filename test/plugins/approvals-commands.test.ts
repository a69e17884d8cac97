// The rules for people who decide: what they see, what their decision does, and what no option does for them.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { initWorkspace } from '../../plugins/workspace/index.js'
import { type CliWorld, cliWorld, distributionWith, runIn } from './cli-fixture.js'

const WRITE = 'cloned.internal.fs.write@v1'

let world: CliWorld
beforeAll(async () => {
  world = await cliWorld()
})
afterAll(() => world.close())

interface Document {
  readonly id: string
  readonly state: string
  readonly [key: string]: unknown
}

async function asked(path: string, content = 'text'): Promise<string> {
  const input = JSON.stringify({ path, content })
  const { code, out } = await world.run(['call', WRITE, '--input', input, '--actor', 'agent:writer', '--json'])
  expect(code).toBe(4)
  return (JSON.parse(out) as { approval: Document }).approval.id
}

async function shown(id: string): Promise<Document> {
  return JSON.parse((await world.run(['approvals', 'show', id, '--json'])).out) as Document
}

describe('approvals approve', () => {
  it('lets the call run, once', async () => {
    const id = await asked('once.txt')
    const approved = await world.run(['approvals', 'approve', id, '--reason', 'looks right'])
    expect(approved).toMatchObject({ code: 0, err: '' })
    expect(approved.out).toContain(`cloned call --approval ${id}`)
    expect(existsSync(join(world.root, 'once.txt'))).toBe(false)

    expect((await world.run(['call', '--approval', id])).code).toBe(0)
    expect(existsSync(join(world.root, 'once.txt'))).toBe(true)
    expect(await shown(id)).toMatchObject({
      state: 'used',
      reason: 'looks right',
      requester: { id: 'agent:writer', claimed: true },
    })
    expect((await world.run(['call', '--approval', id])).code).toBe(3)
  })

  it('lets the identical call of the caller run, and no other', async () => {
    const id = await asked('same.txt', 'first')
    await world.run(['approvals', 'approve', id])
    const other = await asked('same.txt', 'second')
    expect(other).not.toBe(id)
    const input = JSON.stringify({ path: 'same.txt', content: 'first' })
    const same = ['call', WRITE, '--input', input]
    expect((await world.run(same)).code).toBe(4)
    expect((await world.run([...same, '--actor', 'agent:writer'])).code).toBe(0)
    expect((await world.run([...same, '--actor', 'agent:writer'])).code).toBe(4)
  })

  it('of a policy write carries it out at once', async () => {
    await mkdir(join(world.root, '.cloned/policy'))
    const overlay = join(world.root, '.cloned/policy/personal.yaml')
    await writeFile(overlay, 'version: 1\npack: personal\ntools:\n  deny: [test.none@v1]\n')
    const adopted = await world.run(['policy', 'adopt', '--json'])
    expect(adopted.code).toBe(4)
    const { id } = (JSON.parse(adopted.out) as { approval: Document }).approval
    const approved = await world.run(['approvals', 'approve', id, '--json'])
    expect(approved.code).toBe(0)
    expect(JSON.parse(approved.out)).toMatchObject({
      decided: true,
      approval: { id, state: 'approved', kind: 'policy.write' },
      outcome: { status: 'done' },
    })
    expect((await world.run(['policy', 'show', '--effective'])).out).toContain('test.none@v1')
    expect(await shown(id)).toMatchObject({ state: 'used' })
  })

  it('says when what was approved did not come to pass', async () => {
    const overlay = join(world.root, '.cloned/policy/personal.yaml')
    await writeFile(overlay, 'version: 1\npack: personal\ntools:\n  deny: [test.first@v1]\n')
    const stale = (JSON.parse((await world.run(['policy', 'adopt', '--json'])).out) as { approval: Document }).approval
      .id
    await writeFile(overlay, 'version: 1\npack: personal\ntools:\n  deny: [test.second@v1]\n')
    const newer = (JSON.parse((await world.run(['policy', 'adopt', '--json'])).out) as { approval: Document }).approval
      .id
    expect((await world.run(['approvals', 'approve', newer])).code).toBe(0)
    const { code, err } = await world.run(['approvals', 'approve', stale])
    expect(code).toBe(3)
    expect(err).toMatch(/policy\.write .* is denied: /)
    expect(err).toMatch(/then give the command that asked for this once more\.$/m)
  })
})

describe('approvals deny', () => {
  it('keeps the call from running', async () => {
    const id = await asked('denied.txt')
    expect(await world.run(['approvals', 'deny', id])).toMatchObject({ code: 0, out: `Denied ${id}.\n` })
    expect((await world.run(['call', '--approval', id])).code).toBe(3)
    expect(existsSync(join(world.root, 'denied.txt'))).toBe(false)
  })
})

describe('both decisions', () => {
  it.each(['approve', 'deny'])('%s: decides nothing in a dry run', async (verb) => {
    const id = await asked(`dry-${verb}.txt`)
    const { code, out } = await world.run(['approvals', verb, id, '--dry-run'])
    expect(code).toBe(0)
    expect(out).toContain('nothing was decided')
    expect((await shown(id)).state).toBe('pending')
  })

  const usage: readonly [name: string, argv: string[], code: number][] = [
    ['an id that was not typed', [], 2],
    ['an id that nobody opened', ['ap_aaaaaaaaaaaa'], 1],
    ['a reason of more than 1000 characters', ['PENDING', '--reason', 'x'.repeat(1001)], 2],
    ['a request that is decided', ['DECIDED'], 3],
  ]
  it.each(usage)('refuse %s', async (name, argv, code) => {
    const pending = await asked(`refuse-${name.length}.txt`)
    const decided = await asked(`refuse-decided-${name.length}.txt`)
    await world.run(['approvals', 'deny', decided])
    const words = argv.map((word) => (word === 'PENDING' ? pending : word === 'DECIDED' ? decided : word))
    for (const verb of ['approve', 'deny']) {
      for (const more of [[], ['--yes'], ['--dry-run']]) {
        expect((await world.run(['approvals', verb, ...words, ...more])).code).toBe(code)
      }
    }
    expect((await shown(pending)).state).toBe('pending')
  })

  it('ask the person at a terminal, and take no for an answer', async () => {
    const id = await asked('tty.txt')
    const seen: string[] = []
    const { code } = await world.run(['approvals', 'approve', id], {
      tty: true,
      onStderr: (piece, type) => {
        seen.push(piece)
        if (piece.includes('● No')) type('\r')
      },
    })
    expect(code).toBe(1)
    expect(seen.join('')).toContain('tty.txt')
    expect(seen.join('')).toContain('Nothing was decided')
    expect((await shown(id)).state).toBe('pending')
  })

  it('skip that question with --yes, the id being typed', async () => {
    const id = await asked('tty-yes.txt')
    const { code, err } = await world.run(['approvals', 'approve', id, '--yes'], { tty: true })
    expect(code).toBe(0)
    expect(err).toContain('tty-yes.txt')
    expect((await shown(id)).state).toBe('approved')
  })
})

describe('in a workspace where another user decides', () => {
  it('the user who asked decides nothing, under whatever name', async () => {
    const root = await realpath(await mkdtemp(join(tmpdir(), 'cloned-shared-')))
    try {
      initWorkspace(root, { type: 'shared', now: Date.now })
      const run = (...argv: string[]) => runIn(distributionWith(), root, ['--workspace', root, ...argv])
      const input = JSON.stringify({ path: 'x.txt', content: 'x' })
      const call = await run('call', WRITE, '--input', input, '--json', '--actor', 'agent:writer')
      const { id } = (JSON.parse(call.out) as { approval: Document }).approval
      for (const verb of ['approve', 'deny']) {
        for (const actor of [[], ['--actor', 'user:boss'], ['--actor', 'device:boss', '--yes']]) {
          const { code, err } = await run('approvals', verb, id, ...actor)
          expect({ code, err }).toEqual({ code: 3, err: expect.stringContaining('another operating-system user') })
        }
      }
      const { out } = await run('approvals', 'show', id, '--json')
      expect(JSON.parse(out)).toMatchObject({ state: 'pending' })
    } finally {
      await rm(root, { recursive: true })
    }
  })
})

describe('what is shown', () => {
  const HOSTILE = 'a\u001b[2J\u009b31m\u202e\u200b\rb\nstate     approved\u2028c.txt'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
  const STEERS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/

  it('holds no character of an agent that steers the terminal, and no line that an agent made', async () => {
    const id = await asked('hostile.txt', HOSTILE)
    for (const argv of [['show', id], ['approve', id, '--dry-run'], ['list']]) {
      const { out } = await world.run(['approvals', ...argv])
      expect(out).not.toMatch(STEERS)
      expect(out).not.toMatch(/^\s*state {5}approved/m)
    }
    expect((await shown(id))['input']).toEqual({ path: 'hostile.txt', content: HOSTILE })
  })

  it('is everything that is asked: who, which tool, the whole input, each question, until when', async () => {
    const id = await asked('full.txt', `${'x'.repeat(5000)}END`)
    const { out } = await world.run(['approvals', 'show', id])
    const document = await shown(id)
    const ask = (document['asks'] as { plugin: string; key: string; reason: string }[])[0]
    const parts = [id, WRITE, 'agent:writer (claimed)', 'OS user', 'full.txt', 'xEND', ask?.reason, ask?.key]
    for (const part of [...parts, document['expires_at'], document['digest']]) expect(out).toContain(part)
  })

  it('is listed newest first, and by state', async () => {
    const [older, newer] = [await asked('l1.txt'), await asked('l2.txt')]
    await world.run(['approvals', 'deny', newer])
    const list = async (...argv: string[]) =>
      (JSON.parse((await world.run(['approvals', 'list', '--json', ...argv])).out) as { approvals: Document[] })
        .approvals
    const ids = (await list()).map(({ id }) => id)
    expect(ids.slice(0, 2)).toEqual([newer, older])
    expect((await list('--state', 'denied')).every(({ state }) => state === 'denied')).toBe(true)
    expect((await list('--state', 'pending')).map(({ id }) => id)).toContain(older)
    expect((await world.run(['approvals', 'list', '--state', 'open'])).code).toBe(2)
  })
})
