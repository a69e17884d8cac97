// Takes a client's own tool call through the gate and says what the client may do; in doubt it may not.
import { type AuditLog, canonical, type Gate, type JsonObject, type Outcome } from 'cloned/kernel'
import type { HookAnswer, HookEvent, Hooked } from './formats.js'
import type { NativeInput, NativeTools } from './tools.js'
import type { NativeUses } from './uses.js'

export interface JudgeParts {
  readonly gate: Pick<Gate, 'call' | 'explain'>
  readonly audit: Pick<AuditLog, 'append' | 'token'>
  readonly tools: NativeTools
  readonly uses: NativeUses
  readonly now: () => number
  /** Whether the person at the client may decide alone, as the policy stands. */
  readonly personDecides: () => boolean
  /** Whether the call goes to this program's gateway, which judges it itself. */
  readonly governed: (client: Hooked, event: HookEvent) => boolean
  readonly howToDecide: (asked: { id: string; osUser: string }) => string
}

/** Before a call. Nothing that is thrown here lets it through: the hook then ends with a code that blocks. */
export async function judge(client: Hooked, event: HookEvent, parts: JudgeParts): Promise<HookAnswer> {
  if (parts.governed(client, event)) return { decision: 'allow' }
  const tool = parts.tools.know(client, event.tool)
  const input: NativeInput = { tool: event.tool, input: event.input, cwd: event.cwd }
  const request = { tool, input, actor: { id: `agent:${client}`, claimed: true } }
  if (event.asks && parts.personDecides()) {
    const seen = await parts.gate.explain(request)
    // An approval that is there already is used, not asked for again.
    if (seen.status === 'dry-run' && seen.verdict === 'ask' && seen.approval === undefined) {
      const reason = seen.reason ?? 'the policy wants a person to see this'
      await recordAsked(client, event, tool, seen.callId, reason, parts)
      parts.uses.remember(client, event, seen.callId)
      return { decision: 'ask', reason }
    }
  }
  const outcome = await parts.gate.call(request)
  if (outcome.status !== 'done') return { decision: 'deny', reason: refusal(outcome, parts) }
  parts.uses.remember(client, event, outcome.callId)
  return { decision: 'allow' }
}

function refusal(outcome: Exclude<Outcome, { status: 'done' }>, { howToDecide }: JudgeParts): string {
  if (outcome.status === 'pending') {
    const { id, action } = outcome.approval
    const how = howToDecide({ id, osUser: action.actor.osUser })
    return `${outcome.reason} It waits for approval ${id}. A person decides: ${how}. Then make the same call again.`
  }
  if (outcome.status === 'dry-run') return 'It was not judged.'
  return `${outcome.reason} ${outcome.help}`.trim()
}

/** The question is put by the client, so the log has it before the client hears of it. */
async function recordAsked(
  client: Hooked,
  event: HookEvent,
  tool: string,
  callId: string,
  reason: string,
  { audit, now }: JudgeParts,
): Promise<void> {
  await audit.append({
    type: 'native.asked',
    ts: new Date(now()).toISOString(),
    call_id: callId,
    client,
    target: tool,
    reason: reason.slice(0, 500),
    args: audit.token('args', canonical(event.input)),
  })
}

/** After a call: what came of it, by token and size; the content stays with the client. */
export async function recordOutcome(
  client: Hooked,
  event: HookEvent,
  { audit, tools, uses, now }: JudgeParts,
): Promise<void> {
  const callId = uses.take(client, event)
  const text = canonical(event.response)
  const record: JsonObject = {
    client,
    target: tools.know(client, event.tool),
    ok: event.phase === 'after',
    bytes: Buffer.byteLength(text),
    result: audit.token('result', text),
    // Nobody let it through: the hook before it was missing, or the client did not wait for it.
    ...(callId === undefined ? { unjudged: true } : { call_id: callId }),
  }
  await audit.append({ type: 'native.result', ts: new Date(now()).toISOString(), ...record })
}
