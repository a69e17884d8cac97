import { readFileSync } from 'node:fs'
import { compileSchema, type JsonObject, parseYaml, readSchema } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import type { VaultProvider } from '../../plugins/vault/slot.js'
import { azureProvider } from '../../plugins/vault-azure/index.js'
import { commandProvider } from '../../plugins/vault-command/index.js'
import { envProvider } from '../../plugins/vault-env/index.js'
import { keychainProvider } from '../../plugins/vault-keychain/index.js'
import { openbaoProvider } from '../../plugins/vault-openbao/index.js'

const never = () => {
  throw new Error('the docs were sent somewhere')
}
const parts = { outbound: { open: never }, environment: never, known: never, now: Date.now }
const providers = new Map<string, VaultProvider>(
  [
    envProvider(never),
    commandProvider(never),
    openbaoProvider(parts),
    keychainProvider(never),
    azureProvider(parts),
  ].map((provider) => [provider.name, provider]),
)
const page = readFileSync(new URL('../../docs/vault-providers.md', import.meta.url), 'utf8')
const blocks = [...page.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => match[1] ?? '')
const examples = blocks.map((text) => [/provider: (\w+)/.exec(text)?.[1] ?? 'none', text] as const)

describe('the examples of the docs', () => {
  it('are of every provider', () => {
    expect(new Set(examples.map(([provider]) => provider))).toEqual(new Set(providers.keys()))
  })

  it.each(examples)('are valid for %s', (_, example) => {
    const { vault } = parseYaml(example, { path: 'docs' }) as { vault: { provider: string; config: JsonObject } }
    const config = { version: 1, id: 'a'.repeat(32), type: 'personal', vault } as unknown as JsonObject
    expect(compileSchema(readSchema('workspace.config'))(config)).toEqual([])
    const provider = providers.get(vault.provider)
    expect(compileSchema(provider?.config ?? {})(vault.config)).toEqual([])
  })
})
