// Finds the built-ins that a stranger's plugin cannot do without, and what a distribution of them has to say; checks none of it.
import { type Distribution, type Plugin, requirement } from 'cloned/kernel'

/** What a plugin lives among. */
export interface Surroundings {
  readonly needs: readonly Plugin[]
  readonly distribution: Partial<Pick<Distribution, 'replace' | 'wrap' | 'omit' | 'mayAllow'>>
}

/** The least that a plugin says it needs: what it touches besides is missing, and is found. */
export function surroundings(
  plugin: Plugin,
  { builtIns, others }: { readonly builtIns: readonly Plugin[]; readonly others: readonly Plugin[] },
): Surroundings {
  const { id, wraps } = plugin.manifest
  const added = [...others.filter((other) => other.manifest.id !== id), plugin]
  const present = new Set(added)
  // A set grows while it is walked: what is added needs more in its turn.
  for (const { manifest } of present) {
    const wanted = [...Object.values(manifest.requires), ...Object.values(manifest.wraps)].map(requirement)
    for (const { slot, optional } of wanted) {
      if (optional || [...present].some((one) => provides(one, slot.id))) continue
      const owner = builtIns.find((one) => provides(one, slot.id))
      if (owner) present.add(owner)
    }
  }
  const found = builtIns.filter((one) => present.has(one))
  const contested = added.flatMap(({ manifest }) =>
    Object.values(manifest.provides).flatMap((slot) =>
      found.some((one) => provides(one, slot.id)) ? [[slot.id, manifest.id] as const] : [],
    ),
  )
  return {
    needs: [...found, ...added.filter((one) => one !== plugin)],
    distribution: {
      replace: Object.fromEntries(contested),
      wrap: Object.fromEntries(Object.values(wraps).map((slot) => [slot.id, [id]])),
    },
  }
}

function provides({ manifest }: Plugin, slot: string): boolean {
  return Object.values(manifest.provides).some(({ id }) => id === slot)
}
