// Tells in what two locks of one distribution differ, in words; it accepts nothing.
import type { Lock } from './lock.js'

/** One line for every fact that the lock states and the build does not, or the other way round. */
export function differences(lock: Lock, found: Lock): readonly string[] {
  const [said, is] = [facts(lock), facts(found)]
  const names = [...new Set([...said.keys(), ...is.keys()])].sort()
  return names.flatMap((name) => {
    const [before, now] = [said.get(name), is.get(name)]
    if (before === now) return []
    if (before === undefined) return [`${name}: the lock says nothing, now ${now}`]
    return [`${name}: the lock says ${before}, ${now === undefined ? 'now it is gone' : `now ${now}`}`]
  })
}

function facts(lock: Lock): Map<string, string> {
  const found = new Map<string, string>([
    ['distribution', `${lock.distribution.name} ${lock.distribution.version}`],
    ['kernel', lock.kernel],
    ['may allow', lock.may_allow.join(', ')],
  ])
  const versions = new Map<string, string[]>()
  for (const { name, version, digest, integrity } of lock.packages) {
    versions.set(name, [...(versions.get(name) ?? []), version])
    // The same version may be installed twice, and each copy counts.
    const add = (fact: string, value: string) => found.set(fact, [found.get(fact) ?? [], value].flat().join(' and '))
    if (digest) add(`files of ${name} ${version}`, digest)
    if (integrity) add(`archive of ${name} ${version}`, integrity)
  }
  for (const [name, all] of versions) found.set(`package ${name}`, all.join(' and '))
  for (const { id, version, package: from, stability, contracts } of lock.plugins) {
    found.set(`plugin ${id}`, `${version} (${stability}) of ${from}`)
    for (const [token, contract] of Object.entries(contracts)) {
      found.set(`contract of ${token} in ${id}`, String(contract))
    }
  }
  for (const [slot, owner] of Object.entries(lock.owners)) found.set(`owner of ${slot}`, owner)
  for (const [slot, wrappers] of Object.entries(lock.wraps)) found.set(`wrapped around ${slot}`, wrappers.join(', '))
  for (const [hook, guards] of Object.entries(lock.guards)) found.set(`guards of ${hook}`, guards.join(', '))
  return found
}
