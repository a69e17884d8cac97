// Words what the routes of artifacts answer, as JSON Schemas for the OpenAPI document.
const CALL = {
  type: 'object',
  required: ['call_id', 'tool', 'status', 'contract', 'seq', 'sha256'],
  properties: {
    call_id: { type: 'string' },
    tool: { type: 'string' },
    status: { type: 'string' },
    contract: { type: 'string', description: 'SHA-256 of the tool’s contract.' },
    seq: { type: 'integer', minimum: 1 },
    sha256: { type: 'string', description: 'Of that line of the log.' },
    outcome: { type: 'object' },
  },
} as const
export const MANIFEST = {
  title: 'ArtifactManifest',
  type: 'object',
  description: 'What the signed statement says, decoded; the statement itself stands in .cloned/artifacts.',
  required: [
    ...['id', 'filename', 'media_type', 'size', 'sha256', 'created_at', 'created_by', 'call_id'],
    ...['workspace', 'provenance', 'calls', 'packages', 'sources'],
  ],
  properties: {
    id: { type: 'string' },
    filename: { type: 'string' },
    media_type: { type: 'string' },
    size: { type: 'integer', minimum: 0, description: 'Bytes.' },
    sha256: { type: 'string' },
    created_at: { type: 'string', format: 'date-time' },
    created_by: { type: 'string' },
    call_id: { type: 'string' },
    workspace: { type: 'string' },
    provenance: { type: 'object' },
    calls: { type: 'array', items: CALL },
    packages: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'version', 'digest'],
        properties: { id: { type: 'string' }, version: { type: 'string' }, digest: { type: 'string' } },
      },
    },
    sources: {
      type: 'array',
      items: {
        type: 'object',
        required: ['uri', 'sha256'],
        properties: { uri: { type: 'string' }, sha256: { type: 'string' } },
      },
    },
  },
  examples: [
    {
      id: 'art_0123456789abcdef01234567',
      filename: 'report.md',
      media_type: 'text/markdown; charset=utf-8',
      size: 2,
      sha256: '8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4',
      created_at: '2026-11-22T09:30:00.000Z',
      created_by: 'user:ada',
      call_id: '019aab3c-6f1e-7c52-9c0a-3d9a2f6f5b11',
      workspace: 'ws_0123456789abcdef',
      provenance: { actor: { id: 'user:ada', claimed: false, os_user: 'ada' } },
      calls: [],
      packages: [],
      sources: [
        { uri: 'file:docs/index.md', sha256: '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881' },
      ],
    },
  ],
} as const
export const ID = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 64, examples: ['art_0123456789abcdef01234567'] } },
} as const

export const BUNDLE = {
  title: 'SignedManifest',
  type: 'object',
  required: ['bundle', 'kid', 'public_key'],
  properties: {
    bundle: { type: 'object', description: 'Sigstore bundle v0.3 with a DSSE envelope around the statement.' },
    kid: { type: 'string', description: 'Id of the key.' },
    public_key: { type: 'string', description: 'PEM. Trust it as far as you trust where this answer comes from.' },
  },
  examples: [
    {
      bundle: { mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json' },
      kid: '1f6c0de2a47b9e55',
      public_key: '-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n',
    },
  ],
} as const

export const VERIFIED = {
  title: 'ArtifactVerified',
  type: 'object',
  required: ['artifact', 'verified', 'checks'],
  properties: {
    artifact: { type: 'string' },
    verified: { type: 'boolean' },
    checks: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'ok', 'detail'],
        properties: {
          name: { enum: ['signature', 'content', 'record', 'calls'] },
          ok: { type: ['boolean', 'null'], description: 'null: it could not be checked, for the reason in `detail`.' },
          detail: { type: 'string' },
        },
      },
    },
  },
  examples: [
    {
      artifact: 'art_0123456789abcdef01234567',
      verified: true,
      checks: [{ name: 'signature', ok: true, detail: 'by key 1f6c0de2a47b9e55' }],
    },
  ],
} as const

export const EMPTY = { type: 'object', additionalProperties: false, properties: {} } as const
