// The rules for the files of the policy: what is refused and how, and what is in force while a file changes.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Action, isClonedError, type JsonObject, sha256 } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseDocument } from '../../plugins/policy/document.js'
import { createPolicy, type LivePolicy } from '../../plugins/policy/live.js'
import type { Standing } from '../../plugins/policy/standing.js'

const NAME = '.cloned/policy/personal.yaml'
const HEAD = 'version: 1\npack: personal\n'
const text = (...lines: string[]) => `${HEAD}${lines.join('\n')}\n`
const RISK_ASK = text('tools:', '  risk: { low: ask }')
const RISK_DENY = text('tools:', '  risk: { low: deny }')
const READ = { kind: 'tool.call', target: 'a.b@v1', tool: { id: 'a.b@v1', risk: 'low' } } as unknown as Action

let dir: string
let path: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cloned-policy-'))
  path = join(dir, 'personal.yaml')
})
afterEach(async () => {
  await rm(dir, { recursive: true, force: true })
})

function refusal(step: () => unknown): { code: string; message: string } {
  try {
    step()
  } catch (error) {
    if (isClonedError(error)) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('nothing was refused')
}

/** What other processes have put in force, as the ledger would answer it: a read answers what was there when it began. */
function ledgerOf() {
  const state: { standing: Standing; error: Error | undefined; reads: number; looks: number } = {
    standing: { state: 'fresh' },
    error: undefined,
    reads: 0,
    looks: 0,
  }
  const answer = async <T>(value: T): Promise<T> => {
    const { error } = state
    await new Promise(setImmediate)
    if (error) throw error
    return value
  }
  const read = () => {
    state.reads++
    return answer(state.standing)
  }
  return {
    state,
    begin: read,
    read,
    version: () => {
      state.looks++
      return answer(JSON.stringify(state.standing))
    },
    approve: (text: string) => {
      state.standing = proven(text)
    },
  }
}

let seq = 0
function proven(text: string): Standing {
  return { state: 'proven', pack: 'personal', overlay: sha256(text), text, seq: ++seq }
}

const clock = { at: 0 }

function open(ledger: ReturnType<typeof ledgerOf>, warnings: string[] = []): LivePolicy {
  const log = { warn: (message: string) => void warnings.push(message) }
  return createPolicy({ pack: 'personal', path, name: NAME, ledger, log, tick: () => clock.at })
}

async function started(ledger = ledgerOf(), warnings: string[] = []) {
  const policy = open(ledger, warnings)
  await policy.start()
  return { policy, ledger }
}

/** Replaces the overlay as an editor or another process does: the new file has a new inode. */
function put(content: string): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

describe('a document is refused', () => {
  const aliases = ['tools:', '  deny: &a [x.*]', '  ask:', ...Array(101).fill('    - *a')]
  it.each<[string, string, string]>([
    ['duplicate keys', text('tools: {}', 'tools: {}'), ':4: Map keys must be unique'],
    ['more than 100 aliases', text(...aliases), 'more than 100 aliases'],
    ['a custom tag', text('tools: !!js/function "x"'), ':3: Unresolved tag'],
    ['1 MB and more', text(`# ${'x'.repeat(1024 * 1024)}`), 'the file is 1 MB or larger'],
    ['an unknown key', text('tools:', '  deny: []', '  denny: []'), ':5: /tools/denny is not a known key'],
    ['an unknown section', text('rules: []'), ':3: /rules is not a known key'],
    ['a syntax error', text('tools: ['), ':'],
    ['an empty file', '', '/ must be object'],
    ['another version', 'version: 2\npack: personal\n', ':1: /version'],
    ['another pack', 'version: 1\npack: shared\n', ':2: /pack must be personal'],
    ['no pack', 'version: 1\n', '/pack is missing'],
    ['an unknown answer', text('tools:', '  risk:', '    low: maybe'), ':5: /tools/risk/low must be one of'],
    [
      'a tool without its version, which would match nothing',
      text('tools:', '  deny:', '    - a.b'),
      ':5: /tools/deny/0',
    ],
    ['a tool in capitals, which would match nothing', text('tools:', '  deny: [A.*]'), ':4: /tools/deny/0'],
    ['a pattern longer than 200', text('tools:', `  deny: ["${'a'.repeat(200)}*"]`), ':4: /tools/deny/0'],
    [
      'a policy write that is allowed',
      text('actions:', '  policy.write: allow'),
      ':4: /actions/policy.write must be ask or deny',
    ],
    ['an answer for tool calls among the actions', text('actions:', '  tool.call: allow'), ':4: /actions/tool.call'],
    ['a duration without a unit', text('approvals:', '  expires: 10'), ':4: /approvals/expires'],
    ['a duration of nothing', text('approvals:', '  expires: 0h'), ':4: /approvals/expires'],
    ['a negative limit', text('budgets:', '  - { category: calls, limit: -1, window: 1h }'), ':4: /budgets/0/limit'],
    [
      'a cap for no tool',
      text('budgets:', '  - { category: c, limit: 1, window: 1h, tools: [] }'),
      ':4: /budgets/0/tools',
    ],
    [
      'a cap given twice',
      text('budgets:', '  - { category: c, limit: 1, window: 1h }', '  - { category: c, limit: 2, window: 60m }'),
      ':5: /budgets/1 repeats a cap',
    ],
    [
      'an approver nobody could recognise',
      text('approvals:', '  approvers: [{ id: "user:b" }]'),
      ':4: /approvals/approvers/0',
    ],
    [
      'two approvers of one user, who would be a quorum of one',
      text('approvals:', '  approvers:', '    - { id: "user:b", os_user: b }', '    - { id: "user:c", os_user: b }'),
      ':6: /approvals/approvers/1/os_user belongs to another approver',
    ],
    [
      'two approvers with one key',
      text(
        'approvals:',
        '  approvers:',
        ...['b', 'c'].map((id) => `    - { id: "user:${id}", key: ${'A'.repeat(43)} }`),
      ),
      ':6: /approvals/approvers/1/key belongs to another approver',
    ],
    [
      'a key that is none',
      text('approvals:', `  approvers: [{ id: "user:b", key: ${'A'.repeat(42)}B }]`),
      ':4: /approvals/approvers/0/key',
    ],
    [
      'a quorum that nobody can reach',
      text('approvals:', '  rules:', '    - { actions: [policy.write], quorum: { n: 1, role: owners } }'),
      '/approvals/rules/0/quorum cannot be reached',
    ],
    [
      'an escalation to nobody',
      text('approvals:', '  rules:', '    - { tools: ["*"], escalate: { after: 1h, role: owners } }'),
      '/approvals/rules/0/escalate leads nowhere',
    ],
    [
      'an approval rule about nothing',
      text('approvals:', '  rules: [{ grants: deny }]'),
      '/approvals/rules/0 needs tools',
    ],
    ['an origin with a path', text('ui:', '  origins: ["https://a.test/"]'), ':4: /ui/origins/0'],
    ['an origin without encryption', text('ui:', '  origins: ["http://a.test"]'), ':4: /ui/origins/0'],
    ['metadata of a change that lacks its approval', text('change: { id: chg_1 }'), ':3: /change'],
    ['a prototype key', text('actions:', '  __proto__: allow'), '__proto__'],
    ['depth beyond the limit', text(`tools: ${'['.repeat(100)}${']'.repeat(100)}`), 'limit of 64 levels'],
  ])('%s', (_, content, words) => {
    const { code, message } = refusal(() => parseDocument(content, { path: NAME, pack: 'personal' }))
    expect(code).toBe('FILE_INVALID')
    expect(message).toContain(NAME)
    expect(message).toContain(words)
  })

  it('with all of its problems at once', () => {
    const wrong = text('actions: { policy.write: allow, tool.call: ask }').replace('personal', 'shared')
    const { message } = refusal(() => parseDocument(wrong, { path: NAME, pack: 'personal' }))
    for (const problem of ['/pack', '/actions/policy.write', '/actions/tool.call']) expect(message).toContain(problem)
  })
})

describe('an overlay file that cannot be used denies everything, and changes nothing', () => {
  const rows: [string, () => void, string][] = [
    ['a syntax error', () => put('version: ['), ':1'],
    ['not UTF-8', () => writeFileSync(path, Buffer.from([0x76, 0xff, 0xfe])), 'not UTF-8'],
    ['1 MB and more', () => writeFileSync(path, Buffer.alloc(1024 * 1024, 0x20)), '1 MB or larger'],
    ['a directory', () => mkdirSync(path), 'not a plain file'],
    ['a link to itself', () => symlinkSync(path, path), 'ELOOP'],
    ['a pipe without a writer', () => execFileSync('mkfifo', [path]), 'not a plain file'],
  ]

  it.each(rows)('%s, at start', async (_, spoil, words) => {
    spoil()
    const { policy } = await started()
    for (const ask of [() => policy.snapshot(), () => policy.decide(READ), () => policy.file()]) {
      const { code, message } = refusal(ask)
      expect(code).toBe('FILE_INVALID')
      expect(message).toContain(words)
    }
  })

  it.each(rows)('%s, while running, until it is mended', async (_, spoil, words) => {
    const { policy } = await started()
    expect(policy.decide(READ).answer).toBe('allow')
    spoil()
    await nextTurn()
    expect(refusal(() => policy.decide(READ)).message).toContain(words)
    expect(refusal(() => policy.decide(READ)).message, 'again').toContain(words)
    rmSync(path, { recursive: true })
    await nextTurn()
    expect(policy.decide(READ).answer).toBe('allow')
  })

  it('the bytes stay as they were', async () => {
    put('version: [')
    const { policy } = await started()
    refusal(() => policy.snapshot())
    expect(readFileSync(path, 'utf8')).toBe('version: [')
  })
})

describe('what is in force', () => {
  it('the pack alone, when nothing was approved and there is no file', async () => {
    const { policy } = await started()
    expect(policy.snapshot()).toMatchObject({ pack: 'personal', overlay: null, drift: false })
  })

  it('not an overlay that was only written: it is drift', async () => {
    put(RISK_DENY)
    const { policy } = await started()
    expect(policy.snapshot()).toMatchObject({ overlay: null, drift: true })
    expect(policy.decide(READ)).toMatchObject({ answer: 'allow', rule: 'personal pack: tools.risk.low' })
  })

  it('the approved overlay, named by the lines of its file', async () => {
    const ledger = ledgerOf()
    ledger.approve(RISK_ASK)
    put(RISK_ASK)
    const { policy } = await started(ledger)
    expect(policy.snapshot()).toMatchObject({ overlay: sha256(RISK_ASK), drift: false })
    expect(policy.decide(READ)).toMatchObject({ answer: 'ask', rule: `${NAME}:4 tools.risk.low` })
  })

  it.each<[string, () => void]>([
    ['edited', () => put(RISK_DENY)],
    ['removed', () => rmSync(path)],
    ['edited in place, its size and modification time put back', disguise],
  ])('the approved overlay still, when its file is %s', async (_, tamper) => {
    const ledger = ledgerOf()
    ledger.approve(RISK_ASK)
    put(RISK_ASK)
    utimesSync(path, 1000, 1000)
    const { policy } = await started(ledger)
    const { epoch } = policy.snapshot()
    tamper()
    policy.snapshot()
    await policy.reading()
    expect(policy.snapshot()).toMatchObject({ overlay: sha256(RISK_ASK), drift: true, epoch })
    expect(policy.decide(READ)).toMatchObject({ answer: 'ask', rule: `${NAME} (as approved):4 tools.risk.low` })
  })

  function disguise(): void {
    const { ctimeMs } = statSync(path)
    // The change time moves in ticks of some milliseconds.
    while (statSync(path).ctimeMs === ctimeMs) {
      writeFileSync(path, RISK_ASK.replace('{ low: ask }', '{low : ask }'))
      utimesSync(path, 1000, 1000)
    }
  }

  it('what another process applied, as soon as its file is seen and its row is read', async () => {
    const ledger = ledgerOf()
    const { policy } = await started(ledger)
    const before = policy.snapshot()
    ledger.approve(RISK_DENY)
    put(RISK_DENY)
    expect(policy.snapshot(), 'the last approved one until the row is read').toMatchObject({
      overlay: null,
      drift: true,
    })
    await policy.reading()
    expect(policy.snapshot()).toMatchObject({ overlay: sha256(RISK_DENY), drift: false, epoch: before.epoch + 1 })
    expect(policy.decide(READ).answer).toBe('deny')
  })

  it('what was applied while the row was being read', async () => {
    const ledger = ledgerOf()
    const { policy } = await started(ledger)
    put(RISK_ASK)
    policy.snapshot()
    const reading = policy.reading()
    ledger.approve(RISK_DENY)
    put(RISK_DENY)
    policy.snapshot()
    await reading
    expect(policy.snapshot()).toMatchObject({ overlay: sha256(RISK_DENY), drift: false })
  })

  it('what this process put in force, even when a read that began before ends after', async () => {
    const ledger = ledgerOf()
    const { policy } = await started(ledger)
    put(RISK_ASK)
    policy.snapshot()
    const reading = policy.reading()
    expect(reading).toBeDefined()
    ledger.approve(RISK_DENY)
    policy.put(proven(RISK_DENY))
    const seen = new Set<string | null>()
    while (policy.reading()) {
      seen.add(policy.snapshot().overlay)
      await new Promise(setImmediate)
    }
    await reading
    expect([...seen, policy.snapshot().overlay]).toEqual([sha256(RISK_DENY), sha256(RISK_DENY)])
  })

  it('the last approved one when the store fails, and it is asked again', async () => {
    const warnings: string[] = []
    const { policy, ledger } = await started(ledgerOf(), warnings)
    ledger.state.error = new Error('disk on fire')
    ledger.approve(RISK_DENY)
    put(RISK_DENY)
    policy.snapshot()
    await expect(policy.reading()).rejects.toThrow('disk on fire')
    expect(policy.snapshot().overlay).toBe(null)
    await expect(policy.reading()).rejects.toThrow('disk on fire')
    expect(warnings[0]).toContain('stays in force')
    ledger.state.error = undefined
    policy.snapshot()
    await policy.reading()
    expect(policy.snapshot().overlay).toBe(sha256(RISK_DENY))
  })

  it('nothing, when what was approved cannot be used any more', async () => {
    const ledger = ledgerOf()
    ledger.approve('version: 7')
    const { policy } = await started(ledger)
    const { code, message } = refusal(() => policy.decide(READ))
    expect(code).toBe('FILE_INVALID')
    expect(message).toContain('(as approved)')
  })

  it('what another process applied without its file, at the first call 50 ms after it', async () => {
    const { policy, ledger } = await started()
    ledger.approve(RISK_DENY)
    expect(policy.decide(READ).answer).toBe('allow')
    expect(policy.reading()).toBeUndefined()
    clock.at += 50
    policy.decide(READ)
    await policy.reading()
    expect(policy.decide(READ).answer).toBe('deny')
  })

  it('looks at the store at most once in 50 ms', async () => {
    const { policy, ledger } = await started()
    const { looks } = ledger.state
    for (let i = 0; i < 100; i++) {
      clock.at += 1
      policy.decide(READ)
      await policy.reading()
    }
    expect(ledger.state.looks - looks).toBe(2)
    expect(ledger.state.reads).toBe(1)
  })

  it('the row is not read again while nothing happens to the file', async () => {
    put(RISK_ASK)
    const { policy, ledger } = await started()
    const { reads } = ledger.state
    const first = policy.snapshot()
    for (let i = 0; i < 100; i++) expect(policy.snapshot()).toBe(first)
    expect(ledger.state.reads).toBe(reads)
  })
})

describe('the published schema', () => {
  const schema = JSON.parse(
    readFileSync(new URL('../../schemas/policy_pack.schema.json', import.meta.url), 'utf8'),
  ) as JsonObject

  it('carries a version in its id', () => {
    expect(schema['$id']).toMatch(/\/policy_pack\/\d+\.\d+\.\d+\.json$/)
  })

  it('describes every field and is open nowhere', () => {
    const gaps: string[] = []
    const walk = (node: unknown, at: string): void => {
      if (typeof node !== 'object' || node === null) return
      const { properties, patternProperties, type, additionalProperties } = node as Record<string, unknown>
      if (type === 'object' && additionalProperties !== false) gaps.push(`${at} is open`)
      for (const [name, field] of Object.entries({ ...(properties as object), ...(patternProperties as object) })) {
        if (typeof (field as JsonObject)['description'] !== 'string') gaps.push(`${at}/${name} is not described`)
      }
      for (const [key, inner] of Object.entries(node)) walk(inner, `${at}/${key}`)
    }
    walk(schema, '')
    expect(gaps).toEqual([])
  })

  it.each(['personal', 'shared', 'enterprise'] as const)(
    'fits the %s pack, which leaves nothing to the defaults',
    (pack) => {
      const file = new URL(`../../plugins/policy/packs/${pack}.yaml`, import.meta.url)
      const text = readFileSync(file, 'utf8')
      const { tools, actions, publishers, approvals, budgets } = parseDocument(text, { path: pack, pack })
      expect(Object.keys(tools?.risk ?? {}).sort()).toEqual(['high', 'low', 'medium'])
      expect(Object.keys(actions ?? {}).sort()).toEqual([
        '*',
        'connector.disable',
        'connector.enable',
        'connector.install',
        'connector.remove',
        'egress.connect',
        'mcp.request',
        'mcp.tools',
        'mcp.unwrap',
        'mcp.wrap',
        'pairing.approve',
        'pairing.invite',
        'pairing.revoke',
        'policy.write',
        'sandbox.off',
        'sandbox.required',
        'secret.use',
        'trust.write',
        'webhook.add',
        'webhook.deliver',
        'webhook.remove',
      ])
      expect(Object.keys(publishers ?? {})).toEqual(['others'])
      expect(Object.keys(approvals ?? {}).sort()).toEqual([
        'expires',
        'max_pending_per_actor',
        'rules',
        'self_decision',
      ])
      expect(approvals?.self_decision).toBe(pack === 'personal')
      expect(budgets?.some(({ category }) => category === 'calls')).toBe(true)
    },
  )
})
