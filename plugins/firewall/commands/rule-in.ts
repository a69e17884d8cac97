// Reads the limits of a rule from the options of `firewall allow`; whatever is not understood is a usage error.
import type { CommandContext } from '../../cli/slot.js'
import { METHODS } from '../decide.js'
import type { RuleFields } from '../proposal.js'
import { TUNNEL } from '../rule.js'
import { listIn } from './parts.js'

/** What a rule can name: a tunnel has the methods of whoever speaks in it. */
const NAMED = [...METHODS].filter((method) => method !== TUNNEL)

/** Everything of a rule but its host. Throws a usage error. */
export function ruleIn(ctx: CommandContext): Omit<RuleFields, 'host'> {
  const schemes = listIn(ctx, 'scheme')
  const ports = listIn(ctx, 'port')
  const methods = listIn(ctx, 'method')
  const addresses = listIn(ctx, 'address')
  const wrongScheme = schemes?.find((scheme) => !isScheme(scheme))
  if (wrongScheme !== undefined) throw ctx.usageError(`--scheme takes https and http, not "${wrongScheme}"`)
  const wrongPort = ports?.find((port) => !/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535)
  if (wrongPort !== undefined) throw ctx.usageError(`--port takes numbers from 1 to 65535, not "${wrongPort}"`)
  const wrongMethod = methods?.find((method) => !NAMED.includes(method))
  if (wrongMethod !== undefined) throw ctx.usageError(`--method takes ${NAMED.join(', ')}, not "${wrongMethod}"`)
  return {
    ...(schemes ? { schemes: schemes.filter(isScheme) } : {}),
    ...(ports ? { ports: ports.map(Number) } : {}),
    ...(methods ? { methods } : {}),
    ...(addresses ? { addresses } : {}),
  }
}

function isScheme(text: string): text is 'https' | 'http' {
  return text === 'https' || text === 'http'
}
