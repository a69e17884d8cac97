// Makes actions of every odd shape that the gate lets a guard see: prepared, valid JSON, deep-frozen; the same every time.
import type { Action, ToolCall } from '../action.js'
import { type Hook, onPolicyWrite } from '../hooks.js'
import { digest, type Json, snapshot } from '../json.js'
import type { Risk } from '../tool.js'

const TEXTS = [
  '',
  ' ',
  'x',
  'a'.repeat(5_000),
  '__proto__',
  'constructor',
  '../../etc/passwd',
  'C:\\..\\x',
  'line\nfeed\u0000nul',
  '\u202egnp.exe',
  '\u{1f600}',
  '\u0024{secret}',
  '{{secret}}',
  "'; drop table t; --",
  'https://user:pass@[::1]:0/%2e%2e',
  'ＥＸＡＭＰＬＥ．ＣＯＭ',
]
const OTHERS: readonly Json[] = [
  null,
  true,
  -1,
  1e308,
  Number.MIN_VALUE,
  [],
  {},
  [[[[]]]],
  { constructor: { prototype: {} } },
]
const RISKS: readonly Risk[] = ['low', 'medium', 'high']

/** The same numbers for the same seed: a failing case can be run again. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** What the guards of this hook may see; empty for a hook whose subjects only its owner knows. */
export function fuzzedSubjects(hook: Hook, count = 200): readonly unknown[] {
  const make = makers[hook.id]
  if (!make) return []
  return Array.from({ length: count }, (_, seed) => make(numbers(seed)))
}

type Numbers = (below: number) => number
const makers: { readonly [hook: string]: (next: Numbers) => unknown } = {
  beforeToolCall: toolCall,
  beforeAction: (next) => (next(2) === 0 ? toolCall(next) : action(next, text(next), json(next, 3))),
  [onPolicyWrite.id]: (next) =>
    action(next, 'policy.write', {
      pack: text(next),
      content: text(next),
      previous: next(2) === 0 ? null : digest(next(9)),
    }),
  beforeEgress: (next) => check(next, { url: text(next), method: text(next) }),
  beforeSecretUse: (next) => check(next, { secret: text(next), host: text(next), slot: text(next) }),
}

// Guards look at some tools only, by what they can do: without real names they would never be asked.
const CAPABILITIES = ['fs.read', 'fs.write', 'artifact.write', 'http', 'email']

function text(next: Numbers): string {
  return TEXTS[next(TEXTS.length)] ?? ''
}

function json(next: Numbers, depth: number): Json {
  switch (depth === 0 ? next(2) : next(5)) {
    case 0:
      return text(next)
    case 1:
      return OTHERS[next(OTHERS.length)] ?? null
    case 2:
      return Array.from({ length: next(4) }, () => json(next, depth - 1))
    default:
      return input(next, depth)
  }
}

/** `__proto__` is a key that no input has: the gate refuses it before anybody sees it. */
function input(next: Numbers, depth: number): { readonly [key: string]: Json } {
  const keys = ['path', 'content', 'url', text(next)].filter((key) => key !== '__proto__' && next(2) === 0)
  return Object.fromEntries(keys.map((key) => [key, json(next, depth - 1)]))
}

function action(next: Numbers, kind: string, value: Json): Action {
  const actors = ['user:me', 'device:d', 'agent:a', 'run:r', `agent:${'a'.repeat(128)}`]
  return Object.freeze({
    callId: `call-${next(1_000)}`,
    kind,
    target: text(next),
    actor: Object.freeze({ id: actors[next(actors.length)] ?? '', claimed: next(2) === 0, osUser: text(next) }),
    input: snapshot(value),
    digest: digest(next(1_000)),
    at: next(2) === 0 ? 0 : 4e12,
    depth: next(9),
    dryRun: next(2) === 0,
    ...(next(3) === 0 ? { parent: 'call-parent' } : {}),
    ...(next(3) === 0 ? { resumed: 'ap_1' } : {}),
  })
}

function toolCall(next: Numbers): ToolCall {
  const names = ['cloned.internal.fs.write@v1', 'cloned.internal.artifact.save@v1', 'acme.x@v999999', 'a.b@v1']
  const id = names[next(names.length)] ?? ''
  const contract = {
    id,
    title: text(next),
    description: text(next),
    input: { type: 'object' },
    output: {},
    risk: RISKS[next(RISKS.length)] ?? 'high',
    capability: next(2) === 0 ? (CAPABILITIES[next(CAPABILITIES.length)] ?? '') : text(next),
    idempotent: next(2) === 0,
    cost: next(2) === 0 ? {} : { tokens: 1e9, money: 0.000_001 },
    timeoutMs: 1,
  }
  const call = { ...action(next, 'tool.call', input(next, 3)), target: id }
  return Object.freeze({ ...call, tool: snapshot(contract) }) as unknown as ToolCall
}

function check(next: Numbers, subject: Json): unknown {
  return Object.freeze({ action: toolCall(next), subject: snapshot(subject) })
}
