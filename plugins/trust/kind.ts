// Defines the kind of action that changes the trust store; its input holds the whole change, so that an approval binds it.
import { type Action, actionKind, defineHook, type JsonObject } from 'cloned/kernel'
import type { RevocationEntry } from './documents.js'
import { TRUST_WRITE, type TrustMode } from './slot.js'

/** A change of the trust store. `signature`, where it may be given, is the text of the signature file by keys of the root. */
export type TrustChange =
  | { readonly op: 'publisher.put'; readonly content: string; readonly signature?: string }
  | { readonly op: 'publisher.remove'; readonly id: string }
  | { readonly op: 'revoke'; readonly entry: Omit<RevocationEntry, 'revoked_at'> }
  | { readonly op: 'revocations.put'; readonly content: string; readonly signature: string }
  | { readonly op: 'revocations.renew' }
  | { readonly op: 'root.put'; readonly content: string; readonly signature: string }
  | { readonly op: 'root.mode'; readonly mode: TrustMode }
  | { readonly op: 'root.rotate' }

/** What a change answers: the documents it wrote, with their versions. */
export type TrustChanged = { readonly documents: { readonly [name: string]: number } }

/** Votes on a change of the trust store, besides `beforeAction`. */
export const beforeTrustWrite = defineHook.guard<Action, 'beforeTrustWrite'>('beforeTrustWrite')

/** Runs in the process that decides. */
export const trustWrite = actionKind<TrustChange, TrustChanged, typeof TRUST_WRITE>({
  id: TRUST_WRITE,
  contract: 1,
  record: 'trust',
  onApproval: 'execute',
  guard: beforeTrustWrite,
})

const text = (maxLength: number): JsonObject => ({ type: 'string', maxLength })
const content = text(1024 * 1024)
const signature = text(64 * 1024)

function op(name: TrustChange['op'], properties: JsonObject = {}, optional: readonly string[] = []): JsonObject {
  return {
    type: 'object',
    additionalProperties: false,
    required: ['op', ...Object.keys(properties).filter((key) => !optional.includes(key))],
    properties: { op: { const: name }, ...properties },
  }
}

export const trustWriteInput: JsonObject = {
  type: 'object',
  oneOf: [
    op('publisher.put', { content, signature }, ['signature']),
    op('publisher.remove', { id: text(64) }),
    op('revoke', {
      entry: {
        type: 'object',
        additionalProperties: false,
        required: ['kind', 'reason', 'effective'],
        properties: {
          kind: { enum: ['key', 'publisher', 'package', 'tool', 'digest'] },
          kid: text(43),
          publisher_id: text(64),
          id: text(200),
          range: text(200),
          digest: text(64),
          reason: { type: 'string', minLength: 1, maxLength: 1000 },
          effective: { enum: ['always', 'after'] },
          compromised_at: text(30),
        },
      },
    }),
    op('revocations.put', { content, signature }),
    op('revocations.renew'),
    op('root.put', { content, signature }),
    op('root.mode', { mode: { enum: ['dev', 'strict'] } }),
    op('root.rotate'),
  ],
}
