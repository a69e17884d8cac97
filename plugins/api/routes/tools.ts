// Routes of the gate: the tools there are, what would be answered to a call, and the call itself.
import {
  type Actor,
  type ActorInput,
  type Approvals,
  ClonedError,
  contractHash,
  didYouMean,
  type Gate,
  type JsonObject,
  type Outcome,
  toolCall,
} from 'cloned/kernel'
import type { Patience } from '../patience.js'
import type { ApiPart, PageQuery, Principal } from '../slot.js'

const TOOL = {
  title: 'Tool',
  type: 'object',
  required: ['id', 'title', 'risk', 'capability'],
  properties: {
    id: { type: 'string' },
    title: { type: 'string' },
    risk: { enum: ['low', 'medium', 'high'] },
    capability: { type: 'string' },
  },
  examples: [{ id: 'cloned.internal.fs.read@v1', title: 'Read a file', risk: 'low', capability: 'fs.read' }],
} as const
const ID = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 256, examples: ['cloned.internal.fs.read@v1'] } },
} as const
interface CallBody {
  readonly input: unknown
  readonly actor?: string
  readonly dry_run?: boolean
  readonly approval?: string
}

/** As much as the gate itself takes. */
const MAX_INPUT = 20 * 1024 * 1024

const CALL = {
  title: 'ToolCall',
  type: 'object',
  additionalProperties: false,
  required: ['input'],
  properties: {
    input: { type: 'object', description: 'As the tool’s input schema says.' },
    actor: {
      type: 'string',
      maxLength: 140,
      description: 'Recorded as a claim beside who really asks.',
      examples: ['agent:researcher'],
    },
    dry_run: { type: 'boolean', description: 'Judges only.' },
    approval: {
      type: 'string',
      maxLength: 64,
      description: 'Runs the call of this tool that you asked for and that was approved; `input` is then ignored.',
    },
  },
  examples: [{ input: { path: 'README.md' } }],
} as const
const OUTCOME = {
  title: 'Outcome',
  type: 'object',
  required: ['status', 'call_id'],
  properties: {
    status: { enum: ['done', 'pending', 'dry-run'] },
    call_id: { type: 'string' },
    output: { description: 'What the tool answered; with `done`.' },
    approval_id: { type: 'string', description: 'With `pending`: what a person decides.' },
    verdict: { enum: ['allow', 'ask', 'deny'], description: 'With `dry-run`.' },
    reason: { type: 'string' },
    help: { type: 'string', description: 'What to do next.' },
    ballot: { type: 'array', items: { type: 'object' }, description: 'Who voted what, and why.' },
  },
  examples: [{ status: 'done', call_id: '019aab3c-6f1e-7c52-9c0a-3d9a2f6f5b11', output: { text: '# Notes\n' } }],
} as const

export function toolsPart(gate: Gate, approvals: Pick<Approvals, 'get'> | undefined, patient: Patience): ApiPart {
  return {
    tag: 'tools',
    register(app, api) {
      app.get<{ Querystring: PageQuery }>('/tools', {
        schema: {
          operationId: 'listTools',
          summary: 'The tools that can be called here',
          querystring: { type: 'object', additionalProperties: false, properties: api.pageQuery },
          response: {
            200: {
              type: 'object',
              required: ['tools'],
              properties: { tools: { type: 'array', items: TOOL }, next: { type: 'string' } },
            },
          },
        },
        config: { scope: 'tools:read' },
        handler: async ({ query }) => {
          const { items, ...rest } = api.page(gate.tools(), query, ({ id }) => id)
          const tools = items.map(({ id, title, risk, capability }) => ({ id, title, risk, capability }))
          return { tools, ...rest }
        },
      })
      app.get<{ Params: { id: string } }>('/tools/:id', {
        schema: {
          operationId: 'getTool',
          summary: 'The contract of a tool, with its hash',
          params: ID,
          response: {
            200: {
              type: 'object',
              required: ['hash', 'contract'],
              properties: { hash: { type: 'string' }, contract: { type: 'object' } },
              examples: [
                { hash: '3b1f…', contract: { id: 'cloned.internal.fs.read@v1', title: 'Read a file', risk: 'low' } },
              ],
            },
          },
        },
        config: { scope: 'tools:read' },
        handler: async ({ params: { id } }) => {
          const tools = gate.tools()
          const tool = tools.find((one) => one.id === id)
          if (!tool)
            throw new ClonedError('TOOL_UNKNOWN', {
              tool: id,
              near: didYouMean(
                id,
                tools.map((one) => one.id),
              ),
            })
          return { hash: contractHash(tool), contract: { ...tool } as unknown as JsonObject }
        },
      })
      app.post<{ Params: { id: string }; Body: CallBody }>('/tools/:id/call', {
        bodyLimit: MAX_INPUT,
        schema: {
          operationId: 'callTool',
          summary: 'A governed call: 200 with its output, 202 when a person has to approve it',
          params: ID,
          body: CALL,
          response: { 200: OUTCOME, 202: OUTCOME },
        },
        config: { scope: 'tools:call' },
        handler: async (request, reply) => {
          const { params, body } = request
          const signal = api.signal(reply)
          const principal = api.principal(request)
          if (body.approval !== undefined) await mustBeTheirs(approvals, body.approval, params.id, principal)
          const outcome = await begin(gate, { tool: params.id, ...body }, principal, signal)
          const ended = await patient(outcome, api.waitMs(request), signal)
          return api.answer(reply, ended)
        },
      })
      app.post<{ Params: { id: string }; Body: CallBody }>('/tools/:id/explain', {
        bodyLimit: MAX_INPUT,
        schema: {
          operationId: 'explainTool',
          summary: 'Judges a call without making it',
          params: ID,
          body: CALL,
          response: { 200: OUTCOME },
        },
        config: { scope: 'tools:read' },
        handler: async (request, reply) => {
          const { params, body } = request
          const { actor } = api.principal(request)
          const outcome = await gate.explain({ tool: params.id, input: body.input, actor: actorOf(actor, body.actor) })
          return api.answer(reply, outcome)
        },
      })
    },
  }
}

async function begin(
  gate: Gate,
  { tool, input, actor, approval, dry_run = false }: CallBody & { readonly tool: string },
  { actor: who }: Principal,
  signal: AbortSignal,
): Promise<Outcome> {
  if (approval !== undefined) return gate.resume(approval, { signal, dryRun: dry_run })
  return gate.call({ tool, input, actor: actorOf(who, actor) }, { signal, dryRun: dry_run })
}

/** Any process of the machine may resume what was approved; a client only its own calls, or it would get what others asked for. */
async function mustBeTheirs(
  approvals: Pick<Approvals, 'get'> | undefined,
  approval: string,
  tool: string,
  { actor, scopes }: Principal,
): Promise<void> {
  const { action } = (await approvals?.get(approval)) ?? {}
  const theirs = scopes.has('*') || action?.actor.osUser === actor.osUser
  if (action?.kind !== toolCall.id || action.target !== tool || !theirs)
    throw new ClonedError('APPROVAL_UNKNOWN', { approval })
}

/** A client's word about who acts is a claim; its own name is not. */
function actorOf(actor: Actor, claim: string | undefined): ActorInput {
  return claim === undefined ? actor : { id: claim, claimed: true, osUser: actor.osUser }
}
