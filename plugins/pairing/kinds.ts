// Defines the kinds of action that let devices in and out; each input holds all that an approval has to bind.
import { type Action, actionKind, defineHook, type JsonObject } from 'cloned/kernel'
import type { Scope } from '../api/slot.js'

/** An invitation. Its code is not here: the verifier finds out whether one is right, and says nothing about it. */
export type PairingInvite = {
  readonly id: string
  /** HMAC of the code under the MAC key `kid` of the workspace. */
  readonly verifier: string
  readonly kid: string
  /** The most that the device can ask for. */
  readonly scopes: readonly Scope[]
  /** Seconds from the moment it is made. */
  readonly lifetime: number
}

/** The device exactly as the person saw it. */
export type PairingApprove = {
  readonly id: string
  readonly name: string
  readonly thumbprint: string
  readonly scopes: readonly Scope[]
  readonly code: string
}

export type PairingRevoke = { readonly id: string }

/** What a change answers. */
export type PairingChanged = { readonly id: string; readonly state: 'invited' | 'paired' | 'revoked' }

/** Votes on the approval of a device, besides `beforeAction`. */
export const beforePairing = defineHook.guard<Action, 'beforePairing'>('beforePairing')

const SHARED = { contract: 1, record: 'pairing', onApproval: 'execute' } as const

export const pairingInvite = actionKind<PairingInvite, PairingChanged, 'pairing.invite'>({
  id: 'pairing.invite',
  ...SHARED,
})
/** Runs in the process that decides. */
export const pairingApprove = actionKind<PairingApprove, PairingChanged, 'pairing.approve'>({
  id: 'pairing.approve',
  guard: beforePairing,
  ...SHARED,
})
export const pairingRevoke = actionKind<PairingRevoke, PairingChanged, 'pairing.revoke'>({
  id: 'pairing.revoke',
  ...SHARED,
})

/** What a device may be called: nothing that could be taken for another part of a line. */
export const NAME = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  pattern: "^[\\p{L}\\p{N}](?:[\\p{L}\\p{N} ._'()-]*[\\p{L}\\p{N}.)])?$",
} as const
export const SCOPES = {
  type: 'array',
  minItems: 1,
  maxItems: 50,
  uniqueItems: true,
  // Never `*`: that is the owner.
  items: { type: 'string', maxLength: 64, pattern: '^[a-z][a-z-]*:[a-z][a-z-]*$' },
} as const
export const ID = { type: 'string', pattern: '^dev_[0-9a-z]{12}$' } as const

const input = (properties: JsonObject): JsonObject => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(properties),
  properties,
})

export const inviteInput = input({
  id: { type: 'string', pattern: '^[0-9A-Z]{4}$' },
  verifier: { type: 'string', pattern: '^[0-9a-f]{64}$' },
  kid: { type: 'string', pattern: '^[0-9a-f]{16}$' },
  scopes: SCOPES,
  lifetime: { type: 'integer', minimum: 60, maximum: 86_400 },
})
export const approveInput = input({
  id: ID,
  name: NAME,
  thumbprint: { type: 'string', pattern: '^[\\w-]{43}$' },
  scopes: SCOPES,
  code: { type: 'string', maxLength: 9 },
})
export const revokeInput = input({ id: ID })
