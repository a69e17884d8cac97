// Reads and makes signed decisions (compact JWS, EdDSA, one spelling only); a signature must never count for anything it does not say.
import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import {
  type ApprovalRequest,
  ClonedError,
  canonical,
  compileSchema,
  type GrantTerms,
  type Json,
  type JsonObject,
  publicKeyOf,
  thumbprintOf,
  unsoundKey,
  verifyStrictly,
  wordProblems,
} from 'cloned/kernel'
import type { Approver } from '../policy/slot.js'

/** What an approver signs: the canonical JSON text of this. */
export interface SignedDecision {
  readonly approval: string
  /** Of the action as requested. */
  readonly digest: string
  readonly verdict: 'approve' | 'deny'
  readonly reason?: string
  /** SHA-256 of the canonical JSON text of the input that is approved instead. */
  readonly edited?: string
  readonly grant?: GrantTerms
  /** ISO 8601 in UTC. */
  readonly decided_at: string
}

const MAX_BYTES = 128 * 1024
const MAX_AGE_MS = 3_600_000
const MAX_AHEAD_MS = 300_000
const DIGEST = { type: 'string', pattern: '^[0-9a-f]{64}$' } as const
const SCHEMA: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['approval', 'digest', 'verdict', 'decided_at'],
  properties: {
    approval: { type: 'string', maxLength: 64 },
    digest: DIGEST,
    verdict: { enum: ['approve', 'deny'] },
    reason: { type: 'string', maxLength: 1000 },
    edited: DIGEST,
    grant: {
      type: 'object',
      additionalProperties: false,
      required: ['schema', 'hosts', 'count', 'until'],
      properties: {
        schema: { type: 'object' },
        hosts: { type: 'array', items: { type: 'string' } },
        count: { type: 'integer' },
        until: { type: 'integer' },
      },
    },
    decided_at: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' },
  },
}

/** Signs. `privateKey` is an Ed25519 key. */
export function signDecision(decision: SignedDecision, privateKey: KeyObject): string {
  const header = { alg: 'EdDSA', kid: thumbprintOf(createPublicKey(privateKey)) }
  const text = `${encode(canonical(header))}.${encode(canonical(decision as unknown as Json))}`
  return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`
}

/** What a document says, unproven: for whoever passes it on. Throws `APPROVAL_SIGNATURE`. */
export function readDecision(jws: string, approval: string): SignedDecision {
  return parse(jws, approval).decision
}

/** The approver who signed this decision on this very request. Throws `APPROVAL_SIGNATURE`. */
export function verifyDecision(
  jws: string,
  request: ApprovalRequest,
  approvers: readonly Approver[],
  now: number,
): { decision: SignedDecision; approver: Approver; thumbprint: string } {
  const refused = refusing(request.id)
  const { decision, kid, text, signature } = parse(jws, request.id)
  const known = approvers.flatMap((approver) => {
    const raw = Buffer.from(approver.key ?? '', 'base64url')
    return approver.key !== undefined && !unsoundKey(raw) ? [{ approver, key: publicKeyOf(raw) }] : []
  })
  const signer = known.find(({ key }) => thumbprintOf(key) === kid)
  if (!signer) throw refused('no approver of the policy has the key that it names')
  if (!verifyStrictly(Buffer.from(text), signer.key, signature)) throw refused('its signature is not valid')
  if (decision.approval !== request.id) throw refused('it was signed for another request')
  if (decision.digest !== request.action.digest) throw refused('it was signed for another action')
  const at = Date.parse(decision.decided_at)
  if (Number.isNaN(at) || at > now + MAX_AHEAD_MS) throw refused('it was signed at no time, or in the future')
  if (at < now - MAX_AGE_MS || at < request.createdAt - MAX_AHEAD_MS) throw refused('it was signed too long ago')
  return { decision, approver: signer.approver, thumbprint: kid }
}

function parse(jws: string, approval: string) {
  const refused = refusing(approval)
  if (jws.length > MAX_BYTES) throw refused(`it is larger than ${MAX_BYTES} bytes`)
  const parts = jws.split('.')
  const [head = '', body = '', tail = ''] = parts
  if (parts.length !== 3) throw refused('it is no compact JWS')
  const header = json(decode(head, refused), refused)
  const payload = json(decode(body, refused), refused)
  const { alg, kid, ...more } = header as { alg?: Json; kid?: Json }
  // One algorithm and no extensions: what is not understood could change what the signature means.
  if (alg !== 'EdDSA' || typeof kid !== 'string' || Object.keys(more).length > 0) {
    throw refused('its header is not {"alg":"EdDSA","kid":…} and nothing else')
  }
  const problems = compileSchema(SCHEMA)(payload)
  if (problems.length > 0) throw refused(wordProblems(problems))
  const signature = decode(tail, refused)
  return { decision: payload as unknown as SignedDecision, kid, text: `${head}.${body}`, signature }
}

/** Canonical JSON only, so that no two readers can read two things: no repeated keys, no second spelling. */
function json(bytes: Buffer, refused: (reason: string) => ClonedError): JsonObject {
  let value: Json
  try {
    value = JSON.parse(bytes.toString('utf8')) as Json
  } catch {
    throw refused('a part of it is not JSON')
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw refused('a part of it is no object')
  if (!Buffer.from(canonical(value)).equals(bytes)) throw refused('a part of it is not canonical JSON (RFC 8785)')
  return value as JsonObject
}

function decode(part: string, refused: (reason: string) => ClonedError): Buffer {
  const bytes = Buffer.from(part, 'base64url')
  if (part === '' || bytes.toString('base64url') !== part) throw refused('a part of it is not base64url')
  return bytes
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

function refusing(approval: string): (reason: string) => ClonedError {
  return (reason) => new ClonedError('APPROVAL_SIGNATURE', { approval, reason })
}
