// Lays the budget caps of an overlay on those of its pack; a cap of the pack must never survive one on the same thing.

import type { Layer, Placed } from './merge.js'
import type { BudgetCap } from './slot.js'
import { capKey, durationMs } from './terms.js'

export function mergeCaps(layers: readonly Layer[]): Placed<BudgetCap>[] {
  const taken = new Set<string>()
  return layers.flatMap(({ document, origin, where }) => {
    const caps = (document.budgets ?? [])
      .map((cap, index) => ({ cap, index }))
      .filter(({ cap }) => !taken.has(capKey(cap)))
    // Afterwards: one document may cap the same thing in several windows.
    for (const { cap } of caps) taken.add(capKey(cap))
    return caps.map(({ cap: { window, per, ...cap }, index }) => ({
      value: { ...cap, windowMs: durationMs(window), ...(per === undefined || per === 'workspace' ? {} : { per }) },
      origin,
      at: where(['budgets', index], 'budgets'),
    }))
  })
}
