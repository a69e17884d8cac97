// Carries out an approved installation; what is put in place is judged again, and is the package that was approved.
import { ClonedError, type Executor, fail, type HandlerContext, isClonedError } from 'cloned/kernel'
import gt from 'semver/functions/gt.js'
import type { ConnectorManifest } from '../package/slot.js'
import { widens } from './changes.js'
import type { Incoming } from './incoming.js'
import { type Judged, type JudgeParts, judge } from './judge.js'
import { type ConnectorChanged, type ConnectorInstall, installInput } from './kinds.js'
import { STATE_RECORD } from './live.js'
import { extendLock } from './lock-file.js'
import { packageDirectory, placePackage, removeTree } from './place.js'
import { writeRegistryFile } from './registry-file.js'
import type { Installed, RegistryTable } from './table.js'

export interface ChangeParts extends JudgeParts {
  readonly table: RegistryTable
  readonly incoming: Incoming
  /** Directory of the packages. */
  readonly directory: () => string
  /** Path of registry.yaml. */
  readonly file: () => string
  /** Reads and verifies what is installed again. */
  readonly refresh: () => Promise<void>
  readonly now: () => number
}

export function installExecutor(parts: ChangeParts): Executor<ConnectorInstall, ConnectorChanged> {
  return {
    input: installInput,
    async execute(input, ctx, { actor, callId }) {
      const { table, packages, incoming, directory, lock, now } = parts
      const row = await refusing(async () => {
        const archive = incoming.get(input.archive)
        const judged = await judge(parts, archive)
        mustBeAsApproved(input, judged)
        const before = await previous(parts, input)
        placePackage(packages, directory(), archive, judged)
        extendLock(lock(), judged.pins)
        const { id, version, publisher, digest } = input
        const installed: Installed = {
          id,
          version,
          publisher,
          digest,
          // A version that may do more than the one before has to be enabled anew.
          enabled:
            before?.row.enabled === true && before.manifest !== undefined && !widens(judged.manifest, before.manifest),
          installedAt: now(),
          installedBy: actor.id,
          callId,
          noticed: '',
        }
        const highest = judged.highest !== undefined && gt(judged.highest, version) ? judged.highest : version
        await table.install(installed, { previous: input.previous, highest, pins: judged.pins })
        return installed
      })
      await ctx.record('registry.install', {
        connector: row.id,
        version: row.version,
        package_digest: row.digest,
        publisher: row.publisher,
        previous: input.previous,
      })
      await settled(parts, ctx, row.id)
      incoming.discard(input.archive)
      if (input.previous !== null && input.previous !== row.digest) {
        removeTree(packageDirectory(directory(), input.previous))
      }
      return changed(row)
    },
  }
}

/** Makes a change visible: in the log, in registry.yaml, and to whoever runs connectors here. */
export async function settled(
  {
    table,
    packages,
    directory,
    file,
    refresh,
  }: Pick<ChangeParts, 'table' | 'packages' | 'directory' | 'file' | 'refresh'>,
  ctx: Pick<HandlerContext, 'record'>,
  id: string,
): Promise<void> {
  for (;;) {
    const state = await table.state()
    await ctx.record(STATE_RECORD, { generation: state.generation })
    writeRegistryFile(file(), state, (row) => manifestOf(packages, directory(), row), id)
    // Two processes that change at once write the file one after the other: the last has to have seen both.
    if ((await table.state()).generation === state.generation) break
  }
  await refresh()
}

export function changed({ id, version, digest, enabled }: Installed): ConnectorChanged {
  return { id, version, digest, enabled }
}

/** Until here nothing was changed that anybody relies on. */
export async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isClonedError(error)) throw error
    throw fail(error.message, { code: error.code, help: error.help })
  }
}

/** The installed package that is replaced. Throws when it is not the one that the person was shown. */
async function previous(
  { table, packages, directory }: ChangeParts,
  { id, previous: expected }: ConnectorInstall,
): Promise<{ row: Installed; manifest: ConnectorManifest | undefined } | undefined> {
  const row = (await table.state()).installed.find((candidate) => candidate.id === id)
  if ((row?.digest ?? null) !== expected) {
    const next = `Ask again: cloned connectors install FILE`
    throw new ClonedError('CONNECTOR_REFUSED', { id, problem: 'another version was installed meanwhile', next })
  }
  return row && { row, manifest: manifestOf(packages, directory(), row) }
}

/** The manifest of an installed package, as far as it can still be read. */
export function manifestOf(
  packages: ChangeParts['packages'],
  directory: string,
  row: Installed,
): ConnectorManifest | undefined {
  try {
    return packages.installed(packageDirectory(directory, row.digest), row.digest).contents
  } catch (error) {
    if (isClonedError(error)) return undefined
    throw error
  }
}

function mustBeAsApproved(input: ConnectorInstall, { head, manifest }: Judged): void {
  const same =
    head.digest === input.digest &&
    manifest.id === input.id &&
    manifest.version === input.version &&
    manifest.publisher_id === input.publisher
  if (!same) throw new ClonedError('PACKAGE_INVALID', { problem: 'it is another package than was asked for' })
}
