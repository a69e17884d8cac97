// The rules for changing the policy: only through the gate, only as approved, and in force everywhere at once.
import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isClonedError, type JsonObject, type Outcome, policyWrite, sha256 } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { policyWriter } from '../../plugins/policy/write.js'
import { type Opened, policyWorld, type World } from './policy-fixture.js'

const HEAD = 'version: 1\npack: personal\n'
const DENY_LOW = `${HEAD}tools:\n  risk: { low: deny }\n`
const LIST = `${HEAD}# by hand\ntools:\n  deny: [test.do.low@v1]\n  allow: ['test.do.*']\n`
const NAME = '.cloned/policy/personal.yaml'

let world: World
let first: Opened
beforeEach(async () => {
  world = await policyWorld()
  first = await world.open()
})
afterEach(() => world.close())

function edit(content: string): void {
  mkdirSync(dirname(world.overlay), { recursive: true })
  writeFileSync(world.overlay, content)
}

async function adopt(by = first): Promise<string> {
  const { exit, json } = await by.run('policy adopt')
  expect(exit).toBe(4)
  return String(((json as JsonObject)['approval'] as JsonObject)['id'])
}

async function approve(id: string, by = first): Promise<Outcome | undefined> {
  const { outcome } = await by.approvals.decide(id, { verdict: 'approve', by: by.kernel.actor() })
  return outcome
}

const call = ({ kernel }: Opened, risk = 'low') => kernel.call({ tool: `test.do.${risk}@v1`, input: {} })

describe('tool calls in a kernel', () => {
  it.each([
    ['low', 'done'],
    ['medium', 'pending'],
    ['high', 'pending'],
  ])('of risk %s end %s by the personal pack', async (risk, status) => {
    const outcome = await call(first, risk)
    expect(outcome.status).toBe(status)
    const cast = outcome.ballot.find(({ hook }) => hook === 'beforeToolCall')
    expect(cast).toMatchObject({ plugin: 'cloned.policy', rule: `personal pack: tools.risk.${risk}` })
  })

  it('are denied with the file and the line while the overlay file is broken', async () => {
    edit(`${HEAD}tolls: {}\n`)
    expect(await call(first)).toMatchObject({ status: 'denied', code: 'FILE_INVALID' })
    expect((await call(first)) as { reason: string }).toMatchObject({ reason: expect.stringContaining(`${NAME}:3`) })
    await expect(first.run('policy show')).rejects.toSatisfy((error) => isClonedError(error) && error.exit === 6)
    expect(await first.check()).toMatchObject({ level: 'fail' })
  })

  it('are denied from the start when the kernel starts on a broken overlay file', async () => {
    edit('version: [')
    expect(await call(await world.open())).toMatchObject({ status: 'denied', code: 'FILE_INVALID' })
  })
})

describe('an edited overlay', () => {
  it('is drift: not in force, warned about, and left as it is', async () => {
    edit(DENY_LOW)
    expect((await call(first)).status).toBe('done')
    expect(await first.check()).toMatchObject({ level: 'warn', fix: 'cloned policy adopt' })
    expect((await first.run('policy show')).text).toContain('not in force')
    expect(readFileSync(world.overlay, 'utf8')).toBe(DENY_LOW)
  })

  it('is in force once adopted and approved, in every process from its next call on', async () => {
    const second = await world.open()
    edit(LIST)
    const before = statSync(world.overlay).ino
    const id = await adopt()
    expect((await call(first)).status, 'asked for is not approved').toBe('done')
    expect((await first.approvals.get(id))?.asks).toEqual([
      {
        plugin: 'cloned.policy',
        key: 'policy-write',
        reason: 'the policy would change: adds tools.allow: test.do.*, tools.deny: test.do.low@v1',
      },
    ])
    expect(await approve(id)).toMatchObject({ status: 'done', output: { pack: 'personal', digest: sha256(LIST) } })
    for (const opened of [first, second]) {
      expect(await call(opened)).toMatchObject({
        status: 'denied',
        help: expect.stringContaining('cloned policy adopt'),
      })
      expect((await call(opened)).ballot[1]).toMatchObject({ effect: 'deny', rule: `${NAME}:5 tools.deny` })
      expect((await call(opened, 'high')).status).toBe('done')
      expect(opened.policy.snapshot()).toMatchObject({ overlay: sha256(LIST), drift: false })
      expect((await opened.check()).level).toBe('ok')
    }
    expect(readFileSync(world.overlay, 'utf8'), 'byte for byte').toBe(LIST)
    const { ino, mode } = statSync(world.overlay)
    expect(ino).not.toBe(before)
    expect(mode & 0o777).toBe(0o600)
    expect(await first.run('policy adopt')).toMatchObject({ json: { status: 'in force' } })
  })

  it('stays in force after a restart, and when its file is removed', async () => {
    edit(DENY_LOW)
    await approve(await adopt())
    await first.kernel.stop()
    expect((await call(await world.open())).status).toBe('denied')
    rmSync(world.overlay)
    const third = await world.open()
    expect((await call(third)).status).toBe('denied')
    expect(third.policy.snapshot().drift).toBe(true)
    await expect(third.run('policy adopt')).rejects.toMatchObject({ code: 'POLICY_OVERLAY_MISSING' })
  })

  it('is not put in force by --yes, nor by a dry run, which opens nothing', async () => {
    edit(DENY_LOW)
    const { json, text } = await first.run('policy adopt', { dryRun: true, yes: true })
    expect(json).toMatchObject({ status: 'dry-run', verdict: 'ask' })
    expect(text).toContain('adds tools.risk.low: deny; removes tools.risk.low: allow')
    expect(await first.approvals.list()).toEqual([])
    await first.run('policy adopt', { yes: true })
    expect((await call(first)).status).toBe('done')
  })

  it('is not put in force over a later edit, which stays', async () => {
    edit(LIST)
    const id = await adopt()
    edit(DENY_LOW)
    expect(await approve(id)).toMatchObject({ status: 'failed', code: 'POLICY_STALE', effect: 'none' })
    expect(first.policy.snapshot()).toMatchObject({ overlay: null, drift: true })
    expect(readFileSync(world.overlay, 'utf8')).toBe(DENY_LOW)
  })

  it('is judged again when approved: refused when another one was approved meanwhile', async () => {
    edit(LIST)
    const stale = await adopt()
    edit(DENY_LOW)
    const id = await adopt()
    expect(await approve(id)).toMatchObject({ status: 'done' })
    expect(await approve(stale)).toMatchObject({ status: 'denied', code: 'POLICY_STALE' })
    expect(first.policy.snapshot().overlay).toBe(sha256(DENY_LOW))
  })

  it('can be taken back by adopting an overlay that says nothing', async () => {
    const { digest } = first.policy.snapshot()
    edit(DENY_LOW)
    await approve(await adopt())
    edit(HEAD)
    await approve(await adopt())
    expect((await call(first)).status).toBe('done')
    expect(first.policy.snapshot().digest).toBe(digest)
  })
})

describe('a policy write', () => {
  const write = (input: unknown) => first.kernel.act(policyWrite, { target: 'personal', input })

  it.each<[string, unknown, string]>([
    ['content that does not validate', { pack: 'personal', content: 'tools: 1', previous: null }, 'FILE_INVALID'],
    [
      'a policy write allowed by itself',
      { pack: 'personal', content: `${HEAD}actions: { policy.write: allow }`, previous: null },
      'FILE_INVALID',
    ],
    ['another pack', { pack: 'shared', content: HEAD, previous: null }, 'DENIED'],
    [
      'a previous overlay that is not in force',
      { pack: 'personal', content: HEAD, previous: '0'.repeat(64) },
      'POLICY_STALE',
    ],
    ['no previous', { pack: 'personal', content: HEAD }, 'INPUT_INVALID'],
    ['an unknown key', { pack: 'personal', content: HEAD, previous: null, force: true }, 'INPUT_INVALID'],
  ])('is denied unasked: %s', async (_, input, code) => {
    expect(await write(input)).toMatchObject({ status: 'denied', code })
    expect(await first.approvals.list()).toEqual([])
  })

  it('is asked for even where the overlay in force allows everything', async () => {
    const open = `${HEAD}tools: { allow: ['*'] }\nactions: { '*': allow }\n`
    edit(open)
    await approve(await adopt())
    expect((await call(first, 'high')).status).toBe('done')
    expect((await write({ pack: 'personal', content: HEAD, previous: sha256(open) })).status).toBe('pending')
  })

  it('is denied where the overlay in force says so, its own undoing included', async () => {
    const closed = `${HEAD}actions: { policy.write: deny }\n`
    edit(closed)
    await approve(await adopt())
    expect(await write({ pack: 'personal', content: HEAD, previous: sha256(closed) })).toMatchObject({
      status: 'denied',
    })
  })

  it('of two that were approved on the same policy only one is carried out', async () => {
    const second = await world.open()
    const contents = [LIST, DENY_LOW]
    const outcomes = await Promise.all(
      [first, second].map(async (opened, index) => {
        const input = { pack: 'personal', content: contents[index] ?? '', previous: null }
        const outcome = await opened.kernel.act(policyWrite, { target: 'personal', input })
        if (outcome.status !== 'pending') throw new Error(`expected pending, got ${outcome.status}`)
        return await approve(outcome.approval.id, opened)
      }),
    )
    expect(outcomes.map((outcome) => outcome?.status).filter((status) => status === 'done')).toHaveLength(1)
    const winner = contents[outcomes.findIndex((outcome) => outcome?.status === 'done')] ?? ''
    expect(readFileSync(world.overlay, 'utf8')).toBe(winner)
    for (const opened of [first, second]) {
      await call(opened)
      expect(opened.policy.snapshot()).toMatchObject({ overlay: sha256(winner), drift: false })
    }
  })

  it('that is recorded but cannot be written to its file says that it happened', async () => {
    const path = join(world.root, 'nowhere', 'personal.yaml')
    symlinkSync(join(world.root, 'missing'), dirname(path))
    const put: string[] = []
    const applied = {
      migrate: async () => undefined,
      read: async () => undefined,
      replace: async (_: string, __: string | null, content: string) => ({ content, digest: sha256(content) }),
    }
    const { execute } = policyWriter(() => ({
      policy: { put: ({ content }) => void put.push(content) },
      applied,
      pack: 'personal',
      path,
      name: NAME,
      now: Date.now,
    }))
    const input = { pack: 'personal', content: HEAD, previous: null }
    const running = execute(input, {} as never, { callId: 'c1' } as never)
    await expect(running).rejects.toMatchObject({ name: 'HandlerError', effect: 'happened' })
    expect(put).toEqual([HEAD])
  })
})

describe('in a shared workspace', () => {
  it('the user who asked cannot put a policy in force, another one can', async () => {
    await world.close()
    world = await policyWorld('shared')
    const ann = await world.open('ann')
    const bob = await world.open('bob')
    edit('version: 1\npack: shared\ntools: { risk: { low: deny } }\n')
    const id = await adopt(ann)
    await expect(approve(id, ann)).rejects.toMatchObject({ code: 'APPROVAL_UNUSABLE' })
    expect((await call(ann)).status).toBe('done')
    expect(await approve(id, bob)).toMatchObject({ status: 'done' })
    expect((await call(ann)).status).toBe('denied')
  })
})

describe('policy show', () => {
  it('answers the snapshot with the place of every rule, and with --effective every tool', async () => {
    edit(LIST)
    await approve(await adopt())
    const { json, text } = await first.run('policy show', { options: { effective: true } })
    expect(json).toMatchObject({ snapshot: { pack: 'personal', overlay: sha256(LIST), drift: false } })
    expect(text).toContain(`tools.deny | test.do.low@v1 | ${NAME}:5 tools.deny`)
    expect(text).toContain('tools.risk.high | ask | personal pack: tools.risk.high')
    expect(text).toContain('budgets | calls 20000 per 1h | personal pack: budgets')
    expect((json as JsonObject)['tools']).toEqual([
      { tool: 'test.do.high@v1', risk: 'high', answer: 'allow', rule: `${NAME}:6 tools.allow` },
      { tool: 'test.do.low@v1', risk: 'low', answer: 'deny', rule: `${NAME}:5 tools.deny` },
      { tool: 'test.do.medium@v1', risk: 'medium', answer: 'allow', rule: `${NAME}:6 tools.allow` },
    ])
  })
})
