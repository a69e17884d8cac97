// Opens the provider that the workspace names; must never fall back to another one, nor use a section nobody adopted.
import {
  ClonedError,
  type Contribution,
  compileSchema,
  type Json,
  type JsonObject,
  type SchemaProblem,
} from 'cloned/kernel'
import type { WorkspaceConfig } from '../workspace/slot.js'
import type { Adoption } from './adoption.js'
import type { OpenedProvider } from './resolve.js'
import { normaliseScope } from './scope.js'
import type { SecretInfo, VaultProvider } from './slot.js'

const DEFAULT = 'file'

export interface ProviderParts {
  readonly providers: () => readonly Contribution<VaultProvider>[]
  readonly section: () => WorkspaceConfig['vault']
  readonly adoption: Adoption
}

/** The providers there are, by name. Throws `VAULT_PROVIDER_TWICE`. */
export function providersByName(contributed: readonly Contribution<VaultProvider>[]): Map<string, VaultProvider> {
  const byName = new Map<string, { plugin: string; item: VaultProvider }>()
  for (const { plugin, item } of contributed) {
    const other = byName.get(item.name)
    if (other) {
      throw new ClonedError('VAULT_PROVIDER_TWICE', { provider: item.name, plugins: `${other.plugin} and ${plugin}` })
    }
    byName.set(item.name, { plugin, item })
  }
  return new Map([...byName].map(([name, { item }]) => [name, item]))
}

/** What the section names, checked and not opened. Throws `VAULT_PROVIDER_UNKNOWN` and `VAULT_CONFIG_INVALID`. */
export function chosenProvider({ providers, section }: Pick<ProviderParts, 'providers' | 'section'>) {
  const { provider: name = DEFAULT, config = {}, secrets = {} } = section() ?? {}
  const known = providersByName(providers())
  const chosen = known.get(name)
  if (!chosen) {
    const all = [...known.keys()].sort().join(', ') || 'none at all'
    throw new ClonedError('VAULT_PROVIDER_UNKNOWN', { provider: name, known: all })
  }
  const problems = compileSchema(chosen.config)(config).map(({ path, message }: SchemaProblem) => `${path} ${message}`)
  const infos = new Map<string, SecretInfo>()
  for (const [secret, scope] of Object.entries(secrets)) {
    try {
      infos.set(secret, { name: secret, scope: normaliseScope(scope), version: '', state: 'current' })
    } catch (error) {
      problems.push(`/secrets/${secret}: ${error instanceof Error ? error.message : error}`)
    }
  }
  if (problems.length > 0) throw new ClonedError('VAULT_CONFIG_INVALID', { problems: problems.join('; ') })
  return { name, chosen, config: config as JsonObject, infos }
}

/** Opens it. Throws `VAULT_CONFIG_FOREIGN` besides what {@link chosenProvider} and the provider throw. */
export async function openProvider(parts: ProviderParts): Promise<OpenedProvider> {
  const { name, chosen, config, infos } = chosenProvider(parts)
  const section = parts.section()
  if (section && !(await parts.adoption.adopted(section as unknown as Json))) {
    throw new ClonedError('VAULT_CONFIG_FOREIGN', {})
  }
  const provider = await chosen.open(config)
  const ownScopes = provider.describe().scopes
  return {
    name,
    provider,
    info: async (secret) => (ownScopes ? await provider.info?.(secret) : infos.get(secret)),
  }
}
