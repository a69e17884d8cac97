// Makes the vault service of its parts; it decides nothing but what a provider that lacks something is told.
import { ClonedError } from 'cloned/kernel'
import type { Grants } from './bind.js'
import type { OpenedProvider, Resolver } from './resolve.js'
import type { Vault } from './slot.js'
import { parseTemplate } from './template.js'
import type { Writes } from './writes.js'

export interface ServiceParts {
  readonly opened: () => Promise<OpenedProvider>
  readonly resolver: Resolver
  readonly grants: Grants
  readonly writes: Writes
}

export function createVault({ opened, resolver, grants, writes }: ServiceParts): Vault {
  return {
    async describe() {
      const { name, provider } = await opened()
      return { provider: name, ...provider.describe() }
    },
    resolve: (name, context) => resolver.resolve(name, context),
    bind: (secret, use) => grants.bind(secret, use),
    template: parseTemplate,
    async fill({ parts }, context, use) {
      const { tool, host, slot } = context
      let text = ''
      for (const part of parts) {
        text +=
          typeof part === 'string'
            ? part
            : grants.bind(await resolver.resolve(part.secret, context), { ...use, tool, host, slot })
      }
      return text
    },
    put: writes.put,
    rotate: writes.rotate,
    disable: writes.disable,
    remove: writes.remove,
    info: async (name) => (await opened()).info(name),
    async list() {
      const { name, provider } = await opened()
      if (!provider.list) throw new ClonedError('VAULT_UNSUPPORTED', { provider: name, what: 'list its secrets' })
      return [...(await provider.list())].sort((a, b) => (a.name < b.name ? -1 : 1))
    },
    health: async () => (await opened()).provider.health(),
  }
}
