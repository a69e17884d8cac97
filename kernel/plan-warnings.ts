// Finds what works today and will not for ever; pure, and must never keep a distribution from starting.
import { ClonedError } from './errors.js'
import { KERNEL_HOOKS } from './hooks.js'
import { policyWrite } from './kinds.js'
import { KERNEL_SLOTS } from './plan-layers.js'
import { type Plugin, tokensOf } from './plugin.js'
import { toolSourcesCollection, toolsCollection } from './tool.js'

/** One warning per plugin that is deprecated, and one per plugin and thing that is. */
export function findWarnings(plugins: readonly Plugin[]): readonly ClonedError[] {
  const collections = [toolsCollection, toolSourcesCollection]
  const kernel = [...KERNEL_HOOKS, ...KERNEL_SLOTS.values(), ...collections, policyWrite]
  const newest = new Map<string, number>()
  const instead = new Map<string, string>()
  for (const { id, contract, deprecated } of [...kernel, ...plugins.flatMap(tokensOf)]) {
    newest.set(id, Math.max(contract, newest.get(id) ?? 0))
    if (deprecated !== undefined) instead.set(id, deprecated)
  }
  return plugins.flatMap((plugin) => {
    const { id: name, version, stability } = plugin.manifest
    const description = plugin.manifest.description || 'it does not say what to use instead'
    const used = [...new Map(tokensOf(plugin).map((token) => [token.id, token])).values()]
    return [
      ...(stability === 'deprecated'
        ? [new ClonedError('PLUGIN_DEPRECATED', { plugin: name, version, description })]
        : []),
      ...used.flatMap(({ id, contract }) => {
        const use = instead.get(id)
        const now = newest.get(id) ?? contract
        return [
          ...(use === undefined ? [] : [new ClonedError('TOKEN_DEPRECATED', { plugin: name, id, use })]),
          ...(contract < now ? [new ClonedError('CONTRACT_OLD', { plugin: name, id, contract, newest: now })] : []),
        ]
      }),
    ]
  })
}
