// Words what the routes of connectors and catalogs take and answer, as JSON Schemas for the OpenAPI document.
const STATUS = { enum: ['enabled', 'disabled', 'quarantined'] } as const
const DIGEST = 'd2f1b7c96a0e3c584f7e2ab1c0d95e6838e1a4b7f2c6d0915a3b8e7f4c2d1a06'
const ARCHIVE = {
  type: 'string',
  minLength: 4,
  pattern: '^[A-Za-z0-9+/]+={0,2}$',
  contentEncoding: 'base64',
  contentMediaType: 'application/gzip',
  examples: ['H4sIAAAAAAACA+3BMQEAAADCoPVPbQhfoAAAAOA1v9QJZQAoAAA='],
} as const
const DRY_RUN = { type: 'boolean', description: 'Judges only.' } as const

export const CONNECTOR = {
  title: 'Connector',
  type: 'object',
  required: ['id', 'version', 'publisher', 'status', 'package_digest', 'installed_at', 'installed_by'],
  properties: {
    id: { type: 'string' },
    version: { type: 'string' },
    publisher: { type: 'string' },
    status: STATUS,
    problem: { type: 'string', description: 'Why it is quarantined.' },
    package_digest: { type: 'string', description: 'SHA-256 of its manifest.' },
    installed_at: { type: 'string', format: 'date-time' },
    installed_by: { type: 'string' },
    manifest: {
      type: 'object',
      description: 'As schemas/connector.manifest.schema.json says; absent when it cannot be verified.',
    },
  },
  examples: [
    {
      id: 'acme.weather',
      version: '1.0.0',
      publisher: 'acme',
      status: 'enabled',
      package_digest: DIGEST,
      installed_at: '2026-11-22T09:30:00.000Z',
      installed_by: 'user:ada',
    },
  ],
} as const

export const ID = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 100, examples: ['acme.weather'] } },
} as const

export const PACKAGE = {
  type: 'object',
  additionalProperties: false,
  required: ['archive'],
  properties: { archive: ARCHIVE },
} as const

export const INSTALL = {
  title: 'PackageInstall',
  type: 'object',
  additionalProperties: false,
  description: 'Either `package` or `archive`.',
  properties: {
    package: {
      type: 'string',
      minLength: 1,
      maxLength: 200,
      description: 'id or id@version in a configured catalog.',
      examples: ['acme.weather@1.0.0'],
    },
    archive: ARCHIVE,
    dry_run: DRY_RUN,
  },
  examples: [{ package: 'acme.weather@1.0.0' }],
} as const

export const SWITCH = {
  type: 'object',
  additionalProperties: false,
  properties: { dry_run: DRY_RUN },
} as const

export const CHANGED = {
  title: 'PackageChanged',
  type: 'object',
  required: ['status'],
  properties: {
    status: { enum: ['in force', 'done', 'pending', 'dry-run'], description: '`in force`: nothing had to change.' },
    id: { type: 'string' },
    version: { type: 'string' },
    approval_id: { type: 'string', description: 'With `pending`: what a person decides.' },
    call_id: { type: 'string' },
    output: { type: 'object', description: 'With `done`.' },
    verdict: { enum: ['allow', 'ask', 'deny'], description: 'With `dry-run`.' },
    reason: { type: 'string' },
    help: { type: 'string' },
  },
  examples: [{ status: 'pending', id: 'acme.weather', version: '1.0.0', approval_id: 'ap_k3v7q2m4x5zt' }],
} as const

export const VERIFIED = {
  title: 'VerifiedPackage',
  type: 'object',
  required: ['id', 'version', 'publisher', 'package_digest', 'kids', 'downgrade', 'manifest'],
  properties: {
    id: { type: 'string' },
    version: { type: 'string' },
    publisher: { type: 'string' },
    package_digest: { type: 'string' },
    kids: { type: 'array', items: { type: 'string' }, description: 'Thumbprints of the keys that signed it.' },
    downgrade: { type: 'boolean', description: 'A newer version was installed here already.' },
    manifest: { type: 'object' },
  },
  examples: [
    {
      id: 'acme.weather',
      version: '1.0.0',
      publisher: 'acme',
      package_digest: DIGEST,
      kids: ['n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg'],
      downgrade: false,
      manifest: { schema: 'cloned.package/v1', id: 'acme.weather', version: '1.0.0' },
    },
  ],
} as const

/** Of a fetch that did not come to its end. */
const WAITING = {
  status: { const: 'pending' },
  approval_id: { type: 'string', description: 'With 202: approve it and ask again.' },
} as const

export const SEARCH = {
  type: 'object',
  additionalProperties: false,
  properties: {
    word: { type: 'string', maxLength: 200, description: 'Part of an id, a title, a tool or a capability.' },
  },
} as const

export const OFFERED = {
  title: 'CatalogOffers',
  type: 'object',
  properties: {
    packages: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'version', 'publisher_id', 'title', 'package_digest', 'tools', 'capabilities', 'location'],
        properties: {
          id: { type: 'string' },
          version: { type: 'string' },
          publisher_id: { type: 'string' },
          title: { type: 'string' },
          package_digest: { type: 'string' },
          tools: { type: 'array', items: { type: 'string' } },
          capabilities: { type: 'array', items: { type: 'string' } },
          location: { type: 'string', description: 'The catalog that offers it.' },
        },
      },
    },
    ...WAITING,
  },
  examples: [{ packages: [] }],
} as const

export const OUTDATED = {
  title: 'OutdatedConnectors',
  type: 'object',
  properties: {
    outdated: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'installed', 'offered'],
        properties: { id: { type: 'string' }, installed: { type: 'string' }, offered: { type: 'string' } },
      },
    },
    ...WAITING,
  },
  examples: [{ outdated: [{ id: 'acme.weather', installed: '1.0.0', offered: '1.1.0' }] }],
} as const
