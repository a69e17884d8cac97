// Reads what a client tells its hook and words the answer it understands; what it does not know it refuses.
import { ClonedError, type Json, type JsonObject, snapshot } from 'cloned/kernel'
import type { ClientId } from '../slot.js'

/** Clients with hooks. */
export const HOOKED = ['claude-code', 'cursor', 'codex', 'gemini'] as const satisfies readonly ClientId[]
export type Hooked = (typeof HOOKED)[number]

/** One event of one tool call. */
export interface HookEvent {
  readonly phase: 'before' | 'after' | 'failed'
  /** As the client calls it. */
  readonly tool: string
  readonly input: Json
  readonly cwd: string
  readonly session: string
  /** Id of the call within the session, where the client gives one. */
  readonly use: string | undefined
  /** Name of the MCP server, where the client says it. */
  readonly server: string | undefined
  /** Whether the client puts a question to its person when it is told to. */
  readonly asks: boolean
  /** What came of it: after the call only. */
  readonly response: Json
}

/** The answer to an event before a call. */
export type HookAnswer = { readonly decision: 'allow' } | { readonly decision: 'ask' | 'deny'; readonly reason: string }

const PHASES: Readonly<Record<string, HookEvent['phase']>> = {
  PreToolUse: 'before',
  preToolUse: 'before',
  BeforeTool: 'before',
  PostToolUse: 'after',
  postToolUse: 'after',
  AfterTool: 'after',
  PostToolUseFailure: 'failed',
  postToolUseFailure: 'failed',
}

/** In these modes of Claude Code a person answers; in the others a question may be answered by nobody. */
const ASKING = ['default', 'acceptEdits', 'plan']

/** Throws `HOOK_INPUT` for what is not an event of a tool call. */
export function readEvent(client: Hooked, text: string): HookEvent {
  const refuse = (problem: string) => new ClonedError('HOOK_INPUT', { client, problem })
  const value = parsed(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refuse('it is not a JSON object')
  const event = value as JsonObject
  const phase = PHASES[textOf(event['hook_event_name']) ?? '']
  if (!phase) throw refuse('it is no event before or after a tool call')
  const tool = textOf(event['tool_name'])
  if (tool === undefined || tool === '' || tool.length > 200) throw refuse('it names no tool')
  const context = event['mcp_context']
  const server =
    typeof context === 'object' && context !== null ? textOf((context as JsonObject)['server_name']) : undefined
  return {
    phase,
    tool,
    input: event['tool_input'] ?? null,
    cwd: textOf(event['cwd']) ?? '',
    session: textOf(event['session_id']) ?? textOf(event['conversation_id']) ?? '',
    use: textOf(event['tool_use_id']),
    server,
    asks: client === 'claude-code' && ASKING.includes(textOf(event['permission_mode']) ?? ''),
    response: event['tool_response'] ?? event['tool_output'] ?? event['error'] ?? event['error_message'] ?? null,
  }
}

/**
 * The answer as the client reads it. To let a call through is to say nothing: what the client would have asked anyway it
 * still asks. A field that Codex does not know would be a failed hook to it, and the call would run.
 */
export function wordAnswer(client: Hooked, answer: HookAnswer): JsonObject {
  if (client === 'cursor') {
    if (answer.decision === 'allow') return { permission: 'allow' }
    return { permission: 'deny', user_message: answer.reason, agent_message: answer.reason }
  }
  if (answer.decision === 'allow') return {}
  if (client === 'gemini') return { decision: 'deny', reason: answer.reason }
  const decision = client === 'claude-code' ? answer.decision : 'deny'
  return {
    hookSpecificOutput: {
      hookEventName: 'PreToolUse',
      permissionDecision: decision,
      permissionDecisionReason: answer.reason,
    },
  }
}

function parsed(text: string): Json | undefined {
  try {
    return snapshot(JSON.parse(text), { depth: 64, bytes: 16 * 1024 * 1024 })
  } catch {
    // Not quoted: it may hold anything.
    return undefined
  }
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
