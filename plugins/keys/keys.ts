// Keeps the key series of one workspace in files outside of it; must never make a key in the place of a lost one.
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ClonedError, privateDirectory, readPrivateFile, tryFileLock, writeFileAtomic } from 'cloned/kernel'
import { formatSeries, generate, macKey, parseSeries, type Series, type StoredKey, signingKey } from './document.js'
import { readMarker, writeMarker } from './marker.js'
import type { KeyKind, Keys, MacKey, SigningKey } from './slot.js'

export interface KeysOptions {
  /** Configuration home: the keys lie in `cloned/keys/<workspace>` under it. */
  readonly home: string
  /** Id of the workspace. */
  readonly workspace: string
  /** `.cloned/keys.json` */
  readonly marker: string
  readonly now: () => number
}

const PURPOSE = /^[a-z][a-z0-9-]{0,31}$/
const LOCK_MS = 10_000

export function openKeys({ home, workspace, marker, now }: KeysOptions): Keys {
  const directory = join(home, 'cloned', 'keys', workspace)
  const current = new Map<string, Promise<readonly StoredKey[]>>()

  const nameOf = ({ purpose, kind }: Series) => `${purpose}.${kind}`
  const pathOf = (series: Series) => join(directory, `${nameOf(series)}.json`)

  function seriesOf(purpose: string, kind: KeyKind): Series {
    if (!PURPOSE.test(purpose)) throw new ClonedError('KEY_PURPOSE', { purpose })
    return { workspace, purpose, kind }
  }

  function read(series: Series): readonly StoredKey[] {
    if (!existsSync(directory)) return []
    privateDirectory(directory)
    const path = pathOf(series)
    const bytes = readPrivateFile(path, { maxBytes: 1024 * 1024 })
    return bytes ? parseSeries(path, bytes, series) : []
  }

  /** The keys there are, all of those that the workspace has used among them. */
  function complete(series: Series): { keys: readonly StoredKey[]; noted: boolean } {
    const keys = read(series)
    const used = readMarker(marker)[nameOf(series)] ?? []
    const lost = used.find((kid) => !keys.some((key) => key.kid === kid))
    if (lost !== undefined) {
      throw new ClonedError('KEY_MISSING', { kid: lost, purpose: nameOf(series), path: pathOf(series) })
    }
    return { keys, noted: keys.length > 0 && keys.length === used.length }
  }

  async function locked<T>(work: () => T): Promise<T> {
    mkdirSync(home, { recursive: true, mode: 0o700 })
    mkdirSync(join(home, 'cloned'), { recursive: true, mode: 0o700 })
    privateDirectory(join(home, 'cloned', 'keys'))
    privateDirectory(directory)
    const until = performance.now() + LOCK_MS
    for (;;) {
      const lock = tryFileLock(join(directory, 'lock'))
      if (lock) {
        try {
          return work()
        } finally {
          lock.release()
        }
      }
      if (performance.now() > until) throw new ClonedError('KEY_BUSY', { path: directory, ms: LOCK_MS })
      await pause(2 + Math.random() * 8)
    }
  }

  function store(series: Series, keys: readonly StoredKey[], added?: StoredKey): readonly StoredKey[] {
    const all = added ? [...keys, added] : keys
    // The key before the note of it: a note without its key would be a key lost for ever.
    if (added) writeFileAtomic(pathOf(series), formatSeries(series, all))
    writeMarker(marker, { ...readMarker(marker), [nameOf(series)]: all.map(({ kid }) => kid) })
    return all
  }

  async function load(series: Series): Promise<readonly StoredKey[]> {
    const found = complete(series)
    if (found.noted) return found.keys
    return await locked(() => {
      const { keys, noted } = complete(series)
      if (noted) return keys
      return store(series, keys, keys.length === 0 ? generate(series.kind, now()) : undefined)
    })
  }

  function keysOf(series: Series): Promise<readonly StoredKey[]> {
    const name = nameOf(series)
    const known = current.get(name)
    if (known) return known
    const loading = load(series)
    current.set(name, loading)
    loading.catch(() => current.delete(name))
    return loading
  }

  const made = new WeakMap<StoredKey, SigningKey | MacKey>()
  function once<K extends SigningKey | MacKey>(stored: StoredKey, make: (stored: StoredKey) => K): K {
    const known = made.get(stored) as K | undefined
    if (known) return known
    const key = make(stored)
    made.set(stored, key)
    return key
  }

  async function newest(purpose: string, kind: KeyKind): Promise<StoredKey> {
    const series = seriesOf(purpose, kind)
    const last = (await keysOf(series)).at(-1)
    if (!last) throw new ClonedError('KEY_MISSING', { kid: '?', purpose: nameOf(series), path: pathOf(series) })
    return last
  }

  /** An older key may have been made by another process since this one looked. */
  async function older(purpose: string, kind: KeyKind, kid: string): Promise<StoredKey | undefined> {
    const series = seriesOf(purpose, kind)
    const of = (keys: readonly StoredKey[]) => keys.find((key) => key.kid === kid)
    const loaded = await current.get(nameOf(series))
    return (loaded && of(loaded)) ?? of(complete(series).keys)
  }

  return {
    signer: async (purpose) => once(await newest(purpose, 'signer'), signingKey),
    mac: async (purpose) => once(await newest(purpose, 'mac'), macKey),
    async rotate(purpose, kind) {
      const series = seriesOf(purpose, kind)
      const keys = await locked(() => store(series, complete(series).keys, generate(kind, now())))
      current.set(nameOf(series), Promise.resolve(keys))
      return (await newest(purpose, kind)).kid
    },
    async signingKey(purpose, kid) {
      const stored = await older(purpose, 'signer', kid)
      return stored && once(stored, signingKey)
    },
    async publicKey(purpose, kid) {
      const stored = await older(purpose, 'signer', kid)
      return stored && once(stored, signingKey).publicKey
    },
    async macKey(purpose, kid) {
      const stored = await older(purpose, 'mac', kid)
      return stored && once(stored, macKey)
    },
  }
}
