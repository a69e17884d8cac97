// The rules for changing the policy: only through the gate, only as approved, and in force everywhere at once.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { isClonedError, type JsonObject, type Outcome, policyWrite, sha256 } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Opened, policyWorld, type World } from './policy-fixture.js'

const HEAD = 'version: 1\npack: personal\n'
const DENY_LOW = `${HEAD}tools:\n  risk: { low: deny }\n`
const LIST = `${HEAD}# by hand\ntools:\n  deny: [ test.do.low@v1 ]\n  allow: [ 'test.do.*' ]\n`
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

/** Asks for an overlay without its file, as the firewall does. */
async function asked(content: string, by = first): Promise<string> {
  const { pack, overlay: previous } = by.policy.snapshot()
  const outcome = await by.kernel.act(policyWrite, { target: pack, input: { pack, content, previous } })
  if (outcome.status !== 'pending') throw new Error(`expected pending, got ${JSON.stringify(outcome)}`)
  return outcome.approval.id
}

async function approve(id: string, by = first): Promise<Outcome | undefined> {
  const { outcome } = await by.approvals.decide(id, { verdict: 'approve', by: by.kernel.actor() })
  return outcome
}

/** The overlay file, its digest and the place of its first line that holds `part`. */
function written(part = '') {
  const text = readFileSync(world.overlay, 'utf8')
  const line = text.split('\n').findIndex((each) => each.includes(part)) + 1
  return { text, digest: sha256(text), at: `${NAME}:${line}` }
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

  it('that is gone is not offered for adoption as it is', async () => {
    edit(DENY_LOW)
    await approve(await adopt())
    rmSync(world.overlay)
    expect(await first.check()).toMatchObject({ level: 'warn', message: expect.stringContaining('is gone') })
  })

  it('is in force once adopted and approved, in every process from its next call on', async () => {
    const second = await world.open()
    edit(LIST)
    const before = statSync(world.overlay).ino
    const id = await adopt()
    expect((await call(first)).status, 'asked for is not approved').toBe('done')
    expect((await first.approvals.get(id))?.asks).toMatchObject([
      {
        plugin: 'cloned.policy',
        key: 'policy-write',
        reason: 'the policy would change: adds tools.allow: test.do.*, tools.deny: test.do.low@v1',
      },
    ])
    const outcome = await approve(id)
    expect(outcome).toMatchObject({ status: 'done', output: { pack: 'personal', digest: written().digest } })
    for (const opened of [first, second]) {
      expect(await call(opened)).toMatchObject({
        status: 'denied',
        help: expect.stringContaining('cloned policy adopt'),
      })
      expect((await call(opened)).ballot[1]).toMatchObject({
        effect: 'deny',
        rule: `${written('deny:').at} tools.deny`,
      })
      expect((await call(opened, 'high')).status).toBe('done')
      expect(opened.policy.snapshot()).toMatchObject({ overlay: written().digest, drift: false })
      expect((await opened.check()).level).toBe('ok')
    }
    expect(written().text, 'with its comments').toContain('# by hand\ntools:\n')
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
    expect(first.policy.snapshot().overlay).toBe(written('risk: { low: deny }').digest)
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
    ['no previous', { pack: 'personal', content: HEAD }, 'ACTION_INVALID'],
    ['an unknown key', { pack: 'personal', content: HEAD, previous: null, force: true }, 'ACTION_INVALID'],
  ])('is denied unasked: %s', async (_, input, code) => {
    expect(await write(input)).toMatchObject({ status: 'denied', code })
    expect(await first.approvals.list()).toEqual([])
  })

  it('is asked for even where the overlay in force allows everything', async () => {
    const open = `${HEAD}tools: { allow: ['*'] }\nactions: { '*': allow }\n`
    edit(open)
    await approve(await adopt())
    expect((await call(first, 'high')).status).toBe('done')
    expect((await write({ pack: 'personal', content: HEAD, previous: written().digest })).status).toBe('pending')
  })

  it('is denied where the overlay in force says so, its own undoing included', async () => {
    const closed = `${HEAD}actions: { policy.write: deny }\n`
    edit(closed)
    await approve(await adopt())
    expect(await write({ pack: 'personal', content: HEAD, previous: written().digest })).toMatchObject({
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
    expect(written().text).toContain(winner.slice(HEAD.length))
    for (const opened of [first, second]) {
      await call(opened)
      expect(opened.policy.snapshot()).toMatchObject({ overlay: written().digest, drift: false })
    }
  })

  it('that is recorded but cannot be written to its file is in force, says so, and its file is written at the next start', async () => {
    const second = await world.open()
    const id = await asked(DENY_LOW)
    const policies = dirname(world.overlay)
    mkdirSync(policies)
    renameSync(policies, `${policies}.away`)
    symlinkSync(join(world.root, 'missing'), policies)
    expect(await approve(id)).toMatchObject({ status: 'failed', effect: 'happened' })
    rmSync(policies)
    expect((await call(first)).status).toBe('denied')
    await pause(60)
    expect((await call(second)).status, 'in another process').toBe('denied')
    expect(existsSync(world.overlay)).toBe(false)
    const third = await world.open()
    expect(written().digest).toBe(third.policy.snapshot().overlay)
    expect(third.policy.snapshot().drift).toBe(false)
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
    await expect(approve(id, ann)).rejects.toSatisfy(isClonedError)
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
    expect(json).toMatchObject({ snapshot: { pack: 'personal', overlay: written().digest, drift: false } })
    expect(text).toContain(`tools.deny | test.do.low@v1 | ${written('deny:').at} tools.deny`)
    expect(text).toContain('tools.risk.high | ask | personal pack: tools.risk.high')
    expect(text).toContain('budgets | calls 20000 per 1h | personal pack: budgets')
    expect((json as JsonObject)['tools']).toEqual([
      { tool: 'test.do.high@v1', risk: 'high', answer: 'allow', rule: `${written('allow:').at} tools.allow` },
      { tool: 'test.do.low@v1', risk: 'low', answer: 'deny', rule: `${written('deny:').at} tools.deny` },
      { tool: 'test.do.medium@v1', risk: 'medium', answer: 'allow', rule: `${written('allow:').at} tools.allow` },
    ])
  })
})
