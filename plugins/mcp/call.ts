// Takes tools/call to the gate and brings back how it ended; no tool of any server is called on another way.
import {
  type CallOptions,
  ClonedError,
  canonical,
  type Gate,
  type Json,
  type JsonObject,
  type Outcome,
  sha256,
} from 'cloned/kernel'
import { PROTOCOL_ERROR, type Upstreams } from '../mcp-upstream/slot.js'
import { actorOf } from './actor.js'
import { type ApprovalParts, decided } from './approval.js'
import { inNameOf } from './asking.js'
import type { Handler, Scope } from './caller.js'
import type { Desk } from './desk.js'
import { declares, TASKS } from './eras.js'
import type { Relay } from './relay.js'
import { resultOf } from './results.js'
import { CODES, isObject, objectIn, RpcError, textIn } from './rpc.js'
import type { Hand } from './running.js'
import type { ShownTool, View } from './view.js'

export interface CallParts extends ApprovalParts {
  readonly gate: Pick<Gate, 'call' | 'resume'>
  readonly upstreams: Pick<Upstreams, 'attend'> | undefined
  readonly view: View
  readonly desk: Desk
  readonly relay: Pick<Relay, 'link'>
}

export function callHandler(parts: CallParts): Handler {
  return async (params, scope) => {
    const name = textIn(params, 'name')
    const tool = parts.view.find(name, actorOf(scope))
    if (!tool) throw new RpcError(CODES.invalidParams, `Unknown tool: ${name.slice(0, 200)}`)
    const args = (params['arguments'] ?? {}) as Json
    const support = objectIn(tool.original, 'execution')['taskSupport']
    if (scope.modern && support === 'required') mustKnowTasks(scope)
    return await parts.desk.serve(scope, {
      bound: () => ({ method: 'tools/call', target: tool.id, args: sha256(canonical(args)) }),
      long: support === 'optional' || support === 'required',
      run: async (hand) => {
        const result = shaped(await governed(parts, tool, args, hand), tool)
        if (tool.server !== undefined) parts.relay.link(tool.server, result)
        return result
      },
    })
  }
}

/** As often as other people are asked; each approval is for this very call. */
const MAX_APPROVALS = 8

async function governed(parts: CallParts, tool: ShownTool, input: Json, hand: Hand): Promise<Outcome> {
  const options = { signal: hand.signal, onProgress: progressTo(hand) }
  const actor = actorOf(hand.scope())
  const request = { tool: tool.id, input, actor }
  let outcome = await attended(parts, tool, hand, (more) => parts.gate.call(request, { ...options, ...more }))
  for (let asked = 0; outcome.status === 'pending' && asked < MAX_APPROVALS; asked++) {
    const { id } = outcome.approval
    hand.waitsFor(id)
    if (!(await decided(outcome, hand, parts))) return outcome
    hand.waitsFor(undefined)
    const decision = await parts.approvals?.get(id)
    if (decision?.state === 'denied') return deniedByPerson(outcome, id)
    outcome = await attended(parts, tool, hand, (more) => parts.gate.resume(id, { ...options, ...more }))
  }
  return outcome
}

function deniedByPerson({ callId, ballot }: Outcome, approval: string): Outcome {
  const { code, message: reason, help } = new ClonedError('APPROVAL_DENIED', { approval })
  return { status: 'denied', callId, ballot, code, reason, help }
}

/** While it runs, what the tool's server asks is asked of the client. */
async function attended(
  { upstreams }: CallParts,
  tool: ShownTool,
  hand: Hand,
  call: (options: Pick<CallOptions, 'onCallId'>) => Promise<Outcome>,
): Promise<Outcome> {
  if (tool.server === undefined || !upstreams) return await call({})
  const answer = inNameOf(tool.server, (...question) => hand.ask(...question))
  let leave: (() => void) | undefined
  try {
    return await call({
      onCallId: (callId) => {
        const client = hand.scope().credential.key
        leave = upstreams.attend(callId, { client, answer })
      },
    })
  } finally {
    leave?.()
  }
}

/** What tools report passes the gate's filters; it reaches whichever request waits for the call at that time. */
function progressTo(hand: Hand): (message: Json) => void {
  let count = 0
  return (message) => {
    const { params, notify } = hand.scope()
    const { progressToken } = objectIn(params, '_meta')
    if (progressToken === undefined) return
    const said = isObject(message) && typeof message['progress'] === 'number' ? (message as JsonObject) : undefined
    const text = typeof message === 'string' ? message : JSON.stringify(message)
    notify('notifications/progress', { ...(said ?? { progress: ++count, message: text }), progressToken })
  }
}

function shaped(outcome: Outcome, { server }: ShownTool): JsonObject {
  if (outcome.status === 'failed' && outcome.code.startsWith(PROTOCOL_ERROR)) {
    throw new RpcError(-Number(outcome.code.slice(PROTOCOL_ERROR.length)), outcome.reason)
  }
  if (outcome.status === 'denied' && outcome.code === 'TOOL_UNKNOWN') {
    throw new RpcError(CODES.invalidParams, outcome.reason)
  }
  return resultOf(outcome, server !== undefined)
}

function mustKnowTasks({ client }: Scope): void {
  const needed = { extensions: { [TASKS]: {} } }
  if (declares(client.capabilities, needed)) return
  throw new RpcError(CODES.missingCapability, 'This tool runs as a task, and the client does not support tasks', {
    requiredCapabilities: needed,
  })
}
