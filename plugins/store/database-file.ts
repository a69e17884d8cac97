// Makes and opens the file of the store; never takes an empty, foreign or damaged file for a new store.
import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, linkSync, lstatSync, openSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  ClonedError,
  createPrivateFile,
  type Database,
  describeThrown,
  openDatabase,
  syncDirectory,
} from 'cloned/kernel'
import { isBusy, isMachineFault } from './faults.js'

// "clnd": tells a store from any other SQLite file.
const APPLICATION_ID = 0x636c6e64
// A statement waits this long in SQLite, blocking the thread; longer waits are the caller's, between which others run.
const BUSY_MS = 5

// The one table that a store has from its making on; the rest comes with the steps that it records.
const STEPS_TABLE = `create table store_steps (
  owner text not null, step integer not null, digest text not null, primary key (owner, step)
) strict, without rowid`

/** The two connections of an open store: one that writes, and one that cannot. */
export interface Connections {
  readonly writer: Database
  readonly reader: Database
  close(): void
}

/**
 * Opens the store at `path`, made first when there is none. Throws `STORE_UNUSABLE` for whatever is not a store; SQLite's
 * own error while another process holds it, and when the machine fails.
 */
export function openConnections(path: string): Connections {
  const unusable = (problem: string) => new ClonedError('STORE_UNUSABLE', { path, problem })
  const leftWal = existsSync(`${path}-wal`)
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) {
    // A new file would be mixed with the pages of the lost one.
    if (leftWal) throw unusable(`it is missing, and ${path}-wal still holds a part of it`)
    make(path)
  } else if (found.isSymbolicLink()) throw unusable('it is a symbolic link')
  else if (!found.isFile()) throw unusable('it is not a regular file')
  else if (found.size === 0) throw unusable('it is empty')

  const open: Database[] = []
  try {
    const writer = openDatabase(path, { timeout: BUSY_MS })
    open.push(writer)
    const id = writer.prepare('pragma application_id').get()?.['application_id']
    if (id !== APPLICATION_ID) throw unusable('it is a database of something else')
    const reader = openDatabase(path, { timeout: BUSY_MS, readOnly: true })
    open.push(reader)
    // Reads the tree of tables: a file that was cut short fails here, before anybody builds on it.
    reader.prepare('select count(*) from store_steps').get()
    return { writer, reader, close: () => closeAll(open) }
  } catch (error) {
    closeAll(open)
    if (isBusy(error) || isMachineFault(error) || error instanceof ClonedError) throw error
    throw unusable(describeThrown(error))
  }
}

/** Makes the whole store under a passing name, so that a store is either absent or complete. */
function make(path: string): void {
  const passing = join(dirname(path), `.${randomBytes(8).toString('hex')}.tmp`)
  try {
    createPrivateFile(passing)
    const database = openDatabase(passing)
    try {
      // Nobody else knows the file, so one sync at the end is enough.
      database.exec('pragma synchronous = off')
      database.exec('begin immediate')
      database.exec(`pragma application_id = ${APPLICATION_ID}`)
      database.exec(STEPS_TABLE)
      database.exec('commit')
      // Last: before it nothing of the store can be in a log beside the file, which the link below would not carry over.
      database.exec('pragma journal_mode = wal')
    } finally {
      database.close()
    }
    syncFile(passing)
    linkSync(passing, path)
    syncDirectory(dirname(path))
  } catch (error) {
    // Another process was faster: its store is the store.
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return
    if (isBusy(error) || isMachineFault(error)) throw error
    throw new ClonedError('STORE_UNUSABLE', { path, problem: describeThrown(error) }, { cause: error })
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${passing}${suffix}`, { force: true })
  }
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r+')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function closeAll(databases: readonly Database[]): void {
  // Reverse order: the last connection to close folds the log into the file, and only the writer can.
  for (const database of databases.toReversed()) if (database.isOpen) database.close()
}
