import { appendFileSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { compileSchema, type JsonObject } from 'cloned/kernel'
import { afterEach, describe, expect, it } from 'vitest'
import type { FileAuditLog } from '../../plugins/audit/log.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { newPruner } from '../../plugins/audit/pruner.js'
import { listSegments } from '../../plugins/audit/segments.js'
import { newSigningKey, openSigned } from '../security/audit-forge.js'
import { newDir, TS } from './audit-helpers.js'

const path = fileURLToPath(new URL('../../schemas/audit_entry.schema.json', import.meta.url))
const problems = compileSchema(JSON.parse(readFileSync(path, 'utf8')) as JsonObject)
const PACKAGE = { connector: 'acme.weather', version: '1.0.0', package_digest: 'a'.repeat(64) }
const logs: FileAuditLog[] = []
afterEach(async () => {
  for (const log of logs.splice(0)) await log.close()
})

/** A log that has lived through everything that can happen to one. */
async function everyRecord(): Promise<JsonObject[]> {
  const dir = newDir()
  const paths = auditPaths(dir)
  let key = newSigningKey()
  const open = (more: Parameters<typeof openSigned>[2] = {}) => {
    const mac = { kid: 'm', mac: () => '' }
    const log = openSigned(dir, key, { keys: { workspace: 'w', load: async () => ({ signer: key, mac }) }, ...more })
    logs.push(log)
    return log
  }
  const log = open()
  await log.append({ type: 'acme.note', ts: TS })
  await log.checkpoint()
  const seen = readFileSync(paths.log, 'utf8')
  await log.rotate()
  await log.changeKey(async () => {
    key = newSigningKey()
  })
  await log.rotate()
  const pruner = newPruner(paths, log.appendOwn)
  await pruner.prune(await pruner.plan(9_999))
  await log.appendOwn('log.heartbeat', { session: 'aa' })
  await log.close()
  appendFileSync(paths.log, '{"v":1')
  await open().append({ type: 'acme.note', ts: TS })
  const texts = [seen, ...listSegments(paths).map((segment) => readFileSync(segment.path, 'utf8'))]
  texts.push(readFileSync(paths.log, 'utf8'))
  const lines = texts.flatMap((text) => text.split('\n').slice(0, -1))
  return lines.map((line) => JSON.parse(line) as JsonObject)
}

describe('the schema of audit entries', () => {
  it('accepts every record that a log writes about itself, and describes each kind of them', async () => {
    const records = await everyRecord()
    for (const record of records) expect([record['type'], problems(record)]).toEqual([record['type'], []])
    const own = new Set(records.map(({ type }) => String(type)).filter((type) => type.startsWith('log.')))
    const described = readFileSync(path, 'utf8').match(/"const": "log\.[a-z]+"/g) ?? []
    expect([...own].sort()).toEqual(described.map((each) => each.slice('"const": "'.length, -1)).sort())
  })

  it('refuses each of them once a field that it requires is gone or of another type', async () => {
    const required: Readonly<Record<string, readonly string[]>> = {
      'log.genesis': ['log_id'],
      'log.recover': ['dropped_bytes', 'dropped_sha256', 'last_seq'],
      'log.checkpoint': ['note'],
      'log.segment': ['segment', 'sha256', 'size', 'last_seq'],
      'log.prune': ['size', 'last_hash', 'frontier'],
      'log.kept': ['kept'],
      'log.key': ['vkey', 'note'],
    }
    const records = await everyRecord()
    for (const [type, fields] of Object.entries(required)) {
      const record = records.find((each) => each['type'] === type) ?? {}
      for (const field of fields) {
        const { [field]: _, ...without } = record
        expect([type, field, problems(without).length > 0]).toEqual([type, field, true])
        expect([type, field, problems({ ...record, [field]: {} }).length > 0]).toEqual([type, field, true])
      }
    }
  })

  const head = { v: 1, seq: 2, prev: '0'.repeat(64), ts: TS }
  const token = `hmac-sha256:k1:${'a'.repeat(64)}`
  it.each<[JsonObject, boolean]>([
    [{ type: 'tool.intent', call_id: 'c', instance: 'i', target: 't', args: token, digest: token }, true],
    [{ type: 'tool.intent', call_id: 'c', instance: 'i', target: 't', args: 'a'.repeat(64) }, false],
    [{ type: 'tool.intent', call_id: 'c', instance: 'i', target: 't', input: { path: 'x' } }, false],
    [{ type: 'tool.outcome', call_id: 'c', status: 'done', result: token, clear: { '/path': 'x' } }, true],
    [{ type: 'tool.outcome', call_id: 'c', status: 'done', result: { secret: 1 } }, false],
    [{ type: 'tool.outcome', call_id: 'c', status: 'done', clear: { '/path': { deep: 1 } } }, false],
    [{ type: 'vault.write', name: 'github', generation: 3 }, true],
    [{ type: 'vault.write', name: 'github', value: 'hunter2' }, false],
    [{ type: 'anchor.confirmed', anchor: 'file', size: 12, receipt: 'x' }, true],
    [{ type: 'anchor.failed', size: 12 }, false],
    [{ type: 'log.checkpoint', note: 'not a note' }, false],
    ...[
      { type: 'registry.install', ...PACKAGE, publisher: 'acme', previous: null },
      { type: 'registry.enable', ...PACKAGE },
      { type: 'registry.disable', ...PACKAGE },
      { type: 'registry.remove', ...PACKAGE },
      { type: 'registry.quarantine', ...PACKAGE, problem: 'a file was changed' },
      { type: 'registry.state', generation: 3 },
      { type: 'trust.document', documents: {} },
      { type: 'connector.unconfined', call_id: 'c', connector: 'acme.x', reason: 'r', until: TS, by: 'user:ann' },
      { type: 'egress.refused', connector: 'acme.x', code: 'EGRESS_PROXY_REQUEST' },
      { type: 'mcp.state', call_id: 'c', servers: {} },
      { type: 'mcp.wrapped', call_id: 'c', server: 'files', spec: {} },
      { type: 'mcp.tools', call_id: 'c', server: 'files', tools: 'a'.repeat(64), previous: null },
      { type: 'mcp.unwrapped', call_id: 'c', server: 'files' },
      { type: 'mcp.quarantine', call_id: 'c', server: 'files', tool: 'read', problem: 'p' },
      { type: 'sandbox.intent', call_id: 'c', instance: 'i', target: 'acme.x' },
    ].flatMap((record): [JsonObject, boolean][] => [
      [record, true],
      ...Object.keys(record)
        .filter((key) => key !== 'type')
        .map((key): [JsonObject, boolean] => [
          Object.fromEntries(Object.entries(record).filter(([k]) => k !== key)),
          false,
        ]),
    ]),
    [{ type: 'registry.install', ...PACKAGE, publisher: 'acme', previous: 'f'.repeat(63) }, false],
  ])('judges %j: %s', (record, fits) => {
    expect(problems({ ...head, ...record }).length === 0).toBe(fits)
  })
})
