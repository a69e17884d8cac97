// Rewrites the files of clients so that they start the gateway, and puts them back; must never write before it is recorded.
import { isDeepStrictEqual } from 'node:util'
import { type AuditLog, ClonedError, sha256 } from 'cloned/kernel'
import { readClientFile, removeClientFile, replaceClientFile } from './config-file.js'
import { at, type Edit, editDocument, type Format, readDocument } from './documents/document.js'
import type { ChangedFile, Ledger, Ledgers } from './ledger.js'

export interface RewriteParts {
  readonly ledgers: Ledgers
  readonly audit: Pick<AuditLog, 'append'>
  readonly now: () => number
}

/** Makes the edits in one file; the first version of it is kept. Answers whether there was anything to do. */
export async function rewrite(
  path: string,
  format: Format,
  edits: readonly Edit[],
  { ledgers, audit, now }: RewriteParts,
): Promise<boolean> {
  const read = readClientFile(path)
  const text = read?.text ?? ''
  const next = editDocument(text, format, edits)
  if (next === text) return false
  const ledger = ledgers.read()
  // Edits of somebody else since the last import would be lost by putting back the first version.
  const known = ledger.files.find((file) => file.path === path && file.after === sha256(text))
  const before = known?.before ?? ledgers.keep(text)
  const after = sha256(next)
  const changed: ChangedFile = {
    path,
    format,
    mode: known ? known.mode : (read?.mode ?? null),
    before,
    after,
    touched: [...(known?.touched ?? []), ...edits.flatMap(({ op, path }) => (op === 'append' ? [] : [path]))],
    added: [
      ...(known?.added ?? []),
      ...edits.flatMap((edit) => (edit.op === 'append' ? [edit] : [])).map(({ path, value }) => ({ path, value })),
    ],
  }
  await audit.append({ type: 'client.import', ts: new Date(now()).toISOString(), path, before: sha256(text), after })
  // The ledger first: a file that was rewritten and is not in it could not be put back.
  ledgers.write({ ...ledger, files: [...ledger.files.filter((file) => file !== known), changed] })
  replaceClientFile(path, next, read)
  return true
}

/** What became of one file. */
export interface Undone {
  readonly path: string
  readonly how: 'restored' | 'removed' | 'edited back'
}

/** Puts every file back, last change first. Throws `IMPORT_EDITED` before it touches any, unless forced. */
export async function undo(
  parts: RewriteParts,
  { force, dryRun }: { force: boolean; dryRun: boolean },
): Promise<readonly Undone[]> {
  const { ledgers } = parts
  const { files } = ledgers.read()
  const latest = [...files].reverse()
  const seen = new Set<string>()
  const plans = latest.map((file) => {
    // An older change of the same file means that somebody edited it in between.
    const plan = planOf(file, ledgers.kept(file), force, !seen.has(file.path))
    seen.add(file.path)
    return plan
  })
  if (!dryRun) for (const [i, plan] of plans.entries()) await restore(latest[i], plan, parts)
  return plans.map(({ path, how }) => ({ path, how }))
}

interface Plan extends Undone {
  readonly kept: string
}

function planOf(file: ChangedFile, kept: string, force: boolean, last: boolean): Plan {
  const read = readClientFile(file.path)
  const untouched = last && (read?.sha256 === file.after || read?.sha256 === file.before)
  if (!untouched && !force) throw new ClonedError('IMPORT_EDITED', { path: file.path })
  if (!untouched) return { path: file.path, how: 'edited back', kept }
  return { path: file.path, how: file.mode === null ? 'removed' : 'restored', kept }
}

async function restore(
  file: ChangedFile | undefined,
  { how, kept }: Plan,
  { ledgers, audit, now }: RewriteParts,
): Promise<void> {
  if (!file) return
  const read = readClientFile(file.path)
  const text = how === 'edited back' ? takenBack(read?.text ?? '', file, kept) : kept
  const about = { before: read?.sha256 ?? null, after: how === 'removed' ? null : sha256(text) }
  await audit.append({ type: 'client.undo', ts: new Date(now()).toISOString(), path: file.path, how, ...about })
  if (how !== 'removed') replaceClientFile(file.path, text, read && { ...read, mode: file.mode ?? read.mode })
  else if (read) removeClientFile(file.path, read)
  const ledger = ledgers.read()
  const next: Ledger = {
    ...ledger,
    files: ledger.files.filter(({ path, after }) => path !== file.path || after !== file.after),
  }
  ledgers.write(next)
  ledgers.tidy(next)
}

/** The text as it is now, with what the import touched as it was. */
function takenBack(text: string, file: ChangedFile, kept: string): string {
  const was = readDocument(kept, file.format)
  let now = text
  for (const { path, value } of file.added) {
    const list = at(readDocument(now, file.format), path)
    const index = Array.isArray(list) ? list.findIndex((item) => isDeepStrictEqual(item, value)) : -1
    if (index >= 0) now = editDocument(now, file.format, [{ op: 'remove', path: [...path, index] }])
  }
  const edits = file.touched.map((path): Edit => {
    const value = at(was, path)
    return value === undefined ? { op: 'remove', path } : { op: 'set', path, value }
  })
  return editDocument(now, file.format, edits)
}
