// Reads what the firewall commands have in common from their command line; must never take one scope for another.
import type { Approvals, Gate } from 'cloned/kernel'
import type { CommandContext, CommandOption } from '../../cli/slot.js'
import type { Policy } from '../../policy/slot.js'
import type { ChangeParts } from '../change.js'
import { type Scope, scopeOf } from '../proposal.js'
import type { EgressCaller, Firewall } from '../slot.js'
import { FETCH_TOOL } from '../tool.js'

/** What the commands work with. */
export interface FirewallCommandParts {
  readonly policy: Pick<Policy, 'snapshot'>
  readonly firewall: Pick<Firewall, 'explain'>
  readonly change: ChangeParts
  readonly gate: Pick<Gate, 'act' | 'actor'>
  readonly approvals: Pick<Approvals, 'decide'> | undefined
}

export const SCOPE_OPTIONS: readonly CommandOption[] = [
  { flags: '--tool <id>', description: 'For this tool alone, by id with version' },
  { flags: '--connector <id>', description: 'For this connector alone' },
]

/** The scope that was named; everybody's when none was. */
export function scopeIn(ctx: CommandContext): Scope {
  const { tool, connector } = namesIn(ctx)
  if (tool !== undefined && connector !== undefined) throw ctx.usageError('--tool and --connector are two scopes')
  return scopeOf({ tool, connector })
}

/** On whose behalf a request would be made. */
export function callerIn(ctx: CommandContext): EgressCaller {
  const { tool = FETCH_TOOL, connector } = namesIn(ctx)
  return { tool, ...(connector === undefined ? {} : { connector }) }
}

/** A list given as `a,b`. */
export function listIn(ctx: CommandContext, option: string): readonly string[] | undefined {
  const value = ctx.options[option]
  if (typeof value !== 'string') return undefined
  const parts = value.split(',').map((part) => part.trim())
  if (parts.includes('')) throw ctx.usageError(`--${option} has an empty part`)
  return [...new Set(parts)]
}

function namesIn({ options: { tool, connector }, usageError }: CommandContext) {
  if (typeof tool === 'string' && !tool.includes('@')) throw usageError(`--tool needs a version, as in ${FETCH_TOOL}`)
  return {
    tool: typeof tool === 'string' ? tool : undefined,
    connector: typeof connector === 'string' ? connector : undefined,
  }
}
