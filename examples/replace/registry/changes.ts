// Carries out approved changes of what is installed, one at a time; what is put in place is judged again first.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  ClonedError,
  type Executor,
  fail,
  type HandlerContext,
  isClonedError,
  sha256,
  tryFileLock,
} from 'cloned/kernel'
import type { PackageHead } from 'cloned/plugins/package'
import type { Policy } from 'cloned/plugins/policy'
import {
  type ConnectorChanged,
  type ConnectorInstall,
  type ConnectorSwitch,
  installInput,
  isDowngrade,
  mustBePermitted,
  mustRunHere,
  packageDirectory,
  pinsOf,
  placePackage,
  removeTree,
  switchInput,
  verifyHead,
} from 'cloned/plugins/registry'
import type { AcmeRegistry, RegistryParts } from './registry.js'
import type { Row, State } from './states.js'

export interface ChangeParts extends RegistryParts {
  readonly policy: Pick<Policy, 'snapshot'>
  readonly registry: AcmeRegistry
  readonly lock: () => string
}

/** Throws for a package that must not be installed; also what guards ask before anybody is asked. */
export async function judge(parts: ChangeParts, input: ConnectorInstall) {
  const { packages, policy, states } = parts
  const archive = readFileSync(join(parts.directory(), 'incoming', `${input.archive}.tgz`))
  const head: PackageHead = await packages.head(archive)
  const { manifest } = await verifyHead(parts, head, undefined)
  const { id, version, publisher_id } = manifest
  const asked = [input.archive, input.digest, input.id, input.version, input.publisher]
  if (asked.join(' ') !== [sha256(archive), head.digest, id, version, publisher_id].join(' ')) {
    throw new ClonedError('PACKAGE_INVALID', { problem: 'it is another package than was asked for' })
  }
  mustRunHere(manifest)
  mustBePermitted(manifest, policy.snapshot(), undefined)
  packages.check(archive, head, manifest)
  const state = await states.read()
  const pins = pinsOf(manifest, head.digest)
  const changed = pins.find(({ kind, name, digest }) => (state.pins[`${kind} ${name}`] ?? digest) !== digest)
  if (changed) throw new ClonedError('CONNECTOR_IMMUTABLE', { what: `${changed.kind} ${changed.name}` })
  const before = state.installed.find((row) => row.id === id)
  const refused = (problem: string) => new ClonedError('CONNECTOR_REFUSED', { id, problem, next: 'Ask again.' })
  if ((before?.digest ?? null) !== input.previous) throw refused('another version was installed meanwhile')
  if (isDowngrade(version, state.highest[id])) throw refused(`${state.highest[id]} was installed here before`)
  return { archive, head, manifest, pins, state }
}

export function installer(parts: ChangeParts): Executor<ConnectorInstall, ConnectorChanged> {
  return {
    input: installInput,
    execute: (input, ctx, { actor }) =>
      changing(parts, ctx, async () => {
        const { archive, head, manifest, pins, state } = await judge(parts, input)
        placePackage(parts.packages, parts.directory(), archive, { head, manifest })
        const { id, version, publisher, digest } = input
        // Whoever lets a version in has not let it run.
        const row = { id, version, publisher, digest, enabled: false, installedAt: parts.now(), installedBy: actor.id }
        const fresh = Object.fromEntries(pins.map(({ kind, name, digest: one }) => [`${kind} ${name}`, one]))
        const highest = { ...state.highest, [id]: version }
        return { row, state: { ...withRow(state, id, row), pins: { ...state.pins, ...fresh }, highest } }
      }),
  }
}

export function switcher(
  parts: ChangeParts,
  op: 'enable' | 'disable' | 'remove',
): Executor<ConnectorSwitch, ConnectorChanged> {
  return {
    input: switchInput,
    execute: ({ id, digest }, ctx) =>
      changing(parts, ctx, async () => {
        const state = await parts.states.read()
        const found = state.installed.find((row) => row.id === id && row.digest === digest)
        if (!found) throw new ClonedError('CONNECTOR_UNKNOWN', { id })
        const problem = op === 'enable' ? (await parts.registry.get(id))?.problem : undefined
        if (problem !== undefined) throw new ClonedError('CONNECTOR_QUARANTINED', { id, problem })
        const row = { ...found, enabled: op === 'enable' }
        if (op === 'remove') removeTree(packageDirectory(parts.directory(), digest))
        return { row, state: withRow(state, id, op === 'remove' ? undefined : row) }
      }),
  }
}

async function changing(
  parts: ChangeParts,
  ctx: HandlerContext,
  change: () => Promise<{ readonly row: Row; readonly state: State }>,
): Promise<ConnectorChanged> {
  const lock = tryFileLock(parts.lock())
  if (!lock) throw fail('Another process is changing the registry. Try again.')
  try {
    const { row, state } = await change()
    await parts.states.write(state, (type, fields) => ctx.record(type, fields))
    await parts.registry.refresh()
    const { id, version, digest, enabled } = row
    return { id, version, digest, enabled }
  } catch (error) {
    // Refusals come before anything is written.
    throw isClonedError(error) ? fail(error.message, { code: error.code, help: error.help }) : error
  } finally {
    lock.release()
  }
}

function withRow(state: State, id: string, row: Row | undefined): State {
  const others = state.installed.filter((each) => each.id !== id)
  const installed = row ? [...others, row] : others
  return { ...state, installed: installed.sort((a, b) => (a.id < b.id ? -1 : 1)) }
}
