// Finds the records of calls in the log; must never take text inside a record for a field of it.
import type { CallHistory, JsonObject, StoredRecord } from 'cloned/kernel'
import { logLines, logLinesFromEnd, logLinesSince } from './files.js'
import { keptRecord } from './kept.js'
import type { AuditPaths } from './paths.js'
import { type Line, storedRecord } from './read.js'

// Parsing every line would cost ten times the search for a substring that a record of interest must hold.
const CALL_IDS = /"call_id":("(?:[^"\\]|\\.)*")/g

/** Every record of this call, approval or actor, oldest first; what lies before `from` is not read. */
export async function findById(paths: AuditPaths, id: string, from: number): Promise<readonly StoredRecord[]> {
  const text = JSON.stringify(id)
  const needles = ['"call_id":', '"approval":', '"actor":{"id":'].map((key) => Buffer.from(key + text))
  const found: StoredRecord[] = []
  for await (const { path, lines } of logLinesSince(paths, from)) {
    for (const line of lines) {
      if (!needles.some((needle) => line.bytes.includes(needle))) continue
      const stored = storedRecord(path, line)
      if (stored.seq < from) continue
      if (isAbout(stored.record, id)) found.push(stored)
    }
  }
  return found
}

function isAbout({ call_id: call, approval, actor }: JsonObject, id: string): boolean {
  return call === id || approval === id || (actor as JsonObject | undefined)?.['id'] === id
}

/** Every record from sequence `from` on, oldest first. */
export async function* scanFrom(paths: AuditPaths, from: number): AsyncGenerator<StoredRecord, void> {
  for await (const { path, lines } of logLinesSince(paths, from)) {
    for (const line of lines) {
      const stored = storedRecord(path, line)
      if (stored.seq >= from) yield stored
    }
  }
}

/** The newest record of this type, pruned or not. */
export async function findLatest(paths: AuditPaths, type: string): Promise<StoredRecord | undefined> {
  const needle = Buffer.from(`"type":${JSON.stringify(type)}`)
  let kept: StoredRecord | undefined
  for await (const { path, lines } of logLinesFromEnd(paths)) {
    for (const line of lines) {
      if (!line.bytes.includes(needle)) continue
      const stored = storedRecord(path, line)
      if (stored.record['type'] === type) return stored
      const older = kept ? undefined : keptRecord(stored)
      if (older?.record['type'] === type) kept = older
    }
  }
  // Whatever was pruned is older than everything that is still there.
  return kept
}

/** Every call whose first intent names one of these instances, with the last outcome of it, by sequence of intents. */
export async function findCalls(paths: AuditPaths, instances: readonly string[]): Promise<readonly CallHistory[]> {
  const wanted = new Set(instances)
  const needles = instances.map((instance) => Buffer.from(`"instance":${JSON.stringify(instance)}`))
  /** By the JSON text of the call id. */
  const calls = new Map<string, CallHistory>()
  for await (const { path, lines } of logLines(paths)) {
    for (const line of lines) {
      if (needles.some((needle) => line.bytes.includes(needle))) addIntent(calls, wanted, storedRecord(path, line))
      if (mayBeOutcomeOf(calls, line)) addOutcome(calls, storedRecord(path, line))
    }
  }
  return [...calls.values()]
}

function addIntent(calls: Map<string, CallHistory>, wanted: ReadonlySet<string>, intent: StoredRecord): void {
  const { type, instance, call_id: callId } = intent.record
  if (typeof callId !== 'string' || typeof instance !== 'string' || !wanted.has(instance)) return
  const key = JSON.stringify(callId)
  if (typeof type !== 'string' || !type.endsWith('.intent') || calls.has(key)) return
  calls.set(key, { callId, intent })
}

function addOutcome(calls: Map<string, CallHistory>, outcome: StoredRecord): void {
  const { type, call_id: callId } = outcome.record
  if (typeof callId !== 'string' || typeof type !== 'string' || !type.endsWith('.outcome')) return
  const call = calls.get(JSON.stringify(callId))
  if (call) calls.set(JSON.stringify(callId), { ...call, outcome })
}

function mayBeOutcomeOf(calls: ReadonlyMap<string, CallHistory>, { bytes }: Line): boolean {
  if (calls.size === 0 || !bytes.includes('.outcome"')) return false
  for (const [, id] of bytes.toString('utf8').matchAll(CALL_IDS)) {
    if (id !== undefined && calls.has(id)) return true
  }
  return false
}
