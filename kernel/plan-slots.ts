// Decides who owns each slot and whether every need is met; pure, and must never choose between two owners by itself.
import { approvalsSlot, auditSlot, gateSlot, instancesSlot } from './contracts.js'
import type { Distribution } from './distribution.js'
import { ClonedError } from './errors.js'
import type { Plugin } from './plugin.js'
import { scrubberSlot } from './scrubber.js'
import { requirement } from './token.js'

/** The id that stands for the kernel where an owner is named. */
export const KERNEL_ID = 'cloned.kernel'

const KERNEL_SLOTS = [auditSlot, approvalsSlot, instancesSlot, gateSlot, scrubberSlot]

function slotsOf(plugin: Plugin): readonly { id: string; contract: number }[] {
  return Object.values(plugin.manifest.provides)
}

/** Applies `replace`: the loser of a slot goes with everything it registers. */
export function unloadReplaced(
  distribution: Distribution,
  plugins: Map<string, Plugin>,
  problems: ClonedError[],
): Plugin[] {
  const replace = distribution.replace ?? {}
  const unloaded = new Set<string>()
  for (const [slotId, winner] of Object.entries(replace)) {
    const plugin = plugins.get(winner)
    if (!provides(plugin, slotId)) {
      const problem = plugin ? 'does not provide it' : 'is not listed'
      problems.push(new ClonedError('REPLACE_UNKNOWN', { slot: slotId, plugin: winner, problem }))
      continue
    }
    for (const [id, other] of plugins) {
      if (id === winner || !provides(other, slotId)) continue
      unloaded.add(id)
      for (const { id: owned } of slotsOf(other)) {
        if (owned === slotId || Object.hasOwn(replace, owned)) continue
        problems.push(new ClonedError('REPLACE_LEAVES_HOLE', { loser: id, slot: slotId, other: owned, winner }))
      }
    }
  }
  for (const [slotId, winner] of Object.entries(replace)) {
    const by = Object.entries(replace).find(([other, id]) => id !== winner && provides(plugins.get(winner), other))
    if (!by || !unloaded.has(winner)) continue
    problems.push(new ClonedError('REPLACE_LEAVES_HOLE', { loser: winner, slot: by[0], other: slotId, winner: by[1] }))
  }
  return [...plugins.values()].filter((plugin) => !unloaded.has(plugin.manifest.id))
}

function provides(plugin: Plugin | undefined, slotId: string): boolean {
  return plugin !== undefined && slotsOf(plugin).some(({ id }) => id === slotId)
}

/** Slot id → plugin id of its owner. */
export function findOwners(plugins: readonly Plugin[], problems: ClonedError[]): Map<string, string> {
  const claims = new Map<string, string[]>([[gateSlot.id, [KERNEL_ID]]])
  for (const plugin of plugins) {
    for (const { id } of slotsOf(plugin)) claims.set(id, [...(claims.get(id) ?? []), plugin.manifest.id])
  }
  for (const [id, owners] of claims) {
    if (owners.length < 2) continue
    problems.push(new ClonedError('SLOT_CONFLICT', { slot: id, owners: names(owners), choice: owners.at(-1) ?? '' }))
  }
  return new Map([...claims].map(([id, owners]) => [id, owners[0] ?? KERNEL_ID]))
}

/** Every need must be met, and by the contract that it was built for. */
export function checkNeeds(
  plugins: readonly Plugin[],
  owners: ReadonlyMap<string, string>,
  listed: ReadonlyMap<string, Plugin>,
  problems: ClonedError[],
): void {
  const provided = new Map<string, { contract: number; provider: string }>()
  for (const { id, contract } of KERNEL_SLOTS) provided.set(id, { contract, provider: KERNEL_ID })
  for (const plugin of plugins) {
    for (const { id, contract } of slotsOf(plugin)) {
      // The kernel calls these slots itself, so it is the one that an own contract has to fit.
      const kernel = KERNEL_SLOTS.find((known) => known.id === id)
      if (kernel && kernel.contract !== contract)
        problems.push(skew(id, plugin.manifest.id, contract, KERNEL_ID, kernel.contract))
      provided.set(id, { contract, provider: plugin.manifest.id })
    }
  }
  const missing = new Map<string, string[]>()
  for (const plugin of plugins) {
    for (const need of Object.values(plugin.manifest.requires)) {
      const { slot, optional } = requirement(need)
      if (!owners.has(slot.id)) {
        if (!optional) missing.set(slot.id, [...(missing.get(slot.id) ?? []), plugin.manifest.id])
        continue
      }
      const has = provided.get(slot.id)
      if (has && has.contract !== slot.contract) {
        problems.push(skew(slot.id, has.provider, has.contract, plugin.manifest.id, slot.contract))
      }
    }
  }
  for (const [slot, needers] of missing) {
    const left = [...listed.values()].find((plugin) => slotsOf(plugin).some(({ id }) => id === slot))
    const omitted = left ? `; "${left.manifest.id}" provides it and is left out of this distribution` : ''
    problems.push(new ClonedError('SLOT_MISSING', { slot, needers: names(needers), omitted }))
  }
}

function skew(slot: string, provider: string, provided: number, needer: string, needed: number): ClonedError {
  const behind = provided < needed ? provider : needer
  return new ClonedError('SLOT_CONTRACT', {
    slot,
    provider,
    provided,
    needer,
    needed,
    behind,
    newest: Math.max(provided, needed),
  })
}

/** Plugin ids as a text names them. */
export function names(ids: readonly string[]): string {
  return ids.map((id) => `"${id}"`).join(' and ')
}
