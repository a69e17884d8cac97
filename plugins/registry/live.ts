// Derives how every installed connector stands, from the store, the files and the trust store; it remembers no verdict.
import { statSync } from 'node:fs'
import {
  type AuditLog,
  ClonedError,
  describeThrown,
  digest,
  isClonedError,
  type JsonObject,
  type Logger,
} from 'cloned/kernel'
import { type ConnectorManifest, toolIdAtGate } from '../package/slot.js'
import { type JudgeParts, mustKeepPins, pinsOf, verifyHead } from './judge.js'
import { packageDirectory } from './place.js'
import { type RegistryEntry, readRegistryFile } from './registry-file.js'
import type { EnabledConnector, InstalledConnector, Registry } from './slot.js'
import type { Installed, RegistryState, RegistryTable } from './table.js'

/** How long the answer of the trust store about one package is relied on, good or bad; its documents count at once. */
const RELIED_MS = 60_000

export interface LiveParts extends JudgeParts {
  readonly table: Pick<RegistryTable, 'state' | 'notice' | 'pins' | 'highest'>
  readonly audit: Pick<AuditLog, 'append' | 'latest'>
  /** Path of registry.yaml. */
  readonly file: () => string
  /** Directory of the packages. */
  readonly directory: () => string
  readonly changed: (enabled: readonly EnabledConnector[]) => void
  readonly now: () => number
  readonly log: Pick<Logger, 'warn'>
}

/** The record by which the log knows the newest state of the registry. */
export const STATE_RECORD = 'registry.state'

interface Standing {
  readonly row: Installed
  readonly switchedOn: boolean
  readonly manifest?: ConnectorManifest
  readonly problem?: string
}

export class LiveRegistry implements Registry {
  readonly #parts: LiveParts
  #enabled: readonly EnabledConnector[] = Object.freeze([])
  #ids: readonly string[] = []
  #mark = ''
  #refreshing: Promise<void> | undefined
  /** When a quarantined connector is looked at again: whatever mends it may happen in another process. */
  #again = Number.POSITIVE_INFINITY
  /** The highest generation that the log or this process has seen. */
  #newest: number | undefined
  /** What the last full verification of each connector was based on. */
  readonly #relied = new Map<string, { readonly on: string; readonly until: number }>()

  constructor(parts: LiveParts) {
    this.#parts = parts
  }

  /** Never fails for what a person can mend: then no connector runs, and every command says why. */
  async start(): Promise<void> {
    await this.refresh().catch((error: unknown) => {
      if (!isClonedError(error)) throw error
      this.#parts.log.warn('no connector runs: the registry cannot be read', { error: error.message })
    })
  }

  enabled(): readonly EnabledConnector[] {
    if (this.#look() !== this.#mark || this.#parts.now() >= this.#again) {
      this.refresh().catch((error: unknown) => {
        this.#parts.log.warn('the registry could not be read again', { error: describeThrown(error) })
      })
    }
    return this.#enabled
  }

  /** Reads and verifies everything; a connector that cannot be verified is not among the enabled ones. */
  async refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined
    })
    await this.#refreshing
  }

  async list(): Promise<readonly InstalledConnector[]> {
    const { rows, entries } = await this.#read()
    const standing: InstalledConnector[] = []
    for (const row of rows) standing.push(installed(await this.#stand(row, entries.get(row.id))))
    return standing
  }

  async get(id: string): Promise<InstalledConnector | undefined> {
    const { rows, entries } = await this.#read()
    const row = rows.find((candidate) => candidate.id === id)
    return row && installed(await this.#stand(row, entries.get(id)))
  }

  async verifyNow(id: string): Promise<EnabledConnector> {
    const { rows, entries } = await this.#read()
    const row = rows.find((candidate) => candidate.id === id)
    if (!row) throw new ClonedError('CONNECTOR_UNKNOWN', { id })
    const standing = await this.#stand(row, entries.get(id))
    const { problem, manifest, switchedOn } = standing
    if (problem !== undefined) throw new ClonedError('CONNECTOR_QUARANTINED', { id, problem })
    if (!switchedOn || !manifest) throw new ClonedError('CONNECTOR_DISABLED', { id })
    return this.#connector(row, manifest)
  }

  /** For every call of a tool: the id of its connector, when it is one of an installed connector. */
  owner(tool: string): string | undefined {
    // To the last dot: `acme.weather.pro` is another connector than `acme.weather`.
    return this.#ids.find(
      (id) => tool.startsWith(`${toolIdAtGate(id)}.`) && tool.lastIndexOf('.') === toolIdAtGate(id).length,
    )
  }

  /** Like {@link Registry.verifyNow}, but relies on the last verification while nothing it was based on has changed. */
  async mayRun(id: string): Promise<void> {
    const { trust, now } = this.#parts
    const relied = this.#relied.get(id)
    if (relied && now() < relied.until && relied.on === (await this.#basis(id, (await trust.standing()).digest))) return
    await this.verifyNow(id)
  }

  async #refresh(): Promise<void> {
    const mark = this.#look()
    this.#again = Number.POSITIVE_INFINITY
    const { rows, entries } = await this.#read()
    const enabled: EnabledConnector[] = []
    for (const row of rows) {
      const { switchedOn, manifest } = await this.#stand(row, entries.get(row.id))
      if (switchedOn && manifest) enabled.push(this.#connector(row, manifest))
    }
    this.#mark = mark
    this.#ids = rows.map(({ id }) => id)
    const before = this.#enabled.map(({ digest: one }) => one).join(' ')
    this.#enabled = Object.freeze(enabled)
    if (enabled.map(({ digest: one }) => one).join(' ') !== before) this.#parts.changed(this.#enabled)
  }

  async #read(): Promise<{ rows: readonly Installed[]; entries: ReadonlyMap<string, RegistryEntry> }> {
    const { table, file } = this.#parts
    const state = await table.state()
    await this.#mustBeNewest(state)
    return { rows: state.installed, entries: readRegistryFile(file()) }
  }

  /** The store can be put back as a file; the log knows what was approved after. */
  async #mustBeNewest({ generation }: RegistryState): Promise<void> {
    this.#newest ??= Number((await this.#parts.audit.latest(STATE_RECORD))?.record['generation'] ?? 0)
    if (generation < this.#newest) {
      const problem = `the registry in it has generation ${generation}, the audit log knows ${this.#newest}`
      throw new ClonedError('FILE_INVALID', { path: '.cloned/state.db', line: '', problem })
    }
    this.#newest = generation
  }

  async #stand(row: Installed, entry: RegistryEntry | undefined): Promise<Standing> {
    const switchedOn = row.enabled && entry?.enabled === true
    try {
      if (entry && (entry.package_digest !== row.digest || entry.version !== row.version)) {
        throw new ClonedError('PACKAGE_INVALID', { problem: 'registry.yaml names another package than was approved' })
      }
      const { manifest, basis } = await this.#verify(row)
      // Only what may run is relied on: whatever else it is, it has to be looked at again.
      if (switchedOn) this.#relied.set(row.id, { on: basis, until: this.#parts.now() + RELIED_MS })
      else this.#relied.delete(row.id)
      if (row.noticed !== '') await this.#parts.table.notice(row.id, '')
      return { row, switchedOn, manifest }
    } catch (error) {
      if (!isClonedError(error)) throw error
      this.#relied.delete(row.id)
      await this.#quarantine(row, error.message)
      this.#drop(row)
      return { row, switchedOn: false, problem: error.message }
    }
  }

  /** From here on it is not offered any more, and whoever runs it ends it. */
  #drop({ id, enabled }: Installed): void {
    if (enabled) this.#again = this.#parts.now() + RELIED_MS
    const left = this.#enabled.filter((each) => each.id !== id)
    if (left.length === this.#enabled.length) return
    this.#enabled = Object.freeze(left)
    this.#parts.changed(left)
  }

  async #verify(row: Installed): Promise<{ readonly manifest: ConnectorManifest; readonly basis: string }> {
    const { packages, trust } = this.#parts
    // Before the verification: what changes during it is seen by the next call.
    const basis = await this.#basis(row.id, (await trust.standing()).digest)
    const found = packages.installed(packageDirectory(this.#parts.directory(), row.digest), row.digest)
    const { manifest } = await verifyHead(this.#parts, found, row)
    if (manifest.id !== row.id || manifest.version !== row.version || manifest.publisher_id !== row.publisher) {
      throw new ClonedError('PACKAGE_INVALID', { problem: 'it is another package than was approved' })
    }
    await mustKeepPins(this.#parts, pinsOf(manifest, row.digest))
    return { manifest, basis }
  }

  /** One record for each new reason, before anybody is told. */
  async #quarantine(row: Installed, problem: string): Promise<void> {
    if (row.noticed === problem) return
    const { audit, table, now, log } = this.#parts
    const { id, version, digest: packageDigest } = row
    await audit.append({
      type: 'registry.quarantine',
      ts: new Date(now()).toISOString(),
      connector: id,
      version,
      package_digest: packageDigest,
      problem,
    })
    await table.notice(id, problem)
    log.warn('a connector is quarantined', { id, problem })
  }

  async #basis(id: string, trusted: string): Promise<string> {
    const { generation, installed: rows }: RegistryState = await this.#parts.table.state()
    const row = rows.find((candidate) => candidate.id === id)
    return digest({ trusted, generation, enabled: row?.enabled ?? false, file: this.#look() } satisfies JsonObject)
  }

  /** Whatever other processes write, they write the file last. */
  #look(): string {
    const stats = statSync(this.#parts.file(), { throwIfNoEntry: false, bigint: true })
    return stats ? `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}` : 'none'
  }

  #connector(row: Installed, manifest: ConnectorManifest): EnabledConnector {
    const { id, version, publisher, digest: packageDigest } = row
    const directory = packageDirectory(this.#parts.directory(), packageDigest)
    return Object.freeze({ id, version, publisher, digest: packageDigest, directory, manifest })
  }
}

function installed({ row, switchedOn, manifest, problem }: Standing): InstalledConnector {
  const { id, version, publisher, digest: packageDigest, installedAt, installedBy } = row
  return {
    id,
    version,
    publisher,
    digest: packageDigest,
    status: problem === undefined ? (switchedOn ? 'enabled' : 'disabled') : 'quarantined',
    installedAt,
    installedBy,
    ...(problem === undefined ? {} : { problem }),
    ...(manifest === undefined ? {} : { manifest }),
  }
}
