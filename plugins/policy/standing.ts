// Decides what is proven to be in force; only a record in the audit log is proof, and what lacks it must deny.
import type { StoredRecord } from 'cloned/kernel'
import type { AppliedNote } from './applied.js'
import type { PackName } from './document.js'

/** The type of the record that puts a policy in force. */
export const APPLIED = 'policy.applied'

/** What is in force, as far as it is proven. */
export type Standing =
  /** Nothing was ever put in force here: the pack of the workspace, without an overlay. */
  | { readonly state: 'fresh' }
  | (Known & { readonly state: 'proven'; readonly seq: number })
  /** Every call is denied; the policy named here says who may decide about the way out. */
  | (Known & { readonly state: 'unproven'; readonly problem: string })

/** A pack with its overlay. */
export interface Known {
  readonly pack: PackName
  /** SHA-256 of the overlay's text, `null` without one. */
  readonly overlay: string | null
  /** That text; absent without an overlay, and when it is lost. */
  readonly text?: string
}

/** What there is to judge by. */
export interface Evidence {
  /** The pack that the workspace's configuration names. */
  readonly pack: PackName
  readonly note: AppliedNote | undefined
  /** The newest `policy.applied`. */
  readonly record: StoredRecord | undefined
  /** Why that record does not count, and the newest one that does. */
  readonly doubt?: { readonly problem: string; readonly proven: StoredRecord | undefined }
  /** The text with this digest, wherever it is kept. */
  readonly text: (digest: string) => Promise<string | undefined>
}

/** A note that is behind the log is none the worse: whoever wrote it died before its next line. */
export async function standingOf({ pack, note, record, doubt, text }: Evidence): Promise<Standing> {
  const none: Known = { pack, overlay: null }
  if (doubt) {
    // Else the forged record would say who may decide about the way out.
    const base = doubt.proven && recordedOf(doubt.proven)
    const kept = base && base.overlay !== null ? await text(base.overlay) : undefined
    return unproven(base ? { ...base, ...(kept === undefined ? {} : { text: kept }) } : none, doubt.problem)
  }
  if (!record) {
    if (!note) return { state: 'fresh' }
    return unproven(none, 'the audit log has no record of a policy, and the store says that there is one in force')
  }
  const recorded = recordedOf(record)
  if (!recorded) return unproven(none, `record ${record.seq} of the audit log names no policy`)
  const content = recorded.overlay === null ? undefined : await text(recorded.overlay)
  const known: Known = content === undefined ? recorded : { ...recorded, text: content }
  if (note && note.seq > record.seq) {
    return unproven(known, `the audit log does not have record ${note.seq}, which the store says put it in force`)
  }
  if (note?.seq === record.seq && (note.overlay !== recorded.overlay || note.pack !== recorded.pack)) {
    return unproven(known, `the store was edited: it differs from record ${record.seq} of the audit log`)
  }
  if (recorded.overlay !== null && content === undefined) {
    return unproven(known, `the text of the approved overlay ${recorded.overlay.slice(0, 12)} is lost`)
  }
  if (recorded.pack !== pack) {
    return unproven(known, `the workspace is ${recorded.pack} by the audit log and ${pack} by .cloned/config.yaml`)
  }
  return { ...known, state: 'proven', seq: record.seq }
}

function unproven(known: Known, problem: string): Standing {
  return { ...known, state: 'unproven', problem }
}

function recordedOf({ record: { pack, overlay } }: StoredRecord): Known | undefined {
  if (pack !== 'personal' && pack !== 'shared' && pack !== 'enterprise') return undefined
  if (overlay !== null && (typeof overlay !== 'string' || !/^[0-9a-f]{64}$/.test(overlay))) return undefined
  return { pack, overlay }
}
