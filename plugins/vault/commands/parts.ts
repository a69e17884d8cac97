// What the vault's commands share: how a write ended, in words and in an exit code; never with a value in it.
import type { Json, Outcome } from 'cloned/kernel'
import type { CommandContext, CommandResult, ExitCode } from '../../cli/slot.js'
import type { OpenedProvider } from '../resolve.js'
import type { SecretInfo, Vault, VaultProvider } from '../slot.js'
import type { Writes } from '../writes.js'

export interface VaultCommandParts {
  readonly vault: Vault
  readonly writes: Writes
  readonly opened: () => Promise<OpenedProvider>
  readonly providers: () => readonly VaultProvider[]
  readonly chosen: () => string
  /** The vault section of the workspace's configuration, and whether it was adopted. */
  readonly section: () => Json | undefined
  readonly adopted: () => Promise<boolean>
}

const EXITS: Readonly<Record<Outcome['status'], ExitCode>> = { done: 0, denied: 3, pending: 4, failed: 1, 'dry-run': 0 }

/** `done` is the text of a write that was carried out. */
export function outcomeResult(outcome: Outcome, done: string, ctx: CommandContext): CommandResult {
  const result = { exit: EXITS[outcome.status], json: outcome as unknown as Json }
  switch (outcome.status) {
    case 'done':
      return { ...result, text: done }
    case 'dry-run': {
      const why = outcome.reason === undefined ? '' : `: ${ctx.printable(outcome.reason)}`
      return { ...result, text: `Would end in: ${outcome.verdict}${why}` }
    }
    case 'pending':
      return {
        ...result,
        text: '',
        problem: ctx.waiting(outcome.approval),
      }
    default:
      return { ...result, text: '', problem: `${ctx.printable(outcome.reason)}\n${ctx.printable(outcome.help)}` }
  }
}

/** For `--actor` and `--dry-run`. */
export function writeOptions({ actor, dryRun }: CommandContext) {
  return { actor, dryRun }
}

export function infoJson({ name, scope, version, state, createdAt, rotatedAt, expiresAt }: SecretInfo): Json {
  return {
    name,
    version,
    state,
    hosts: scope.hosts,
    tools: scope.tools,
    slots: scope.slots,
    ...(createdAt === undefined ? {} : { created_at: iso(createdAt) }),
    ...(rotatedAt === undefined ? {} : { rotated_at: iso(rotatedAt) }),
    ...(expiresAt === undefined ? {} : { expires_at: iso(expiresAt) }),
  }
}

export function iso(at: number): string {
  return new Date(at).toISOString()
}
