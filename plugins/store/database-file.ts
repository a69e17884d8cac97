// Makes and opens the file of the store; never takes an empty, foreign or damaged file for a new store.
import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, lstatSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  ClonedError,
  createPrivateFile,
  type Database,
  describeThrown,
  openDatabase,
  syncDirectory,
} from 'cloned/kernel'
import { isBusy, isFileFault } from './faults.js'

// "clnd": tells a store from any other SQLite file.
const APPLICATION_ID = 0x636c6e64
// A statement waits this long in SQLite, blocking the thread; longer waits are the caller's, between which others run.
const BUSY_MS = 5

/** The two connections of an open store: one that writes, and one that cannot. */
export interface Connections {
  readonly writer: Database
  readonly reader: Database
  close(): void
}

/**
 * Opens the store at `path`, made first when there is none. Throws `STORE_UNUSABLE` for whatever is not a store, and
 * SQLite's busy error while another process holds it.
 */
export function openConnections(path: string, schema: readonly string[]): Connections {
  const unusable = (problem: string) => new ClonedError('STORE_UNUSABLE', { path, problem })
  const leftWal = existsSync(`${path}-wal`)
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) {
    // A new file would be mixed with the pages of the lost one.
    if (leftWal) throw unusable(`it is missing, and ${path}-wal still holds a part of it`)
    make(path, schema)
  } else if (found.isSymbolicLink()) throw unusable('it is a symbolic link')
  else if (!found.isFile()) throw unusable('it is not a regular file')
  else if (found.size === 0) throw unusable('it is empty')

  const open: Database[] = []
  try {
    const writer = openDatabase(path, { timeout: BUSY_MS })
    open.push(writer)
    const id = writer.prepare('pragma application_id').get() as { application_id: number }
    if (id.application_id !== APPLICATION_ID) throw unusable('it is a database of something else')
    const reader = openDatabase(path, { timeout: BUSY_MS, readOnly: true })
    open.push(reader)
    return { writer, reader, close: () => closeAll(open) }
  } catch (error) {
    closeAll(open)
    if (isFileFault(error)) throw unusable(describeThrown(error))
    throw error
  }
}

/** Makes the whole store under a passing name, so that a store is either absent or complete. */
function make(path: string, schema: readonly string[]): void {
  const passing = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`)
  try {
    createPrivateFile(passing)
    const database = openDatabase(passing)
    try {
      database.exec('pragma journal_mode = wal')
      database.exec('begin immediate')
      database.exec(`pragma application_id = ${APPLICATION_ID}`)
      for (const statement of schema) database.exec(statement)
      database.exec('commit')
    } finally {
      database.close()
    }
    linkSync(passing, path)
    syncDirectory(dirname(path))
  } catch (error) {
    // Another process was faster: its store is the store.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    throw isBusy(error)
      ? error
      : new ClonedError('STORE_UNUSABLE', { path, problem: describeThrown(error) }, { cause: error })
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${passing}${suffix}`, { force: true })
  }
}

function closeAll(databases: readonly Database[]): void {
  // Reverse order: the last connection to close folds the log into the file, and only the writer can.
  for (const database of databases.toReversed()) if (database.isOpen) database.close()
}
