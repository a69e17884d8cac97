// Keeps what was approved in files named by their digest; the one that counts is the one that the audit log names.
import { readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  type AuditLog,
  ClonedError,
  canonical,
  type Json,
  privateDirectory,
  readPrivateFile,
  sha256,
  tryFileLock,
  writeFileAtomic,
} from 'cloned/kernel'
import type { Installed, Pin, RegistryState, RegistryTable, SeenCatalog } from 'cloned/plugins/registry'

type State = RegistryState & {
  readonly pins: readonly Pin[]
  readonly highest: Readonly<Record<string, string>>
  readonly catalogs: Readonly<Record<string, SeenCatalog>>
}

/** The record that names the state that counts. */
const RECORD = 'acme.registry'
const EMPTY: State = { generation: 0, installed: [], pins: [], highest: {}, catalogs: {} }

/** Files in `directory`, which is made at the first change. */
export function fileTable(
  directory: () => string,
  audit: Pick<AuditLog, 'append' | 'latest'>,
  now: () => number,
): RegistryTable {
  const fileOf = (digest: string) => join(directory(), `${digest}.json`)
  /** Why connectors are unfit: found again by every process, so that it need not be kept. */
  const noticed = new Map<string, string>()
  let last = Promise.resolve()

  /** Throws `FILE_INVALID` when the file is not there any more, or not itself. */
  async function read(): Promise<State> {
    const digest = (await audit.latest(RECORD))?.record['state']
    if (digest === undefined) return EMPTY
    const bytes = readPrivateFile(fileOf(String(digest)))
    if (bytes && sha256(bytes) === digest) return JSON.parse(bytes.toString('utf8')) as State
    const problem = 'it is not what the audit log knows'
    throw new ClonedError('FILE_INVALID', { path: fileOf(String(digest)), line: '', problem })
  }

  /** One after the other in this process; while another one changes it, `STORE_BUSY`. */
  function change(make: (state: State) => Partial<State>): Promise<void> {
    const changed = last.then(() => write(make))
    last = changed.catch(() => undefined)
    return changed
  }

  /** Writes a state, which counts once it is recorded; a process that dies before leaves the old one in force. */
  async function write(make: (state: State) => Partial<State>): Promise<void> {
    privateDirectory(dirname(directory()))
    privateDirectory(directory())
    const lock = tryFileLock(join(directory(), 'lock'))
    if (!lock) throw new ClonedError('STORE_BUSY', { ms: 0 })
    try {
      const state = await read()
      const text = canonical({ ...state, ...make(state) } as unknown as Json)
      const digest = sha256(text)
      writeFileAtomic(fileOf(digest), text)
      await audit.append({ type: RECORD, ts: new Date(now()).toISOString(), state: digest })
      for (const name of readdirSync(directory()))
        if (name.endsWith('.json') && name !== `${digest}.json`) rmSync(join(directory(), name))
    } finally {
      lock.release()
    }
  }

  /** Puts `row` in the place of the package `was`, or takes that away. */
  function replaced({ generation, installed }: State, id: string, was: string | null, row?: Installed): RegistryState {
    if ((installed.find((one) => one.id === id)?.digest ?? null) !== was)
      throw new ClonedError('STORE_CONFLICT', { statement: 1, found: `another package of ${id}`, expected: 1 })
    const others = installed.filter((one) => one.id !== id)
    const sorted = [...others, ...(row ? [row] : [])].sort((a, b) => (a.id < b.id ? -1 : 1))
    return { generation: generation + 1, installed: sorted }
  }

  return {
    async state() {
      const { generation, installed } = await read()
      return { generation, installed: installed.map((row) => ({ ...row, noticed: noticed.get(row.id) ?? '' })) }
    },
    pins: async (names) => (await read()).pins.filter(({ name }) => names.includes(name)),
    highest: async (id) => (await read()).highest[id],
    install: (row, { previous, highest, pins }) =>
      change((state) => ({
        ...replaced(state, row.id, previous, row),
        highest: { ...state.highest, [row.id]: highest },
        pins: [...state.pins, ...pins.filter((pin) => !state.pins.some((one) => isSame(one, pin)))],
      })),
    enable: (id, digest, enabled) =>
      change((state) => {
        const row = state.installed.find((one) => one.id === id)
        return replaced(state, id, digest, row && { ...row, enabled })
      }),
    remove: (id, digest) => change((state) => replaced(state, id, digest)),
    async notice(id, problem) {
      noticed.set(id, problem)
    },
    catalog: async (location) => (await read()).catalogs[location] ?? { version: 0 },
    sawCatalog: (location, { version, keepers = [] }) =>
      change(({ catalogs }) => {
        const known = catalogs[location]
        const seen = { version: Math.max(version, known?.version ?? 0), keepers: known?.keepers ?? keepers }
        return { catalogs: { ...catalogs, [location]: seen } }
      }),
  }
}

function isSame(a: Pin, b: Pin): boolean {
  return a.kind === b.kind && a.name === b.name
}
