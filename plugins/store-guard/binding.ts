// Decides whether the store is the one that the audit log knows; must never take a lost, foreign or older one for it.
import { type AuditLog, ClonedError, isClonedError } from 'cloned/kernel'
import type { Identity, IdentityRow } from './identity.js'

/** Type of the record that names a store in the log. */
export const MARK = 'store.mark'

/** Both sides as they were found, and what is wrong between them. */
export interface Finding {
  readonly held: Identity | undefined
  readonly recorded: Identity | undefined
  readonly problem?: ClonedError
}

/** Compares both sides. Changes nothing. */
export async function examine(identity: IdentityRow, audit: Pick<AuditLog, 'latest'>): Promise<Finding> {
  // In this order: a mark is in the store before it is in the log, so a sound store is never behind what was read here.
  const recorded = recordedIdentity((await audit.latest(MARK))?.record)
  const held = await identity.read()
  const problem = await problemOf(held, recorded, audit)
  if (problem === undefined) return { held, recorded }
  return { held, recorded, problem: new ClonedError('STORE_UNUSABLE', { path: '.cloned/state.db', problem }) }
}

async function problemOf(
  held: Identity | undefined,
  recorded: Identity | undefined,
  audit: Pick<AuditLog, 'latest'>,
): Promise<string | undefined> {
  if (!recorded) {
    // Before the first call of a workspace there is nothing to lose.
    return (await audit.latest('tool.intent')) ? 'the audit log holds calls and names no store' : undefined
  }
  if (!held) return 'it is new, and the one that the audit log names is gone'
  if (held.store !== recorded.store) return 'it is another one than the audit log names'
  if (held.mark >= recorded.mark) return undefined
  return `it is an old copy, with mark ${held.mark} where the audit log has ${recorded.mark}`
}

function recordedIdentity(record: Readonly<Record<string, unknown>> | undefined): Identity | undefined {
  if (!record) return undefined
  const { store, mark } = record
  // A record that cannot be read names a store that no other one is.
  return { store: String(store), mark: typeof mark === 'number' ? mark : Number.POSITIVE_INFINITY }
}

/** What keeps every call from running, if anything does; a log that cannot be read does. */
export async function problemWith(
  identity: IdentityRow,
  audit: Pick<AuditLog, 'latest'>,
): Promise<ClonedError | undefined> {
  try {
    return (await examine(identity, audit)).problem
  } catch (error) {
    if (isClonedError(error)) return error
    throw error
  }
}
