// Gathers what plugins know of the call that saves an artifact; one source must never overwrite what another said.
import { type Contribution, type JsonObject, snapshot } from 'cloned/kernel'
import type { ProvenanceSource } from './slot.js'

/** The actor, and the keys of every source. Throws when a source does, answers no JSON object, or repeats a key. */
export function gatherProvenance(
  call: Parameters<ProvenanceSource['describe']>[0],
  sources: readonly Contribution<ProvenanceSource>[],
): JsonObject {
  const { id, claimed, osUser } = call.actor
  const gathered = new Map<string, JsonObject[string]>([['actor', { id, claimed, os_user: osUser }]])
  for (const { plugin, item } of sources) {
    const described = item.describe(call)
    if (described === undefined) continue
    for (const [key, value] of Object.entries(snapshot(described) as JsonObject)) {
      if (gathered.has(key)) throw new Error(`"${plugin}" gives the provenance "${key}", which is given already`)
      gathered.set(key, value)
    }
  }
  return Object.fromEntries(gathered)
}
