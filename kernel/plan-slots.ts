// Decides who owns each slot and whether every need is met; pure, and must never choose between two owners by itself.
import { fits } from './adapter.js'
import { gateSlot } from './contracts.js'
import type { Distribution } from './distribution.js'
import type { ErrorParams } from './error-table.js'
import { ClonedError } from './errors.js'
import { KERNEL_ID, KERNEL_SLOTS, type Layer, type Layers } from './plan-layers.js'
import type { Plugin } from './plugin.js'
import { requirement } from './token.js'

function slotsOf(plugin: Plugin): readonly { id: string }[] {
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

/** Guards and voters are named by slot or by plugin: a slot must not have the name of a plugin that it would stand for. */
export function checkNames(listed: ReadonlyMap<string, Plugin>, problems: ClonedError[]): void {
  for (const plugin of listed.values()) {
    for (const { id } of slotsOf(plugin)) {
      if (!listed.has(id) || provides(listed.get(id), id)) continue
      const problem = `it provides a slot "${id}", and that is the id of another plugin`
      problems.push(new ClonedError('PLUGIN_INVALID', { plugin: `"${plugin.manifest.id}"`, problem }))
    }
  }
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

/** Every need must be met, and by a contract that fits what it was built for. */
export function checkNeeds(
  plugins: readonly Plugin[],
  layers: Layers,
  listed: ReadonlyMap<string, Plugin>,
  problems: ClonedError[],
): void {
  const compare = (provider: Layer, needer: Layer) => {
    if (!fits(provider.token, needer.token)) problems.push(new ClonedError('SLOT_CONTRACT', skew(provider, needer)))
  }
  for (const [id, chain] of layers) {
    const token = KERNEL_SLOTS.get(id)
    for (const [at, layer] of chain.entries()) {
      const inner = chain[at - 1]
      // What the kernel calls, others get from the kernel: each layer has to fit the kernel and nothing else.
      if (token) compare(layer, { plugin: KERNEL_ID, token })
      else if (inner) compare(inner, layer)
    }
  }
  const missing = new Map<string, string[]>()
  const miss = (slot: string, needer: string) => missing.set(slot, [...(missing.get(slot) ?? []), needer])
  for (const { manifest } of plugins) {
    for (const need of Object.values(manifest.requires)) {
      const { slot, optional } = requirement(need)
      const outermost = layers.get(slot.id)?.at(-1)
      const token = KERNEL_SLOTS.get(slot.id)
      if (outermost) compare(token ? { plugin: KERNEL_ID, token } : outermost, { plugin: manifest.id, token: slot })
      else if (!optional) miss(slot.id, manifest.id)
    }
    for (const { id } of Object.values(manifest.wraps)) if (!layers.has(id)) miss(id, manifest.id)
  }
  for (const [slot, needers] of missing) {
    const left = [...listed.values()].find((plugin) => slotsOf(plugin).some(({ id }) => id === slot))
    const omitted = left ? `; "${left.manifest.id}" provides it and is left out of this distribution` : ''
    problems.push(new ClonedError('SLOT_MISSING', { slot, needers: names(needers), omitted }))
  }
}

/** What is said of two layers that do not fit. */
export function skew(provider: Layer, needer: Layer): ErrorParams<'SLOT_CONTRACT'> {
  const [provided, needed] = [provider.token.contract, needer.token.contract]
  return {
    slot: provider.token.id,
    provider: provider.plugin,
    provided,
    needer: needer.plugin,
    needed,
    behind: provided < needed ? provider.plugin : needer.plugin,
    newest: Math.max(provided, needed),
  }
}

/** Plugin ids as a text names them. */
export function names(ids: readonly string[]): string {
  return ids.map((id) => `"${id}"`).join(' and ')
}
