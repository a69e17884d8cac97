// Takes an exclusive lock on a file that the operating system releases when the process dies; never leaves a stale one.
import { createPrivateFile } from './files.js'
import { type Database, openDatabase, sqliteCode } from './sqlite.js'

const BUSY = 5

/** A held lock. */
export interface FileLock {
  /** Legal twice. */
  release(): void
}

/**
 * Tries to lock `path` for this holder, at once; `undefined` when another holder (in this or another process) has it.
 * Node has no flock, so the lock is SQLite's own on an empty database file: works on every platform and file system
 * that SQLite works on, and across containers that share the directory. The file stays; its presence means nothing.
 * While a lock is held, no code of the process may open and close the file by `node:fs`: that drops the lock.
 */
export function tryFileLock(path: string): FileLock | undefined {
  const database = openLock(path)
  try {
    database.exec(TAKE)
  } catch (error) {
    database.close()
    if (sqliteCode(error) === BUSY) return undefined
    throw error
  }
  return {
    release: () => {
      if (database.isOpen) database.close()
    },
  }
}

/** A lock file opened once, for locks that are taken very often. `lock` waits, blocking the thread. */
export class LockFile {
  readonly #database: Database
  readonly #wait = new Int32Array(new SharedArrayBuffer(4))

  constructor(path: string) {
    this.#database = openLock(path)
  }

  /** Takes the lock, or throws when it was not to be had in `deadlineMs`. Blocks: for worker threads. */
  lock(deadlineMs: number): void {
    const until = performance.now() + deadlineMs
    for (;;) {
      try {
        this.#database.exec(TAKE)
        return
      } catch (error) {
        if (sqliteCode(error) !== BUSY || performance.now() > until) throw error
      }
      // Short random pauses: SQLite's own back-off grows to 100 ms and starves a waiter beside busy writers.
      Atomics.wait(this.#wait, 0, 0, 0.1 + Math.random())
    }
  }

  /** Takes the lock if nobody has it at this moment; answers whether it did. */
  tryLock(): boolean {
    try {
      this.#database.exec(TAKE)
      return true
    } catch (error) {
      if (sqliteCode(error) !== BUSY) throw error
      return false
    }
  }

  unlock(): void {
    this.#database.exec('rollback')
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}

// `immediate`, not `exclusive`: the latter takes its locks one after another, so that two who try at once can both fail.
const TAKE = 'begin immediate'

function openLock(path: string): Database {
  createPrivateFile(path)
  const database = openDatabase(path, { timeout: 0 })
  // Nothing is ever written; without this SQLite makes and removes a journal file at each lock (59 µs against 11 µs).
  database.exec('pragma journal_mode = memory')
  return database
}
