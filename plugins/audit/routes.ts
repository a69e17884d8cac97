// The audit log over HTTP: records, verification, evidence; it alters nothing but a checkpoint that is asked for.
import { ClonedError } from 'cloned/kernel'
import type { ApiPart } from '../api/slot.js'
import type { FileAuditLog } from './log.js'
import type { AuditQuery, Mirror } from './mirror.js'
import type { AuditPaths } from './paths.js'
import { document } from './verify-command.js'

export interface AuditRouteParts {
  readonly log: () => FileAuditLog
  readonly mirror: () => Mirror | undefined
  readonly paths: () => AuditPaths
}

const RECORD = {
  title: 'AuditRecord',
  type: 'object',
  required: ['seq', 'hash', 'record'],
  properties: {
    seq: { type: 'integer' },
    hash: { type: 'string', description: 'SHA-256 of the line.' },
    record: { type: 'object' },
  },
  examples: [{ seq: 1, hash: 'a3f5…', record: { v: 1, seq: 1, type: 'log.opened', ts: '2026-11-22T09:30:00.000Z' } }],
} as const
const VERDICT = {
  title: 'AuditVerdict',
  type: 'object',
  required: ['ok', 'entries'],
  properties: { ok: { type: 'boolean' }, entries: { type: 'integer' } },
  examples: [{ ok: true, entries: 42 }],
} as const
const CHECKPOINT = {
  title: 'AuditCheckpoint',
  type: 'object',
  required: ['note', 'size', 'root'],
  properties: {
    note: { type: 'string', description: 'C2SP signed note.' },
    origin: { type: 'string' },
    size: { type: 'integer' },
    root: { type: 'string' },
  },
  examples: [{ note: 'cloned.dev/log/…\n42\n…\n', origin: 'cloned.dev/log/…', size: 42, root: '…' }],
} as const
const QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: 1000, description: 'How many at most; 100 without.' },
    before: { type: 'integer', minimum: 1, description: 'Only records with a lower number: the next page back.' },
    tool: { type: 'string', maxLength: 256 },
    actor: { type: 'string', maxLength: 256 },
    outcome: { enum: ['done', 'denied', 'pending', 'failed', 'indeterminate'] },
    since: { type: 'integer', minimum: 0, description: 'Milliseconds since 1970.' },
    until: { type: 'integer', minimum: 0, description: 'Milliseconds since 1970.' },
  },
} as const
const SINCE = {
  type: 'object',
  additionalProperties: false,
  properties: {
    since: {
      type: 'string',
      maxLength: 16_384,
      examples: ['cloned.dev/log/…\n40\n…\n'],
      description: 'A checkpoint that was kept: the log must go on from it.',
    },
  },
} as const
const SEQ = {
  type: 'object',
  additionalProperties: false,
  required: ['seq'],
  properties: { seq: { type: 'integer', minimum: 1 } },
} as const

export function auditPart({ log, mirror, paths }: AuditRouteParts): ApiPart {
  return {
    tag: 'audit',
    register(app) {
      app.get<{ Querystring: Partial<AuditQuery> }>('/audit', {
        schema: {
          operationId: 'queryAudit',
          summary: 'Records of the audit log, oldest first: the newest that match',
          querystring: QUERY,
          response: {
            200: { type: 'object', required: ['records'], properties: { records: { type: 'array', items: RECORD } } },
          },
        },
        config: { scope: 'audit:read' },
        handler: async ({ query }) => {
          const { limit = 100, ...filters } = query
          const found = mirror()
          if (!found && Object.keys(filters).length > 0)
            throw new ClonedError('API_REQUEST', { problem: 'filters need a store, and this distribution has none' })
          const records = found ? await found.query({ ...filters, limit }) : (await log().last(limit)).records
          return { records: records.map(({ seq, hash, record }) => ({ seq, hash, record })) }
        },
      })
      app.post<{ Body: { since?: string } }>('/audit/verify', {
        schema: {
          operationId: 'verifyAudit',
          summary: 'Follows the whole chain; `ok` says whether it is unbroken',
          body: SINCE,
          response: { 200: VERDICT },
        },
        config: { scope: 'audit:read' },
        handler: async ({ body: { since } }) => document(await log().verify(since === undefined ? {} : { since })),
      })
      app.post('/audit/checkpoint', {
        schema: {
          operationId: 'signAuditCheckpoint',
          summary: 'Signs the log as it is now, to be kept outside of this machine',
          body: { type: 'object', additionalProperties: false, properties: {} },
          response: { 200: CHECKPOINT },
        },
        config: { scope: 'audit:write' },
        handler: async () => {
          if (!(await log().checkpoint()))
            throw new ClonedError('AUDIT_UNPROVABLE', { problem: 'the log was made without a key' })
          return published(paths())
        },
      })
      app.get('/audit/checkpoint', {
        schema: {
          operationId: 'getAuditCheckpoint',
          summary: 'The newest signed checkpoint',
          response: { 200: CHECKPOINT },
        },
        config: { scope: 'audit:read' },
        handler: async () => published(paths()),
      })
      app.get<{ Params: { seq: number } }>('/audit/records/:seq/proof', {
        schema: {
          operationId: 'proveAuditRecord',
          summary: 'Proof for somebody without the log that a record is in it',
          params: SEQ,
          response: {
            200: {
              type: 'object',
              required: ['seq', 'proof', 'line'],
              properties: { seq: { type: 'integer' }, proof: { type: 'string' }, line: { type: 'string' } },
              examples: [{ seq: 1, proof: 'c2sp.org/tlog-proof@v1\n…', line: '{"v":1,"seq":1,…}\n' }],
            },
          },
        },
        config: { scope: 'audit:read' },
        handler: async ({ params: { seq } }) => {
          const { proveRecord } = await import('./prover.js')
          const { formatProof } = await import('./proof.js')
          const { proof, line } = await proveRecord(paths(), seq)
          return { seq, proof: formatProof(proof), line: line.toString('utf8') }
        },
      })
      app.post<{ Body: { since: string } }>('/audit/consistency', {
        schema: {
          operationId: 'proveAuditConsistency',
          summary: 'Proof that the log goes on from a checkpoint that was kept elsewhere',
          body: { ...SINCE, required: ['since'] },
          response: { 200: VERDICT },
        },
        config: { scope: 'audit:read' },
        handler: async ({ body: { since } }) => {
          const found = await log().verify({ since })
          if (!found.ok) return document(found)
          const { proveConsistency } = await import('./prover.js')
          const { readNote } = await import('./judge.js')
          const older = readNote(since)
          const { hashes, newer } = await proveConsistency(paths(), older)
          return {
            ok: true,
            entries: found.entries,
            old_size: older.size,
            size: newer.size,
            proof: hashes.map((hash) => hash.toString('base64')),
            checkpoint: newer.note,
          }
        },
      })
    },
  }
}

async function published(paths: AuditPaths) {
  const { publishedNote } = await import('./prover.js')
  const { note, origin, size, root } = publishedNote(paths)
  return { note, origin, size, root: root.toString('base64') }
}
