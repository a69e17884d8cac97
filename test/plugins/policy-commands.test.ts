// The rules for the commands that show, compare, test and take back a policy; none of them changes one unasked.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isClonedError, type JsonObject, policyWrite, sha256 } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { compileJudge } from '../../plugins/firewall/firewall.js'
import { parseCases, runCases } from '../../plugins/policy/cases.js'
import type { PackName } from '../../plugins/policy/document.js'
import { compilePolicy } from '../../plugins/policy/effective.js'
import { type Opened, policyWorld, type World } from './policy-fixture.js'

const HEAD = 'version: 1\npack: personal\n'
const DENY_LOW = `${HEAD}tools:\n  risk: { low: deny }\n`
const DENY_ALL = `${HEAD}tools:\n  deny: [ '*' ] # stop\n`

let world: World
let first: Opened
beforeEach(async () => {
  world = await policyWorld()
  first = await world.open()
})
afterEach(() => world.close())

async function apply(content: string, by = first): Promise<string> {
  const { pack, overlay: previous } = by.policy.snapshot()
  const outcome = await by.kernel.act(policyWrite, { target: pack, input: { pack, content, previous } })
  if (outcome.status !== 'pending') throw new Error(`expected pending, got ${JSON.stringify(outcome)}`)
  return await approve(outcome.approval.id, by)
}

async function approve(id: string, by = first): Promise<string> {
  const { outcome } = await by.approvals.decide(id, { verdict: 'approve', by: by.kernel.actor() })
  if (outcome?.status !== 'done') throw new Error(JSON.stringify(outcome))
  return String((outcome.output as JsonObject)['change'])
}

function file(name: string, text: string): string {
  const path = join(world.root, name)
  writeFileSync(path, text)
  return path
}

const call = (risk = 'low') => first.kernel.call({ tool: `test.do.${risk}@v1`, input: {} })
const code = (wanted: string) => (error: unknown) => isClonedError(error) && error.code === wanted

describe('policy diff', () => {
  it('names what a file would change against what is in force, and changes nothing', async () => {
    await apply(DENY_LOW)
    const { json } = await first.run('policy diff', {
      args: { file: file('new.yaml', `${HEAD}tools: { deny: ['a.*'] }`) },
    })
    expect(json).toMatchObject({
      added: [
        { section: 'tools.deny', value: 'a.*' },
        { section: 'tools.risk.low', value: 'allow' },
      ],
      removed: [{ section: 'tools.risk.low', value: 'deny' }],
    })
    expect((await call()).status).toBe('denied')
  })

  it('compares the overlay file when none is named', async () => {
    await apply(DENY_LOW)
    expect((await first.run('policy diff')).text).toBe('No rule would change.')
    writeFileSync(world.overlay, DENY_ALL)
    expect((await first.run('policy diff')).text).toContain('tools.deny | *')
  })
})

describe('policy validate', () => {
  it('takes a file on any pack', async () => {
    const path = file('a.yaml', 'version: 1\npack: enterprise\n')
    expect((await first.run('policy validate', { args: { file: path } })).json).toMatchObject({ pack: 'enterprise' })
  })

  it.each([
    ['of a pack that is none', 'version: 1\npack: mine\n'],
    ['with an unknown key', `${HEAD}tols: {}\n`],
    ['that is no mapping', '- 1\n'],
  ])('refuses a file %s', async (_, text) => {
    const path = file('bad.yaml', text)
    await expect(first.run('policy validate', { args: { file: path } })).rejects.toSatisfy(code('FILE_INVALID'))
  })

  it('does not call a file that is not there invalid', async () => {
    const missing = first.run('policy validate', { args: { file: join(world.root, 'none') } })
    await expect(missing).rejects.toSatisfy(code('CLI_INPUT_UNREADABLE'))
  })
})

describe('policy history and revert', () => {
  it('tell every change, newest first, each by the digest that the one after it names', async () => {
    const ids = [await apply(DENY_LOW), await apply(DENY_ALL)]
    const { changes } = (await first.run('policy history')).json as unknown as { changes: JsonObject[] }
    expect(changes.map(({ id }) => id)).toEqual(ids.toReversed())
    expect(changes[0]).toMatchObject({ previous: changes[1]?.['digest'], digest: first.policy.snapshot().overlay })
    expect(changes[1]).toMatchObject({ previous: null })
  })

  it('take a change back only once that is approved, with its comments', async () => {
    await apply(DENY_ALL)
    const second = await apply(`${HEAD}tools: { risk: { low: ask } }\n`)
    const { exit, json } = await first.run('policy revert', { args: { change: second } })
    expect(exit).toBe(4)
    expect((await call()).status).toBe('pending')
    await approve(String(((json as JsonObject)['approval'] as JsonObject)['id']))
    expect((await call()).status).toBe('denied')
    expect(readFileSync(world.overlay, 'utf8')).toContain("deny: [ '*' ] # stop")
  })

  it('take the first change back to the bare pack', async () => {
    const { digest } = first.policy.snapshot()
    const change = await apply(DENY_ALL)
    const { json } = await first.run('policy revert', { args: { change } })
    await approve(String(((json as JsonObject)['approval'] as JsonObject)['id']))
    expect(first.policy.snapshot().digest).toBe(digest)
  })

  it('know no change that is not there', async () => {
    const running = first.run('policy revert', { args: { change: 'chg_1' } })
    await expect(running).rejects.toSatisfy(code('POLICY_CHANGE_UNKNOWN'))
  })
})

describe('policy test', () => {
  const cases = (name: PackName) => fileURLToPath(new URL(`../fixtures/policy/${name}.cases.yaml`, import.meta.url))

  it.each<PackName>(['personal', 'shared', 'enterprise'])(
    'the %s pack answers every case as its table says',
    (pack) => {
      const table = parseCases(readFileSync(cases(pack), 'utf8'), pack)
      const results = runCases(table, compilePolicy(pack, undefined, pack), {
        tools: [],
        judges: () => [{ compile: compileJudge }],
      })
      expect(results.filter(({ ok }) => !ok)).toEqual([])
    },
  )

  const table = (...rows: string[]) =>
    file('cases.yaml', `version: 1\ncases:\n${rows.map((row) => `  - ${row}\n`).join('')}`)
  const run = (path: string, options = {}) => first.run('policy test', { args: { cases: path }, options })

  it('ends with 1 when one answer is another one, and names it', async () => {
    const path = table('{ tool: test.do.low@v1, expect: allow }', '{ tool: test.do.high@v1, expect: allow }')
    const { exit, json, text } = await run(path)
    expect(exit).toBe(1)
    expect(json).toMatchObject({ failed: 1 })
    expect(text).toContain('test.do.high@v1 | allow | ask | personal pack: tools.risk.high')
  })

  it.each([
    ['a tool that is not here and whose risk is not stated', '{ tool: no.such.tool@v1, expect: deny }'],
    ['a request where nobody can judge it', '{ tool: test.do.low@v1, url: "https://a.test/", expect: deny }'],
    ['another rule than the one expected', '{ tool: test.do.low@v1, expect: allow, rule: tools.allow }'],
  ])('counts as a difference: %s', async (_, row) => {
    expect((await run(table(row))).exit).toBe(1)
  })

  it('asks what is in force, a pack, or an overlay', async () => {
    await apply(DENY_ALL)
    const path = table('{ tool: test.do.low@v1, expect: deny }')
    expect((await run(path)).exit).toBe(0)
    expect((await run(path, { pack: 'personal' })).exit).toBe(1)
    expect((await run(path, { overlay: file('open.yaml', `${HEAD}tools: { deny: [test.do.low@v1] }`) })).exit).toBe(0)
    await expect(run(path, { pack: 'mine' })).rejects.toThrow('--pack is')
  })

  it('asks a pack without a workspace, and nothing else', async () => {
    const startError = (await first.run('policy adopt').catch((error: unknown) => error)) as never
    const path = table('{ tool: a.b@v1, risk: low, expect: allow }')
    const without = (options: Record<string, string>) =>
      first.run('policy test', { args: { cases: path }, options, startError })
    expect((await without({ pack: 'personal' })).exit).toBe(0)
    await expect(without({})).rejects.toSatisfy(code('POLICY_OVERLAY_MISSING'))
  })

  it.each([
    ['a case about nothing', 'version: 1\ncases: [ { expect: allow } ]'],
    ['a case about two things', 'version: 1\ncases: [ { tool: a.b@v1, action: x, expect: allow } ]'],
    ['a request of an action', 'version: 1\ncases: [ { action: x, url: "https://a.test/", expect: allow } ]'],
    ['no case', 'version: 1\ncases: []'],
    ['an unknown answer', 'version: 1\ncases: [ { tool: a.b@v1, expect: maybe } ]'],
  ])('refuses %s', async (_, text) => {
    await expect(run(file('cases.yaml', text))).rejects.toSatisfy(code('FILE_INVALID'))
  })
})

describe('policy replay', () => {
  it('tells what a candidate would answer differently, records nothing, and says what it cannot judge', async () => {
    await call()
    await call()
    await call('high')
    const lines = () => readFileSync(join(world.root, '.cloned', 'audit.log'), 'utf8')
    const before = lines()
    const candidate = file('candidate.yaml', DENY_LOW)
    const { json, text } = await first.run('policy replay', { options: { candidate } })
    expect(json).toMatchObject({
      judged: 3,
      changed: [{ kind: 'tool.call', target: 'test.do.low@v1', recorded: 'allow', candidate: 'deny', count: 2 }],
      unjudged: {},
    })
    expect(text).toContain('3 recorded calls were judged')
    expect(sha256(lines())).toBe(sha256(before))
    const same = await first.run('policy replay', { options: { candidate: file('same.yaml', HEAD) } })
    expect(same.json).toMatchObject({ judged: 3, changed: [] })
    expect((await call()).status).toBe('done')
  })

  it('begins where it is told to, and refuses what is no place', async () => {
    await call()
    const candidate = file('candidate.yaml', DENY_LOW)
    expect((await first.run('policy replay', { options: { candidate, from: '1000' } })).json).toMatchObject({
      judged: 0,
    })
    await expect(first.run('policy replay', { options: { candidate, from: '-1' } })).rejects.toThrow('--from')
    await expect(first.run('policy replay', {})).rejects.toThrow('--candidate')
  })
})
