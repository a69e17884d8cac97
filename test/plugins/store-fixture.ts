// Makes real stores on real files, with a clock that a test moves and directories that are removed afterwards.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStore, type EmbeddedStore, type StoreOptions } from 'cloned/plugins/store'
import { onTestFinished } from 'vitest'

/** A directory that the test removes. */
export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cloned-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A clock that stands until it is moved. */
export function clock(at = 1_800_000_000_000) {
  let time = at
  const now = () => time
  const advance = (ms: number) => {
    time += ms
  }
  return { now, advance }
}

/** An open store, closed after the test. */
export async function opened(path: string, options: Partial<StoreOptions> = {}): Promise<EmbeddedStore> {
  const store = createStore({ path, now: clock().now, ...options })
  await store.open()
  onTestFinished(() => store.close())
  return store
}
