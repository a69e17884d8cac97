// Publishes the contract of the tool by which an agent proposes egress rules; it opens a request and decides nothing.
import {
  defineTool,
  fail,
  HandlerError,
  isClonedError,
  type Json,
  type JsonObject,
  type Outcome,
  policyWrite,
  type Tool,
} from 'cloned/kernel'
import { type Change, type ChangeParts, workOut } from './change.js'
import { type RuleFields, scopeOf, UPDATE_TOOL } from './proposal.js'
import { policyWriteRequest } from './write.js'

interface UpdateInput {
  readonly tool?: string
  readonly connector?: string
  readonly add?: readonly RuleFields[]
  readonly remove?: readonly string[]
  readonly reason?: string
}

const host = { type: 'string', minLength: 1, maxLength: 255 } as const
const list = (items: JsonObject, maxItems: number, description: string): JsonObject => ({
  type: 'array',
  minItems: 1,
  maxItems,
  items,
  description,
})

/** Strict schemas name a property where they require it. */
const has = (name: string): JsonObject => ({ properties: { [name]: {} }, required: [name] })

/** `cloned.internal.security.egress.update@v1`. */
export function updateTool(parts: ChangeParts): Tool {
  return defineTool<UpdateInput>({
    id: UPDATE_TOOL,
    title: 'Propose egress rules',
    description:
      'Proposes to allow hosts for one tool or connector, or to allow them no longer. A person decides: the answer is the approval that was opened, and the rule counts once it is approved.',
    input: {
      type: 'object',
      properties: {
        tool: { type: 'string', minLength: 1, maxLength: 200, description: 'Id with version of the tool it is for.' },
        connector: { type: 'string', minLength: 1, maxLength: 200, description: 'Or id of the connector.' },
        add: list(
          {
            type: 'object',
            properties: {
              host: { ...host, description: 'In lower-case ASCII; "*." before it stands for exactly one label.' },
              schemes: list({ enum: ['https', 'http'] }, 2, 'Default: https.'),
              ports: list({ type: 'integer', minimum: 1, maximum: 65535 }, 20, 'Default: that of the scheme.'),
              methods: list(
                { enum: ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] },
                7,
                'Default: GET and HEAD.',
              ),
              addresses: list({ type: 'string', maxLength: 64 }, 20, 'Private ranges (CIDR) that the host may be in.'),
            },
            required: ['host'],
            additionalProperties: false,
          },
          100,
          'Hosts to allow, each as narrowly as will do.',
        ),
        remove: list(host, 100, 'Hosts to allow no longer.'),
        reason: { type: 'string', maxLength: 500, description: 'For the person who decides.' },
      },
      oneOf: [has('tool'), has('connector')],
      anyOf: [has('add'), has('remove')],
      additionalProperties: false,
    },
    output: {
      type: 'object',
      properties: {
        status: {
          enum: ['pending', 'in_force', 'denied'],
          description: 'pending: a person decides. in_force: as wished, already or by a rule of the policy.',
        },
        approval_id: { type: 'string', description: 'With pending.' },
        reason: { type: 'string', description: 'With denied.' },
        help: { type: 'string' },
        notes: { type: 'array', items: { type: 'string' } },
      },
      required: ['status', 'notes'],
      additionalProperties: false,
    },
    risk: 'low',
    capability: 'policy.propose',
    async handler({ tool, connector, add = [], remove = [], reason }, ctx) {
      const scope = scopeOf({ tool, connector })
      // A rule without methods allows them all; an agent that wants that has to say so.
      const rules = add.map((rule) => ({ methods: ['GET', 'HEAD'], ...rule }))
      const change = await refusing(() => workOut(parts, { scope, add: rules, remove }))
      if (!change.write) return { status: 'in_force', notes: [...change.notes] }
      return answer(await ctx.act(policyWrite, policyWriteRequest(change.write, change, scope, reason)), change)
    },
  })
}

function answer(outcome: Outcome, { notes }: Change): Json {
  switch (outcome.status) {
    case 'pending':
      return { status: 'pending', approval_id: outcome.approval.id, help: outcome.help, notes: [...notes] }
    case 'done':
      return { status: 'in_force', notes: [...notes] }
    case 'denied':
      return { status: 'denied', reason: outcome.reason, help: outcome.help, notes: [...notes] }
    case 'failed':
      throw new HandlerError(outcome.reason, { code: outcome.code, help: outcome.help, effect: outcome.effect })
    case 'dry-run':
      throw new TypeError('a policy write was judged instead of made')
  }
}

/** Up to here nothing has happened, and the caller can mend what it asked for. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isClonedError(error)) throw fail(error.message, { code: error.code, help: error.help })
    throw error
  }
}
