// Decides who stands on each slot, its owner first and then who wraps it; pure, and must never let a plugin wrap unasked.
import { approvalsSlot, auditSlot, gateSlot, instancesSlot } from './contracts.js'
import type { Distribution } from './distribution.js'
import { ClonedError } from './errors.js'
import type { Plugin } from './plugin.js'
import { scrubberSlot } from './scrubber.js'
import type { Slot } from './token.js'

/** The id that stands for the kernel where an owner is named. */
export const KERNEL_ID = 'cloned.kernel'

/** The slots that the kernel itself calls or provides, by id. */
export const KERNEL_SLOTS: ReadonlyMap<string, Slot<unknown>> = new Map<string, Slot<unknown>>(
  [auditSlot, approvalsSlot, instancesSlot, gateSlot, scrubberSlot].map((slot) => [slot.id, slot]),
)

/** Who stands on a slot, and the token that it was built for. */
export interface Layer {
  readonly plugin: string
  readonly token: Slot<unknown>
}

/** Slot id → its owner, then who wraps it, innermost first. Only slots that have an owner. */
export type Layers = ReadonlyMap<string, readonly Layer[]>

export function findLayers(
  distribution: Distribution,
  plugins: readonly Plugin[],
  owners: ReadonlyMap<string, string>,
  problems: ClonedError[],
): Layers {
  const byId = new Map(plugins.map((plugin) => [plugin.manifest.id, plugin]))
  const layers = new Map<string, Layer[]>()
  for (const [slot, owner] of owners) {
    const token = tokenOf(byId.get(owner)?.manifest.provides, slot) ?? KERNEL_SLOTS.get(slot)
    if (token) layers.set(slot, [{ plugin: owner, token }])
  }
  for (const [slot, ids] of Object.entries(distribution.wrap ?? {})) {
    for (const [at, plugin] of ids.entries()) {
      const token = tokenOf(byId.get(plugin)?.manifest.wraps, slot)
      const problem = () => {
        if (owners.get(slot) === KERNEL_ID) return 'cannot wrap it: the kernel provides it'
        if (!byId.has(plugin)) return 'is not present'
        if (!token) return 'does not say in its manifest that it wraps it'
        return ids.indexOf(plugin) === at ? undefined : 'is named twice'
      }
      const found = problem()
      if (found) problems.push(new ClonedError('WRAP_UNKNOWN', { slot, plugin, problem: found }))
      else if (token) layers.get(slot)?.push({ plugin, token })
    }
  }
  for (const { manifest } of plugins) {
    for (const { id: slot } of Object.values(manifest.wraps)) {
      const wrap = distribution.wrap ?? {}
      const named = Object.hasOwn(wrap, slot) ? (wrap[slot] ?? []) : []
      if (named.includes(manifest.id)) continue
      const line = [...named, manifest.id].map((id) => `'${id}'`).join(', ')
      problems.push(new ClonedError('WRAP_UNLISTED', { plugin: manifest.id, slot, line }))
    }
  }
  return layers
}

function tokenOf(slots: Plugin['manifest']['provides'] | undefined, id: string): Slot<unknown> | undefined {
  return Object.values(slots ?? {}).find((slot) => slot.id === id)
}
