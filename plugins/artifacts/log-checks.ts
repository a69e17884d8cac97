// Checks a manifest against the audit log; what the log does not say must never pass for said.
import { type AuditLog, canonical, type Json, type JsonObject } from 'cloned/kernel'
import { callsBehind } from './calls.js'
import type { ArtifactCheck, ArtifactManifest, RecordedCall } from './slot.js'

/**
 * The checks `record` and `calls` of a manifest of this workspace: whether the log knows its save, by the record that `isIts`,
 * and the very calls that it names. What was pruned cannot be checked.
 */
export async function logChecks(
  audit: Pick<AuditLog, 'find' | 'scan'>,
  manifest: Omit<ArtifactManifest, 'id'>,
  upTo: number,
  isIts: (saved: JsonObject) => boolean,
): Promise<readonly ArtifactCheck[]> {
  const oldest = await firstLeft(audit)
  const pruned = (what: string) => ({ ok: undefined, detail: `the log begins at record ${oldest}: ${what} was pruned` })
  const saved = (await audit.find(manifest.call_id)).find(
    ({ record }) => record['type'] === 'artifact.saved' && isIts(record),
  )
  const record = saved
    ? { ok: true, detail: `record ${saved.seq} of the log` }
    : upTo < oldest
      ? pruned('its record')
      : { ok: false, detail: 'the log has no record of this manifest' }
  const actor = { id: manifest.created_by, claimed: claimed(manifest) }
  const logged = await callsBehind(audit, { callId: manifest.call_id, actor }, upTo)
  const left = (calls: readonly RecordedCall[]) => calls.filter(({ seq }) => seq >= oldest)
  const same = text(left(logged.calls)) === text(left(manifest.calls))
  const count = `${manifest.calls.length} of ${manifest.calls.length} stand in the log as the manifest says`
  const calls = !same
    ? {
        ok: false,
        detail: `the log knows other calls than the manifest (${logged.calls.length} of ${manifest.calls.length})`,
      }
    : left(manifest.calls).length < manifest.calls.length
      ? pruned('a part of them')
      : { ok: true, detail: count }
  return [
    { name: 'record', ...record },
    { name: 'calls', ...calls },
  ]
}

async function firstLeft(audit: Pick<AuditLog, 'scan'>): Promise<number> {
  for await (const { seq } of audit.scan()) return seq
  return 1
}

function claimed({ provenance }: Pick<ArtifactManifest, 'provenance'>): boolean {
  return (provenance['actor'] as { claimed?: unknown }).claimed !== false
}

function text(calls: readonly RecordedCall[]): string {
  return canonical(calls as unknown as Json)
}
