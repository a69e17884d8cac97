// Describes what the routes of devices take and answer; JSON Schemas alone.
import { NAME, SCOPES } from './kinds.js'

export const DEVICE = {
  title: 'Pairing',
  type: 'object',
  required: ['id', 'name', 'state', 'scopes', 'thumbprint', 'created_at'],
  properties: {
    id: { type: 'string', description: 'It acts as `device:` and this.' },
    name: { type: 'string' },
    state: { enum: ['pending', 'paired', 'revoked'] },
    scopes: { type: 'array', items: { type: 'string' } },
    thumbprint: { type: 'string', description: 'RFC 7638, of its Ed25519 public key.' },
    code: { type: 'string', description: 'While it is pending; its own screen must show the same.' },
    created_at: { type: 'string', format: 'date-time' },
    paired_at: { type: 'string', format: 'date-time' },
    revoked_at: { type: 'string', format: 'date-time' },
  },
  examples: [
    {
      id: 'dev_k3v7q2m4x5zt',
      name: 'Phone of Ada',
      state: 'pending',
      scopes: ['approvals:read', 'approvals:decide'],
      thumbprint: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
      code: 'K3V7-Q2M4',
      created_at: '2026-11-22T09:30:00.000Z',
    },
  ],
} as const
export const WISH = {
  title: 'PairingRequest',
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: { ...NAME, description: 'For people.' },
    scopes: { ...SCOPES, description: 'Of those of the invitation; all of them without.' },
  },
  examples: [{ name: 'Phone of Ada', scopes: ['approvals:read', 'approvals:decide'] }],
} as const
export const PROOF = {
  type: 'object',
  properties: {
    dpop: {
      type: 'string',
      description: 'Proof by the key of the device (RFC 9449); `ath` is of what follows the scheme in `Authorization`.',
    },
  },
} as const
export const ACCESS = {
  title: 'AccessToken',
  type: 'object',
  required: ['access_token', 'token_type', 'expires_in', 'scope'],
  properties: {
    access_token: { type: 'string' },
    token_type: { const: 'DPoP' },
    expires_in: { type: 'integer', description: 'Seconds.' },
    scope: { type: 'string', description: 'Separated by spaces.' },
  },
  examples: [{ access_token: 'eyJhbGciOi…', token_type: 'DPoP', expires_in: 600, scope: 'tools:read tools:call' }],
} as const
export const APPROVE = {
  title: 'PairingApproval',
  type: 'object',
  additionalProperties: false,
  required: ['code'],
  properties: {
    code: { type: 'string', minLength: 8, maxLength: 16, description: 'What the screen of the device shows.' },
    dry_run: { type: 'boolean', description: 'Judges only.' },
  },
  examples: [{ code: 'K3V7-Q2M4' }],
} as const
export const CHANGED = {
  title: 'PairingChange',
  type: 'object',
  required: ['status', 'call_id'],
  properties: {
    status: { enum: ['done', 'pending', 'dry-run'] },
    call_id: { type: 'string' },
    output: { type: 'object', description: 'With `done`: the device and its new state.' },
    approval_id: { type: 'string', description: 'With `pending`: what a person decides.' },
    verdict: { enum: ['allow', 'ask', 'deny'], description: 'With `dry-run`.' },
    reason: { type: 'string' },
    help: { type: 'string' },
  },
  examples: [{ status: 'pending', call_id: '019aab3c-6f1e-7c52-9c0a-3d9a2f6f5b11', approval_id: 'ap_k3v7q2m4x5zt' }],
} as const
export const EMPTY = { type: 'object', additionalProperties: false, properties: {} } as const
export const BY_ID = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 64, examples: ['dev_k3v7q2m4x5zt'] } },
} as const
