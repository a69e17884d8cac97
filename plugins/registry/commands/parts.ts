// What the connector commands share: the services they read, and the one way to ask for a change.
import { type ActionKind, ClonedError, type Gate, type Json, type JsonObject } from 'cloned/kernel'
import { type ActionWords, actionResult, type CommandContext, type CommandResult } from '../../cli/slot.js'
import type { ManifestSource, Packages } from '../../package/slot.js'
import type { Trust } from '../../trust/slot.js'
import type { Incoming } from '../incoming.js'
import type { Judged } from '../judge.js'
import type { InstalledConnector, Registry } from '../slot.js'

export interface ConnectorCommandParts {
  readonly gate: Pick<Gate, 'act'>
  readonly packages: Packages
  readonly trust: Trust
  readonly registry: Registry
  readonly incoming: Incoming
  readonly sources: () => readonly ManifestSource[]
  /** Every check of a package that comes before anybody is asked. */
  readonly judge: (archive: Buffer) => Promise<Judged>
  readonly now: () => number
}

/** Starts a governed action and words its end. */
export async function askFor<I extends Json, O>(
  { gate }: Pick<ConnectorCommandParts, 'gate'>,
  ctx: CommandContext,
  kind: ActionKind<I, O>,
  { target, input, about, ...words }: { target: string; input: I; about: JsonObject } & ActionWords,
): Promise<CommandResult> {
  const request = { target, input, about }
  const outcome = await gate.act(kind, ctx.actor === undefined ? request : { ...request, actor: ctx.actor }, {
    dryRun: ctx.dryRun,
    signal: ctx.signal,
  })
  return actionResult(outcome as Parameters<typeof actionResult>[0], words, ctx)
}

/** An installed connector. Throws `CONNECTOR_UNKNOWN`. */
export async function mustFind({ registry }: ConnectorCommandParts, id: string): Promise<InstalledConnector> {
  const found = await registry.get(id)
  if (!found) throw new ClonedError('CONNECTOR_UNKNOWN', { id })
  return found
}

/** Everything about a connector for machines. */
export function connectorJson({ installedAt, installedBy, digest, ...rest }: InstalledConnector): Json {
  return {
    ...rest,
    package_digest: digest,
    installed_at: new Date(installedAt).toISOString(),
    installed_by: installedBy,
  } as unknown as Json
}
