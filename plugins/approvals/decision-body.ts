// Reads what a client says of a request into a decision; must never let it say for whom it speaks.
import {
  type Actor,
  type ApprovalRequest,
  ClonedError,
  type Decision,
  type GrantTerms,
  type Json,
  type JsonObject,
} from 'cloned/kernel'
import { type GrantWish, termsFor } from './grant-wish.js'

/** What takes more than the scope of the route: it lets something through that nobody has asked for yet. */
export const GRANT_SCOPE = 'approvals:grant'

export const DECISION = {
  title: 'ApprovalDecision',
  type: 'object',
  additionalProperties: false,
  required: ['verdict'],
  properties: {
    verdict: { enum: ['approve', 'deny'] },
    reason: { type: 'string', maxLength: 1000, examples: ['as discussed'], description: 'Kept in the audit log.' },
    edit: {
      type: 'object',
      description: `Approves this input instead; it is judged again. Takes the scope ${GRANT_SCOPE} too.`,
    },
    grant: {
      type: 'object',
      additionalProperties: false,
      description: `Also lets later calls of the same tool and requester through. Either \`same\` or \`schema\`. Takes the scope ${GRANT_SCOPE} too.`,
      properties: {
        same: {
          type: 'array',
          maxItems: 50,
          items: { type: 'string', maxLength: 200 },
          description: 'Only with the same values of these arguments.',
        },
        schema: { type: 'object', description: 'Only with inputs that fit this JSON Schema.' },
        hosts: {
          type: 'array',
          maxItems: 100,
          items: { type: 'string', maxLength: 255 },
          description: 'Only these in URLs; those that the request names without.',
        },
        count: { type: 'integer', minimum: 1, maximum: 10_000, description: 'How many; 10 without.' },
        until: { type: 'string', format: 'date-time', maxLength: 40, description: 'For a day without.' },
      },
    },
    signed: {
      type: 'string',
      maxLength: 128 * 1024,
      description: 'The decision as an approver key has signed it. It says reason and grant itself.',
    },
  },
  examples: [{ verdict: 'approve', reason: 'as discussed' }],
} as const

/** As long as the longest input of a call. */
export const MAX_DECISION = 20 * 1024 * 1024

export interface DecisionBody {
  readonly verdict: 'approve' | 'deny'
  readonly reason?: string
  readonly edit?: JsonObject
  readonly grant?: Omit<GrantWish, 'until'> & { readonly until?: string }
  readonly signed?: string
}

/** As whoever the request comes from. What was signed says reason and grant itself, and takes neither from beside it. */
export function decisionOf(
  { verdict, reason, edit, grant, signed }: DecisionBody,
  request: ApprovalRequest,
  by: Actor,
  now: number,
): Decision {
  const refused = (problem: string) => new ClonedError('API_REQUEST', { problem: `body: ${problem}` })
  if (signed !== undefined && (reason !== undefined || grant !== undefined))
    throw refused('a signed decision says reason and grant itself')
  if (verdict === 'deny' && (edit !== undefined || grant !== undefined))
    throw refused('edit and grant go with "approve"')
  return {
    verdict,
    by,
    proven: true,
    ...(reason === undefined ? {} : { reason }),
    ...(edit === undefined ? {} : { edit }),
    ...(signed === undefined ? {} : { signed }),
    ...(grant === undefined ? {} : { grant: granted(grant, edit ?? request.action.input, now, refused) }),
  }
}

function granted(
  { until, ...wish }: NonNullable<DecisionBody['grant']>,
  input: Json,
  now: number,
  refused: (problem: string) => ClonedError,
): GrantTerms {
  const end = until === undefined ? undefined : Date.parse(until)
  if (end !== undefined && !Number.isFinite(end)) throw refused('grant.until is no time such as 2026-01-31T12:00:00Z')
  try {
    return termsFor(end === undefined ? wish : { ...wish, until: end }, input, now)
  } catch (error) {
    if (error instanceof RangeError) throw refused(error.message)
    throw error
  }
}
