// Takes requests that are no tool calls to their server through the gate; what was not let through and recorded is not sent.
import { type Executor, type Gate, HandlerError, type Json, type JsonObject, type Scrubber } from 'cloned/kernel'
import { failure } from './failure.js'
import { type QuestionLog, recorded } from './questions.js'
import { inItsOwnName } from './result.js'
import type { Servers } from './servers.js'
import { type McpRequest, mcpRequest, PROTOCOL_ERROR, REFUSED, type RelayOptions, UpstreamError } from './slot.js'

/** What goes with a request and is not judged: nobody else's can take its place. */
interface Relayed {
  readonly options: RelayOptions
  error?: UpstreamError
}

/** By the id of the call. */
const relayed = new Map<string, Relayed>()
/** An executor has two minutes. */
const LONGEST_MS = 110_000

/** Of which a server of our own makes others' lists: never asked by a client. */
const OURS: readonly string[] = ['tools/call', 'initialize', 'server/discover', 'subscriptions/listen']

export interface RequestParts extends QuestionLog {
  readonly servers: Servers
  readonly scrubber: Scrubber | undefined
}

export function requestExecutor({ servers, scrubber, ...log }: RequestParts): Executor<McpRequest, JsonObject> {
  return {
    input: {
      type: 'object',
      properties: {
        name: { type: 'string', maxLength: 40, 'x-loggable': true },
        method: { type: 'string', maxLength: 100, pattern: '^[a-zA-Z][\\w./-]*$', 'x-loggable': true },
        params: { type: 'object' },
      },
      required: ['name', 'method', 'params'],
      additionalProperties: false,
    },
    async execute({ name, method, params }, ctx) {
      const given = relayed.get(ctx.callId)
      const { answer, client, onProgress, deadlineMs } = given?.options ?? {}
      const clean = (value: Json) => scrubber?.json(value, 'progress', ctx.callId) ?? value
      const asking =
        answer && recorded(name, ctx.callId, log, (asked, about, ...rest) => answer(asked, clean(about), ...rest))
      try {
        return await servers.use(name, ctx, async (running) => {
          if (method === 'tools/list') {
            await running.relist(ctx)
            return { tools: running.list.map(({ name: tool }) => ({ name: tool ?? '' })) }
          }
          const answered = await running.session.request(method, params, {
            via: { ctx },
            signal: ctx.signal,
            deadlineMs: Math.min(deadlineMs ?? LONGEST_MS, LONGEST_MS),
            ...(onProgress ? { onProgress: (said) => onProgress(clean(said) as JsonObject) } : {}),
            ...(client === undefined ? {} : { client }),
            ...(asking ? { answer: asking } : {}),
          })
          return inItsOwnName(answered)
        })
      } catch (error) {
        if (given && error instanceof UpstreamError) given.error = error
        throw failure(name, error)
      }
    },
  }
}

/** Asks the gate, and answers or rejects as the server has. */
export async function relay(
  gate: Pick<Gate, 'act'>,
  { scrubber }: Pick<RequestParts, 'scrubber'>,
  input: McpRequest,
  options: RelayOptions = {},
): Promise<JsonObject> {
  const { signal, actor } = options
  if (OURS.includes(input.method)) throw new UpstreamError(-32601, `Method not found: ${input.method}`)
  const about: Relayed = { options }
  const request = { target: input.name, input, ...(actor === undefined ? {} : { actor }) }
  const onCallId = (callId: string) => void relayed.set(callId, about)
  const outcome = await gate.act<McpRequest, JsonObject>(mcpRequest, request, {
    onCallId,
    ...(signal ? { signal } : {}),
  })
  relayed.delete(outcome.callId)
  if (outcome.status === 'done') return outcome.output
  if (outcome.status === 'dry-run') throw new HandlerError('it was not run')
  const { reason, help, callId } = outcome
  const code = outcome.status === 'pending' ? 'APPROVAL_NEEDED' : outcome.code
  if (about.error && code.startsWith(PROTOCOL_ERROR)) {
    const { data } = about.error
    const clean = data === undefined ? undefined : (scrubber?.json(data, 'error', callId) ?? data)
    throw new UpstreamError(about.error.code, reason, clean)
  }
  throw new UpstreamError(REFUSED, reason, { code, help })
}
