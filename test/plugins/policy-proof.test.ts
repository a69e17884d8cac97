// The rule that only the audit log proves a policy: each way to bring another one in force by hand ends in a denial.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type JsonObject, openDatabase, policyWrite, sha256 } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeLine, encodeOwn } from '../../plugins/audit/format.js'
import { type Opened, policyWorld, type World } from './policy-fixture.js'

const HEAD = 'version: 1\npack: personal\n'
const DENY_LOW = `${HEAD}tools: { risk: { low: deny } }\n`
const OPEN = `${HEAD}tools: { allow: ['*'] }\n`

let world: World
beforeEach(async () => {
  world = await policyWorld()
})
afterEach(() => world.close())

const inside = (...parts: string[]) => join(world.root, '.cloned', ...parts)
const call = ({ kernel }: Opened) => kernel.call({ tool: 'test.do.low@v1', input: {} })

async function apply(content: string, by: Opened): Promise<void> {
  const { pack, overlay: previous } = by.policy.snapshot()
  const outcome = await by.kernel.act(policyWrite, { target: pack, input: { pack, content, previous } })
  if (outcome.status !== 'pending') throw new Error(`expected pending, got ${JSON.stringify(outcome)}`)
  const decided = await by.approvals.decide(outcome.approval.id, { verdict: 'approve', by: by.kernel.actor() })
  expect(decided.outcome).toMatchObject({ status: 'done' })
}

/** A workspace in which DENY_LOW was approved, and before it a policy that allows more; nobody has it open. */
async function closedWorld(): Promise<void> {
  const opened = await world.open()
  await apply(OPEN, opened)
  await apply(DENY_LOW, opened)
  await opened.kernel.stop()
}

function sql(text: string): void {
  const database = openDatabase(inside('state.db'))
  database.exec(text)
  database.close()
}

function lines(): JsonObject[] {
  return readFileSync(inside('audit.log'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonObject)
}

const applied = () => lines().filter(({ type }) => type === 'policy.applied')
const removeStore = () => {
  for (const end of ['', '-wal', '-shm']) rmSync(inside(`state.db${end}`), { force: true })
}
const removeLog = () => {
  rmSync(inside('audit.log'))
  rmSync(inside('audit'), { recursive: true })
}
/** The log as it was before the last policy. */
const rewindLog = () => {
  const texts = readFileSync(inside('audit.log'), 'utf8').split('\n')
  const last = texts.findLastIndex((line) => line.includes('"type":"policy.applied"'))
  rmSync(inside('audit'), { recursive: true })
  writeFileSync(inside('audit.log'), `${texts.slice(0, last).join('\n')}\n`)
}
/** What somebody does who knows the format of the log and has not its key. */
const forge = (record: JsonObject) => {
  const path = inside('audit.log')
  const text = readFileSync(path, 'utf8')
  const last = text.trimEnd().split('\n').at(-1) ?? ''
  const { v: _, seq: __, prev: ___, ...fields } = record
  const { line } = encodeLine(encodeOwn(fields), Number(JSON.parse(last).seq) + 1, sha256(`${last}\n`))
  writeFileSync(path, text + line)
}

describe('what was approved is in force and nothing else, when by hand', () => {
  it.each<[string, () => void, string]>([
    ['nothing is changed', () => undefined, 'DENIED'],
    ['the note in the store is removed', () => sql('delete from policy_applied'), 'DENIED'],
    [
      'the note is set back to an older policy',
      () => sql('update policy_applied set seq = 1, overlay = null'),
      'DENIED',
    ],
    ['the note names another policy', () => sql('update policy_applied set overlay = null'), 'POLICY_UNPROVEN'],
    [
      'the note names a policy that the log does not have',
      () => sql('update policy_applied set seq = seq + 1000, overlay = null'),
      'POLICY_UNPROVEN',
    ],
    ['the kept text is changed', () => sql(`update policy_texts set content = '${HEAD}'`), 'DENIED'],
    [
      'the kept text is changed, and the overlay file too',
      () => {
        sql(`update policy_texts set content = '${HEAD}'`)
        writeFileSync(world.overlay, HEAD)
      },
      'POLICY_UNPROVEN',
    ],
    [
      'the kept text and the overlay file are removed',
      () => {
        sql('delete from policy_texts')
        rmSync(world.overlay)
      },
      'POLICY_UNPROVEN',
    ],
    ['the overlay file is removed', () => rmSync(world.overlay), 'DENIED'],
    ['the log is removed', removeLog, 'POLICY_UNPROVEN'],
    ['the log is set back', rewindLog, 'POLICY_UNPROVEN'],
    [
      'a record of another policy is added to the log',
      () => {
        sql(`insert into policy_texts values ('${sha256(HEAD)}', '${HEAD}')`)
        forge({ ...applied().at(-1), overlay: sha256(HEAD) })
      },
      'POLICY_UNPROVEN',
    ],
    [
      'the record of an earlier policy is added to the log again',
      () => forge(applied().at(-2) ?? {}),
      'POLICY_UNPROVEN',
    ],
    ['the first record of all is added to the log again', () => forge(applied()[0] ?? {}), 'POLICY_UNPROVEN'],
    [
      'the workspace is given another type',
      () => {
        const text = readFileSync(inside('config.yaml'), 'utf8')
        writeFileSync(inside('config.yaml'), text.replace('type: personal', 'type: shared'))
      },
      'POLICY_UNPROVEN',
    ],
  ])('%s', async (_, tamper, code) => {
    await closedWorld()
    tamper()
    const opened = await world.open()
    const outcome = await call(opened)
    expect(outcome).toMatchObject({ status: 'denied', code })
    if (code === 'POLICY_UNPROVEN') {
      expect(outcome).toMatchObject({ help: expect.stringContaining('cloned policy adopt') })
      expect(await opened.check()).toMatchObject({ level: 'fail', fix: 'cloned policy adopt' })
      expect((await opened.run('policy show')).text).toContain('cannot be proven')
    }
  })

  it('the store is removed: the overlay file is believed when it is what the log names', async () => {
    await closedWorld()
    removeStore()
    const opened = await world.open()
    expect(opened.policy.snapshot().overlay).toBe(sha256(readFileSync(world.overlay, 'utf8')))
    await opened.kernel.stop()
    removeStore()
    writeFileSync(world.overlay, OPEN)
    expect(await call(await world.open())).toMatchObject({ status: 'denied', code: 'POLICY_UNPROVEN' })
  })

  it('the note is changed while a process runs: it denies from its next look on', async () => {
    await closedWorld()
    const opened = await world.open()
    expect(await call(opened)).toMatchObject({ code: 'DENIED' })
    sql('update policy_applied set seq = seq + 1000, overlay = null')
    await expect.poll(async () => ((await call(opened)) as { code?: string }).code).toBe('POLICY_UNPROVEN')
  })
})

describe('the way out of a policy that is not proven', () => {
  it('is one command, which is asked for, recorded, and leaves a policy that is proven', async () => {
    await closedWorld()
    removeLog()
    const opened = await world.open()
    const { exit, json } = await opened.run('policy adopt')
    expect(exit).toBe(4)
    expect((await call(opened)).status, 'asked for is not approved').toBe('denied')
    const { id, asks } = (json as unknown as { approval: { id: string; asks: { reason: string }[] } }).approval
    expect(asks[0]?.reason).toContain('tools.risk.low: deny')
    await opened.approvals.decide(id, { verdict: 'approve', by: opened.kernel.actor() })
    expect(await call(opened)).toMatchObject({ status: 'denied', code: 'DENIED' })
    expect(applied()).toHaveLength(1)
    const again = await world.open()
    expect(await call(again)).toMatchObject({ status: 'denied', code: 'DENIED' })
    expect((await again.check()).level).toBe('ok')
  })

  it('out of a forged record is decided by the rules that were approved last, not by those that it names', async () => {
    await world.close()
    world = await policyWorld('enterprise')
    const before = await world.open('ann')
    await before.kernel.stop()
    const self = 'version: 1\npack: enterprise\napprovals: { self_decision: true }\n'
    sql(`insert into policy_texts values ('${sha256(self)}', '${self}')`)
    forge({ ...applied().at(-1), overlay: sha256(self) })
    const ann = await world.open('ann')
    expect(await call(ann)).toMatchObject({ status: 'denied', code: 'POLICY_UNPROVEN' })
    const { json } = await ann.run('policy adopt')
    const { id } = (json as unknown as { approval: { id: string } }).approval
    await expect(ann.approvals.decide(id, { verdict: 'approve', by: ann.kernel.actor() })).rejects.toThrow()
  })

  it('out of another type is decided by the rules of the type that the log names', async () => {
    await world.close()
    world = await policyWorld('enterprise')
    const before = await world.open('ann')
    expect((await call(before)).status).toBe('pending')
    await before.kernel.stop()
    writeFileSync(
      inside('config.yaml'),
      readFileSync(inside('config.yaml'), 'utf8').replace('type: enterprise', 'type: personal'),
    )
    const ann = await world.open('ann')
    expect(await call(ann)).toMatchObject({ status: 'denied', code: 'POLICY_UNPROVEN' })
    const { json } = await ann.run('policy adopt')
    const { id, asks } = (json as unknown as { approval: { id: string; asks: { reason: string }[] } }).approval
    expect(asks[0]?.reason).toContain('pack enterprise becomes personal')
    await expect(ann.approvals.decide(id, { verdict: 'approve', by: ann.kernel.actor() })).rejects.toThrow()
    const bob = await world.open('bob')
    await bob.approvals.decide(id, { verdict: 'approve', by: bob.kernel.actor() })
    await expect.poll(async () => (await call(ann)).status).toBe('done')
  })
})

describe('a process that died while it wrote the policy', () => {
  it('before the record: nothing is in force', async () => {
    const opened = await world.open()
    await opened.kernel.stop()
    sql(`insert into policy_texts values ('${sha256(DENY_LOW)}', '${DENY_LOW}')`)
    expect((await call(await world.open())).status).toBe('done')
  })

  it.each([
    ['after the record: it is in force', 'update policy_applied set seq = 1, overlay = null, filed = 1'],
    ['after the note: it is in force', 'update policy_applied set filed = 0'],
  ])('%s, and its file is written by the next that starts', async (_, died) => {
    const opened = await world.open()
    await apply(DENY_LOW, opened)
    const { overlay } = opened.policy.snapshot()
    await opened.kernel.stop()
    rmSync(world.overlay)
    sql(died)
    const next = await world.open()
    expect((await call(next)).status).toBe('denied')
    expect(next.policy.snapshot()).toMatchObject({ overlay, drift: false })
    expect(sha256(readFileSync(world.overlay, 'utf8'))).toBe(overlay)
  })

  it('and left an edit of the file behind: the edit stays', async () => {
    const opened = await world.open()
    await apply(DENY_LOW, opened)
    await opened.kernel.stop()
    writeFileSync(world.overlay, OPEN)
    sql('update policy_applied set filed = 0')
    const next = await world.open()
    expect((await call(next)).status).toBe('denied')
    expect(readFileSync(world.overlay, 'utf8')).toBe(OPEN)
  })
})

describe('the record', () => {
  it('of a new workspace names its pack, once for all of its processes', async () => {
    const [first, second] = await Promise.all([world.open(), world.open()])
    await world.open()
    for (const opened of [first, second]) expect((await call(opened)).status).toBe('done')
    expect(applied()).toMatchObject([{ pack: 'personal', overlay: null, previous: null }])
    expect(existsSync(world.overlay)).toBe(false)
  })

  it('of a write names the overlay, the one before it, and the call; it lies before the outcome', async () => {
    const opened = await world.open()
    await apply(OPEN, opened)
    const first = opened.policy.snapshot().overlay
    await apply(DENY_LOW, opened)
    const [, , last] = applied()
    expect(last).toMatchObject({ pack: 'personal', overlay: opened.policy.snapshot().overlay, previous: first })
    const outcome = lines().findLast(({ type, status }) => type === 'policy.outcome' && status === 'done')
    expect(outcome?.['call_id']).toBe(last?.['call_id'])
    expect(Number(outcome?.['seq'])).toBeGreaterThan(Number(last?.['seq']))
  })

  it('waits for whoever is changing the policy, and is in force after that', async () => {
    mkdirSync(dirname(world.overlay), { recursive: true })
    const opened = await world.open()
    const { pack, overlay: previous } = opened.policy.snapshot()
    const outcome = await opened.kernel.act(policyWrite, { target: pack, input: { pack, content: DENY_LOW, previous } })
    if (outcome.status !== 'pending') throw new Error('not pending')
    const lock = openDatabase(inside('policy.lock'), { timeout: 0 })
    lock.exec('begin immediate')
    const deciding = opened.approvals.decide(outcome.approval.id, { verdict: 'approve', by: opened.kernel.actor() })
    expect((await call(opened)).status).toBe('done')
    lock.close()
    expect((await deciding).outcome).toMatchObject({ status: 'done' })
  })
})
