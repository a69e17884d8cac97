// Words what the routes of the trust store take and answer, as JSON Schemas for the OpenAPI document.
const KID = 'n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg'
const DRY_RUN = { type: 'boolean', description: 'Judges only.' } as const
const TEXT = { type: 'string', minLength: 1, maxLength: 1024 * 1024 } as const
const PUBLISHER = '{"schema":"cloned.trust-publisher/v1","version":1,"publisher_id":"acme"}'
const SIGNATURE = {
  type: 'string',
  minLength: 1,
  maxLength: 64 * 1024,
  description: 'Text of its signature file.',
} as const

export const TRUST = {
  title: 'Trust',
  type: 'object',
  required: ['root', 'publishers', 'revocations', 'problem'],
  properties: {
    root: { type: ['object', 'null'], description: 'As schemas/trust_root.schema.json says.' },
    publishers: {
      type: 'array',
      items: { type: 'object' },
      description: 'Each as schemas/trust_publisher.schema.json says.',
    },
    revocations: { type: ['object', 'null'], description: 'As schemas/trust_revocations.schema.json says.' },
    problem: { type: ['string', 'null'], description: 'Why the trust store cannot be relied on.' },
  },
  examples: [{ root: null, publishers: [], revocations: null, problem: null }],
} as const

export const DOCUMENT = {
  title: 'TrustDocument',
  type: 'object',
  additionalProperties: false,
  required: ['document'],
  properties: {
    document: { ...TEXT, description: 'The document itself, byte by byte as it was signed.' },
    signature: SIGNATURE,
    dry_run: DRY_RUN,
  },
  examples: [{ document: PUBLISHER }],
} as const

export const SIGNED = {
  ...DOCUMENT,
  title: 'SignedTrustDocument',
  required: ['document', 'signature'],
  examples: [{ document: '{"schema":"cloned.trust-revocations/v1","version":2,"entries":[]}', signature: '{…}' }],
} as const

export const PUBLISHER_ID = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 64, examples: ['acme'] } },
} as const

export const REMOVAL = {
  type: 'object',
  additionalProperties: false,
  properties: { dry_run: DRY_RUN },
} as const

export const ENTRY = {
  title: 'Revocation',
  type: 'object',
  additionalProperties: false,
  required: ['kind', 'reason'],
  properties: {
    kind: { enum: ['key', 'publisher', 'package', 'tool', 'digest'] },
    kid: { type: 'string', maxLength: 43, description: 'With `key`: the thumbprint.', examples: [KID] },
    publisher_id: { type: 'string', maxLength: 64, description: 'With `publisher`.', examples: ['acme'] },
    id: { type: 'string', maxLength: 200, description: 'With `package` and `tool`.', examples: ['acme.weather'] },
    range: { type: 'string', maxLength: 200, description: 'With `package`: its versions.', examples: ['<1.4.2'] },
    digest: { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'With `digest`: of the package.' },
    reason: { type: 'string', minLength: 1, maxLength: 1000, description: 'Shown wherever it stops something.' },
    compromised_at: { type: 'string', maxLength: 30, description: 'What was installed before this time stays.' },
    dry_run: DRY_RUN,
  },
  examples: [{ kind: 'publisher', publisher_id: 'acme', reason: 'key leaked' }],
} as const

export const ROOT = {
  title: 'RootChange',
  type: 'object',
  additionalProperties: false,
  required: ['change'],
  properties: {
    change: { enum: ['mode', 'rotate', 'renew', 'replace'] },
    mode: { enum: ['dev', 'strict'], description: 'With `mode`: `dev` warns where `strict` refuses.' },
    document: { ...TEXT, description: 'With `replace`: the root of an organisation.' },
    signature: SIGNATURE,
    dry_run: DRY_RUN,
  },
  examples: [{ change: 'mode', mode: 'strict' }],
} as const

export const CHANGED = {
  title: 'TrustChanged',
  type: 'object',
  required: ['status'],
  properties: {
    status: { enum: ['done', 'pending', 'dry-run'] },
    approval_id: { type: 'string', description: 'With `pending`: what a person decides.' },
    call_id: { type: 'string' },
    output: { type: 'object', description: 'With `done`: the documents that were written, with their versions.' },
    verdict: { enum: ['allow', 'ask', 'deny'], description: 'With `dry-run`.' },
    reason: { type: 'string' },
    help: { type: 'string' },
  },
  examples: [{ status: 'pending', approval_id: 'ap_k3v7q2m4x5zt' }],
} as const
