import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileSchema, type JsonObject } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import type { OpenProvider, VaultProvider } from '../../plugins/vault/slot.js'
import { type ProviderWorld, vaultProviderCases } from '../../plugins/vault/testing/index.js'
import { azureProvider } from '../../plugins/vault-azure/index.js'
import { commandProvider } from '../../plugins/vault-command/index.js'
import { envProvider } from '../../plugins/vault-env/index.js'
import { keychainProvider } from '../../plugins/vault-keychain/index.js'
import { openbaoProvider } from '../../plugins/vault-openbao/index.js'
import { playedOutbound, realOutbound } from './outbound-fixture.js'
import { AZURE_CONFIG, CLIENT_SECRET, fakeAzure, put } from './vault-azure-fixture.js'
import { memoryKeyring } from './vault-keychain-fixture.js'
import { fakeOpenbao } from './vault-openbao-fixture.js'

const now = () => 1_900_000_000_000
const ignore = () => undefined

/** Opens as the vault does: a configuration that its schema refuses is never opened. */
async function opened(provider: VaultProvider, config: JsonObject): Promise<OpenProvider> {
  expect(compileSchema(provider.config)(config)).toEqual([])
  return provider.open(config)
}

const WORLDS: Readonly<Record<string, () => Promise<ProviderWorld>>> = {
  async env() {
    const variables: Record<string, string> = {}
    const provider = await opened(
      envProvider((name) => variables[name]),
      { variables: { known: 'TEST_A', absent: 'TEST_B' } },
    )
    return {
      provider: {
        ...provider,
        health: async () => (variables['TEST_A'] ? { ok: true, detail: '' } : provider.health()),
      },
      plant: async (value) => {
        variables['TEST_A'] = value.toString()
        return 'known'
      },
      absent: 'absent',
      close: async () => undefined,
    }
  },
  async command() {
    const directory = mkdtempSync(join(tmpdir(), 'cloned-command-'))
    const program = "process.stdout.write(require('node:fs').readFileSync(process.argv[1]))"
    const config = { command: [process.execPath, '-e', program, '{ref}'], secrets: { known: join(directory, 'known') } }
    const { writeFile, rm } = await import('node:fs/promises')
    return {
      provider: await opened(
        commandProvider(() => undefined),
        config,
      ),
      plant: async (value) => {
        await writeFile(join(directory, 'known'), value)
        return 'known'
      },
      absent: 'absent',
      breakDown: () => rm(join(directory, 'known')),
      close: async () => rmSync(directory, { recursive: true, force: true }),
    }
  },
  async openbao() {
    const fake = await fakeOpenbao()
    const outbound = realOutbound()
    const parts = { outbound, environment: () => fake.token, known: ignore }
    return {
      provider: await opened(openbaoProvider(parts), { address: fake.address, token: { env: 'BAO_TOKEN' } }),
      plant: async (value) => {
        const versions = fake.store.get('secret/cloned/known') ?? []
        fake.store.set('secret/cloned/known', [...versions, { data: { value: value.toString() }, deleted: false }])
        return 'known'
      },
      absent: 'absent',
      breakDown: () => fake.close(),
      close: () => fake.close(),
    }
  },
  async keychain() {
    const { keyring, kept, state } = memoryKeyring()
    return {
      provider: await opened(
        keychainProvider(async () => keyring),
        {},
      ),
      plant: async (value) => {
        kept.set('cloned/known', value)
        return 'known'
      },
      absent: 'absent',
      breakDown: async () => {
        state.locked = true
      },
      close: async () => undefined,
    }
  },
  async azure() {
    const fake = fakeAzure(now)
    const parts = { outbound: playedOutbound(fake.fetch), environment: () => CLIENT_SECRET, known: ignore, now }
    let planted = 0
    return {
      provider: await opened(azureProvider(parts), AZURE_CONFIG),
      plant: async (value) => {
        put(fake, 'known', value.toString(), { enabled: true, created: 1, updated: planted++ })
        return 'known'
      },
      absent: 'absent',
      breakDown: async () => {
        fake.down = true
      },
      close: async () => undefined,
    }
  },
}

describe.each(Object.entries(WORLDS))('provider %s', (_, open) => {
  it.each(vaultProviderCases(open).map((rule) => [rule.name, rule] as const))('%s', (_name, rule) => rule.run())
})
