// Decides which of the addresses a name leads to may be dialled: all of them or none, so that no answer hides behind another.
import { networkInterfaces } from 'node:os'
import { classify, formatAddress, type Groups, isSingle, parseAddress, within } from './address.js'
import type { AddressPolicy } from './rule.js'

/** The addresses in their one spelling, in order, without repetition; `undefined` when one of them may not be dialled. */
export function vet(
  found: readonly string[],
  { grants }: AddressPolicy,
  own: ReadonlySet<string>,
): readonly string[] | undefined {
  const vetted = new Set<string>()
  for (const text of found) {
    const address = parseAddress(text)
    if (!address) return undefined
    const spelled = formatAddress(address)
    const granting = grants.filter((grant) => within(address, grant))
    if (!isUsable(address, granting.length > 0)) return undefined
    // A range around this machine does not mean this machine: its own services answer here.
    if (own.has(spelled) && !granting.some(isSingle)) return undefined
    vetted.add(spelled)
  }
  return vetted.size === 0 ? undefined : [...vetted]
}

function isUsable(address: Groups, granted: boolean): boolean {
  const kind = classify(address)
  return kind === 'public' || (kind !== 'never' && granted)
}

/** The addresses of this machine, loopback aside, which has its own class. */
export function ownAddresses(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const addresses = all
    .filter(({ internal }) => !internal)
    .map(({ address }) => parseAddress(address.split('%')[0] ?? ''))
  return new Set(addresses.flatMap((address) => (address ? [formatAddress(address)] : [])))
}
