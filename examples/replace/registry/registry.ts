// Answers how every installed connector stands, verified each time; a connector of which anything is wrong runs nowhere.
import { type AuditLog, ClonedError, isClonedError, type Logger } from 'cloned/kernel'
import type { ConnectorManifest, Packages } from 'cloned/plugins/package'
import {
  type EnabledConnector,
  type InstalledConnector,
  packageDirectory,
  type Registry,
  verifyHead,
} from 'cloned/plugins/registry'
import type { Trust } from 'cloned/plugins/trust'
import type { Row, States } from './states.js'

export interface RegistryParts {
  readonly states: States
  readonly packages: Packages
  readonly trust: Trust
  readonly audit: Pick<AuditLog, 'append'>
  /** Directory of the packages. */
  readonly directory: () => string
  readonly changed: (enabled: readonly EnabledConnector[]) => void
  readonly now: () => number
  readonly log: Pick<Logger, 'warn'>
}

export class AcmeRegistry implements Registry {
  readonly #parts: RegistryParts
  #enabled: readonly EnabledConnector[] = []
  #mark = ''
  /** Why each is quarantined: one record for each reason. */
  readonly #noticed = new Map<string, string>()

  constructor(parts: RegistryParts) {
    this.#parts = parts
  }

  enabled(): readonly EnabledConnector[] {
    const { states, log } = this.#parts
    if (states.mark() !== this.#mark) {
      this.refresh().catch((error: unknown) => log.warn('the registry cannot be read', { error: String(error) }))
    }
    return this.#enabled
  }

  async refresh(): Promise<void> {
    this.#mark = this.#parts.states.mark()
    const found = await this.list()
    this.#offer(found.flatMap((each) => (each.status === 'enabled' && each.manifest ? [this.#running(each)] : [])))
  }

  async list(): Promise<readonly InstalledConnector[]> {
    const standing: InstalledConnector[] = []
    for (const row of (await this.#parts.states.read()).installed) standing.push(await this.#stand(row))
    return standing
  }

  async get(id: string): Promise<InstalledConnector | undefined> {
    const row = (await this.#parts.states.read()).installed.find((each) => each.id === id)
    return row && (await this.#stand(row))
  }

  async verifyNow(id: string): Promise<EnabledConnector> {
    const found = await this.get(id)
    if (!found) throw new ClonedError('CONNECTOR_UNKNOWN', { id })
    const { problem, status, manifest } = found
    if (problem !== undefined) throw new ClonedError('CONNECTOR_QUARANTINED', { id, problem })
    if (status !== 'enabled' || !manifest) throw new ClonedError('CONNECTOR_DISABLED', { id })
    return this.#running(found)
  }

  async #stand(row: Row): Promise<InstalledConnector> {
    const { enabled, ...about } = row
    try {
      const manifest = await this.#verified(row)
      this.#noticed.delete(row.id)
      return { ...about, status: enabled ? 'enabled' : 'disabled', manifest }
    } catch (error) {
      if (!isClonedError(error)) throw error
      await this.#quarantine(row, error.message)
      return { ...about, status: 'quarantined', problem: error.message }
    }
  }

  async #verified(row: Row): Promise<ConnectorManifest> {
    const { packages, directory } = this.#parts
    const found = packages.installed(packageDirectory(directory(), row.digest), row.digest)
    const { manifest } = await verifyHead(this.#parts, found, row)
    if (manifest.id === row.id && manifest.version === row.version) return manifest
    throw new ClonedError('PACKAGE_INVALID', { problem: 'it is another package than was approved' })
  }

  async #quarantine({ id, version, digest }: Row, problem: string): Promise<void> {
    if (this.#noticed.get(id) !== problem) {
      const ts = new Date(this.#parts.now()).toISOString()
      const fields = { connector: id, version, package_digest: digest, problem }
      await this.#parts.audit.append({ type: 'acme.quarantine', ts, ...fields })
      this.#noticed.set(id, problem)
    }
    this.#offer(this.#enabled.filter((each) => each.id !== id))
  }

  #offer(enabled: readonly EnabledConnector[]): void {
    const digests = (list: readonly EnabledConnector[]) => list.map(({ digest }) => digest).join(' ')
    const same = digests(enabled) === digests(this.#enabled)
    this.#enabled = Object.freeze([...enabled])
    if (!same) this.#parts.changed(this.#enabled)
  }

  #running({ id, version, publisher, digest, manifest }: InstalledConnector): EnabledConnector {
    const directory = packageDirectory(this.#parts.directory(), digest)
    return Object.freeze({ id, version, publisher, digest, directory, manifest: manifest as ConnectorManifest })
  }
}
