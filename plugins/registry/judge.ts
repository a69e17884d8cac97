// Judges a package before anybody is asked about it, in the one order in which each step may rely on those before it.
import { ClonedError, KERNEL_VERSION } from 'cloned/kernel'
import lt from 'semver/functions/lt.js'
import satisfies from 'semver/functions/satisfies.js'
import type { ConnectorManifest, PackageHead, Packages } from '../package/slot.js'
import type { Policy } from '../policy/slot.js'
import type { PackageIdentity, Trust } from '../trust/slot.js'
import { readLock } from './lock-file.js'
import { type Egress, mustBePermitted } from './permit.js'
import type { Installed, Pin, RegistryTable } from './table.js'

export type { Pin } from './table.js'

export interface JudgeParts {
  readonly packages: Packages
  readonly trust: Trust
  readonly policy: Pick<Policy, 'snapshot'>
  readonly table: Pick<RegistryTable, 'pins' | 'highest'>
  readonly egress: Egress
  /** Path of registry.lock.jsonl. */
  readonly lock: () => string
}

/** A package that may be asked about. */
export interface Judged {
  readonly head: PackageHead
  readonly manifest: ConnectorManifest
  readonly kids: readonly string[]
  /** What its installation will pin. */
  readonly pins: readonly Pin[]
  /** The highest version that was ever installed. */
  readonly highest: string | undefined
  /** It is lower than {@link Judged.highest}. */
  readonly downgrade: boolean
}

/** Throws `PACKAGE_INVALID`, `SIGNATURE_INVALID`, `PUBLISHER_…`, `TRUST_…`, `CONNECTOR_REFUSED` and `CONNECTOR_IMMUTABLE`. */
export async function judge(parts: JudgeParts, archive: Buffer): Promise<Judged> {
  const { packages, trust, policy, table } = parts
  const head = await packages.head(archive)
  const { manifest, kids } = await verifyHead(parts, head, undefined)
  mustRunHere(manifest)
  mustBePermitted(manifest, policy.snapshot(), parts.egress)
  const pins = pinsOf(manifest, head.digest)
  await mustKeepPins(parts, pins)
  const highest = await table.highest(manifest.id)
  await trust.standing()
  return {
    head,
    manifest,
    kids,
    pins,
    highest,
    downgrade: isDowngrade(manifest.version, highest),
  }
}

/** Whether a version is lower than the highest that was ever installed. */
export function isDowngrade(version: string, highest: string | undefined): boolean {
  return highest !== undefined && lt(version, highest)
}

/** Signature, manifest, publisher and revocations; `installed` says when, of a package that is loaded and not installed. */
export async function verifyHead(
  { packages, trust }: Pick<JudgeParts, 'packages' | 'trust'>,
  head: PackageHead,
  installed: Pick<Installed, 'installedAt'> | undefined,
): Promise<{ readonly manifest: ConnectorManifest; readonly kids: readonly string[] }> {
  if (!head.signature) throw new ClonedError('SIGNATURE_INVALID', { problem: 'the package has none' })
  const signers = await trust.verify(head.manifest, head.signature, {
    type: 'package',
    at: installed ? 'load' : 'install',
  })
  const manifest = packages.manifest(head.manifest)
  const { id, publisher_id: publisher } = manifest
  if (!signers.publishers.includes(publisher)) {
    const signed = signers.publishers.join(', ')
    throw new ClonedError('PUBLISHER_NAMESPACE', { publisher, id, problem: `the package is signed by ${signed}` })
  }
  await trust.inNamespace(publisher, id)
  await trust.notRevoked(identityOf(manifest, head.digest, signers.kids, installed))
  return { manifest, kids: signers.kids }
}

/** What the trust store is asked about a package. */
export function identityOf(
  { id, version, publisher_id: publisher, tools }: ConnectorManifest,
  digest: string,
  kids: readonly string[],
  installed: Pick<Installed, 'installedAt'> | undefined,
): PackageIdentity {
  const names = tools.map((tool) => tool.id)
  return {
    ...{ id, version, digest, publisher, kids, tools: names },
    ...(installed ? { installedAt: installed.installedAt } : {}),
  }
}

/** What must never change once it was seen. */
export function pinsOf({ id, version, tools }: ConnectorManifest, digest: string): readonly Pin[] {
  return [
    { kind: 'package', name: `${id}@${version}`, digest },
    ...tools.map(({ id: name, contract_sha256 }) => ({ kind: 'tool', name, digest: contract_sha256 }) as const),
  ]
}

/** The store and the file both count: one is out of reach of an edit, the other travels with the workspace. */
export async function mustKeepPins(
  { table, lock }: Pick<JudgeParts, 'table' | 'lock'>,
  pins: readonly Pin[],
): Promise<void> {
  const known = [...(await table.pins(pins.map(({ name }) => name))), ...readLock(lock())]
  const changed = pins.find((pin) =>
    known.some(({ kind, name, digest }) => kind === pin.kind && name === pin.name && digest !== pin.digest),
  )
  if (changed) throw new ClonedError('CONNECTOR_IMMUTABLE', { what: `${changed.kind} ${changed.name}` })
}

/** Throws `CONNECTOR_REFUSED` for a package that is for another version of the kernel or of Node.js. */
export function mustRunHere({ id, runtime, min_runtime }: ConnectorManifest): void {
  const refuse = (problem: string) =>
    new ClonedError('CONNECTOR_REFUSED', {
      id,
      problem,
      next: 'Take a release for this version, or update what is too old.',
    })
  if (min_runtime !== undefined && !satisfies(KERNEL_VERSION, min_runtime)) {
    throw refuse(`it needs cloned ${min_runtime}; this is ${KERNEL_VERSION}`)
  }
  const range = runtime.kind === 'node' ? runtime.node_range : undefined
  if (range !== undefined && !satisfies(process.versions.node, range)) {
    throw refuse(`it needs Node.js ${range}; this is ${process.versions.node}`)
  }
}
