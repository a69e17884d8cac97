// Reads from the audit log which calls stand behind an artifact; must never leave one of a run out.
import type { Actor, AuditLog, JsonObject, StoredRecord } from 'cloned/kernel'
import type { ArtifactManifest, RecordedCall } from './slot.js'

const MAX_DEPTH = 16

/** What the log says of the way to an artifact. */
interface Behind extends Pick<ArtifactManifest, 'calls' | 'packages'> {
  /** The log up to here was read. */
  readonly upTo: number
}

/**
 * Every call of the run that saves, nested ones included; for another actor the saving call and those it is nested in. Records
 * after `upTo` do not count.
 */
export async function callsBehind(
  audit: Pick<AuditLog, 'find'>,
  { callId, actor }: { readonly callId: string; readonly actor: Pick<Actor, 'id' | 'claimed'> },
  upTo = Number.MAX_SAFE_INTEGER,
): Promise<Behind> {
  const isRun = actor.id.startsWith('run:') && !actor.claimed
  const found = isRun ? await audit.find(actor.id) : await enclosing(audit, callId)
  // Anybody can claim to be a run; what they did then is not what it did.
  const own = found.filter(({ seq, record }) => seq <= upTo && (!isRun || claimOf(record) === false))
  const calls = new Map<string, RecordedCall>()
  const packages = new Map<string, ArtifactManifest['packages'][number]>()
  for (const stored of own) {
    const { call_id: id, type, package: packaged } = stored.record
    if (typeof id !== 'string' || !/^tool\.(intent|outcome)$/.test(String(type))) continue
    const known = calls.get(id)
    calls.set(id, known ? ended(known, stored) : begun(id, stored))
    if (packaged) {
      const { id: name, version, digest } = packaged as unknown as ArtifactManifest['packages'][number]
      packages.set(`${name} ${digest}`, { id: name, version, digest })
    }
  }
  return { calls: [...calls.values()], packages: [...packages.values()], upTo: own.at(-1)?.seq ?? 0 }
}

async function enclosing(audit: Pick<AuditLog, 'find'>, callId: string): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = []
  let id: unknown = callId
  for (let depth = 0; typeof id === 'string' && depth < MAX_DEPTH; depth++) {
    const records: readonly StoredRecord[] = await audit.find(id)
    found.push(...records)
    id = records.find(({ record }) => record['type'] === 'tool.intent')?.record['parent']
  }
  return found.sort((a, b) => a.seq - b.seq)
}

function claimOf({ actor }: JsonObject): unknown {
  return (actor as JsonObject | undefined)?.['claimed']
}

function begun(id: string, { seq, hash, record }: StoredRecord): RecordedCall {
  const { target, contract, status } = record
  return {
    call_id: id,
    tool: String(target),
    status: status === undefined ? 'running' : String(status),
    contract: String(contract ?? ''),
    seq,
    sha256: hash,
  }
}

function ended(call: RecordedCall, { seq, hash, record }: StoredRecord): RecordedCall {
  if (record['type'] !== 'tool.outcome') return call
  return { ...call, status: String(record['status']), outcome: { seq, sha256: hash } }
}
