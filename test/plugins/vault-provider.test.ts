import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { canonical, definePlugin, type Json, type JsonObject, type Plugin, sha256 } from 'cloned/kernel'
import { openKeys } from 'cloned/plugins/keys'
import {
  type OpenProvider,
  type ProvidedSecret,
  type VaultProvider,
  vaultProvidersCollection,
  vaultWrite,
} from 'cloned/plugins/vault'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { adoption } from '../../plugins/vault/adoption.js'
import { HOST, type Opened, SLOT, vaultWorld, type World } from './vault-fixture.js'

let world: World
beforeEach(async () => {
  world = await vaultWorld()
})
afterEach(() => world.close())

const SECTION = `vault:
  provider: memory
  config:
    prefix: kv
  secrets:
    github:
      hosts: [${HOST}]
      tools: [test.api.*]
      slots: [${SLOT}]
`

/** A provider in memory that keeps no scopes and cannot be listed, as a remote one that is only read. */
function memory(answer: (name: string) => ProvidedSecret | undefined, more: Partial<OpenProvider> = {}) {
  const calls: string[] = []
  const configs: JsonObject[] = []
  const provider: VaultProvider = {
    name: 'memory',
    summary: 'In memory',
    config: { type: 'object', additionalProperties: false, properties: { prefix: { type: 'string' } } },
    async open(config) {
      configs.push(config)
      return {
        describe: () => ({ where: 'memory', list: false, write: false, scopes: false }),
        async resolve(name) {
          calls.push(name)
          return answer(name)
        },
        health: async () => ({ ok: true, detail: 'well' }),
        close: async () => undefined,
        ...more,
      }
    },
  }
  const plugin: Plugin = definePlugin({
    id: 'test.memory',
    version: '1.0.0',
    kernel: '^0.1.0',
    contributes: { providers: vaultProvidersCollection },
    setup: () => ({ providers: [provider] }),
  })
  return { plugin, calls, configs }
}

const section = (text: string) => appendFileSync(join(world.root, '.cloned', 'config.yaml'), text)
const value = (text: string): ProvidedSecret => ({ value: Buffer.from(text), version: '7' })

async function adopt({ kernel }: Opened, found: Json, provider = 'memory') {
  return await kernel.act(vaultWrite, {
    target: 'vault',
    input: { op: 'adopt', provider, name: '', digest: sha256(canonical(found)) },
  })
}

const FOUND: Json = {
  provider: 'memory',
  config: { prefix: 'kv' },
  secrets: { github: { hosts: [HOST], tools: ['test.api.*'], slots: [SLOT] } },
}

describe('another provider', () => {
  it('is one section of the configuration, once a person has adopted it; nothing else changes', async () => {
    section(SECTION)
    const { plugin, calls, configs } = memory(() => value('from-memory-123'))
    const opened = await world.open({ plugins: [plugin] })
    await expect(opened.vault.resolve('github', opened.context())).rejects.toMatchObject({
      code: 'VAULT_CONFIG_FOREIGN',
    })
    expect(calls).toEqual([])
    expect(await adopt(opened, FOUND)).toMatchObject({ status: 'done' })
    const secret = await opened.vault.resolve('github', opened.context())
    expect([secret.reveal().toString(), secret.version]).toEqual(['from-memory-123', '7'])
    expect(configs).toEqual([{ prefix: 'kv' }])
    const again = await world.open({ plugins: [memory(() => value('from-memory-123')).plugin] })
    expect((await again.vault.resolve('github', again.context())).name).toBe('github')
  })

  it.each([
    ['a host', `[${HOST}]`, `[${HOST}, evil.com]`],
    ['the configuration', 'prefix: kv', 'prefix: other'],
    ['the provider', 'provider: memory', 'provider: file'],
  ])('is asked about again when %s was edited', async (_, from, to) => {
    section(SECTION)
    const { plugin } = memory(() => value('from-memory-123'))
    const opened = await world.open({ plugins: [plugin] })
    await adopt(opened, FOUND)
    await opened.kernel.stop()
    const file = join(world.root, '.cloned', 'config.yaml')
    writeFileSync(
      file,
      readFileSync(file, 'utf8')
        .replace(from, to)
        .replace('  config:\n    prefix: kv\n', to.includes('file') ? '' : '  config:\n    prefix: kv\n'),
    )
    const later = await world.open({ plugins: [memory(() => value('from-memory-123')).plugin] })
    await expect(later.vault.resolve('github', later.context())).rejects.toMatchObject({ code: 'VAULT_CONFIG_FOREIGN' })
  })

  it('cannot be adopted as something else than it is', async () => {
    section(SECTION)
    const opened = await world.open({ plugins: [memory(() => undefined).plugin] })
    const outcome = await adopt(opened, { provider: 'memory' })
    expect(outcome).toMatchObject({ status: 'failed', effect: 'none', code: 'VAULT_CONFIG_INVALID' })
    await expect(opened.vault.health()).rejects.toMatchObject({ code: 'VAULT_CONFIG_FOREIGN' })
  })

  it('cannot adopt itself: the key of the tag is not in the workspace', async () => {
    const directory = dirname(world.root)
    const path = join(directory, 'vault', 'adopted')
    const by = (home: string) => {
      const keys = openKeys({
        home: join(directory, home),
        workspace: 'ab'.repeat(16),
        marker: join(directory, `${home}.json`),
        now: Date.now,
      })
      return adoption(keys, () => path)
    }
    expect(await by('one').adopted(FOUND)).toBe(false)
    await by('one').adopt(FOUND)
    expect(await by('one').adopted(FOUND)).toBe(true)
    expect(await by('another').adopted(FOUND)).toBe(false)
    const [kid = '', tag = ''] = readFileSync(path, 'utf8').trim().split(':')
    for (const forged of ['', ':', kid, `${kid}:`, `${kid}:${'0'.repeat(64)}`, `${kid}:${tag.slice(1)}`, `:${tag}`]) {
      writeFileSync(path, forged)
      expect([forged, await by('one').adopted(FOUND)]).toEqual([forged, false])
    }
  })

  it.each([
    ['is not there', 'vault:\n  provider: nothing\n', 'VAULT_PROVIDER_UNKNOWN'],
    ['refuses its configuration', 'vault:\n  provider: memory\n  config:\n    colour: red\n', 'VAULT_CONFIG_INVALID'],
    [
      'has a scope that is none',
      'vault:\n  provider: memory\n  secrets:\n    a: { hosts: ["*"], tools: [a], slots: ["header:a"] }\n',
      'VAULT_CONFIG_INVALID',
    ],
  ])('that %s is an error with a reason, and no other takes its place', async (_, text, code) => {
    section(text)
    const opened = await world.open({ plugins: [memory(() => value('from-memory-123')).plugin] })
    await expect(opened.vault.resolve('github', opened.context())).rejects.toMatchObject({ code })
    await expect(opened.vault.health()).rejects.toMatchObject({ code })
  })

  it('of a name that two plugins bring is an error', async () => {
    const twice = definePlugin({
      id: 'test.twice',
      version: '1.0.0',
      kernel: '^0.1.0',
      contributes: { providers: vaultProvidersCollection },
      setup: () => ({
        providers: [{ name: 'file', summary: '', config: {}, open: () => Promise.reject(new Error()) }],
      }),
    })
    const opened = await world.open({ plugins: [twice] })
    await expect(opened.vault.health()).rejects.toMatchObject({ code: 'VAULT_PROVIDER_TWICE' })
  })
})

describe('a provider', () => {
  async function adopted(provider: ReturnType<typeof memory>, now?: () => number) {
    section(SECTION)
    const opened = await world.open({ plugins: [provider.plugin], ...(now ? { now } : {}) })
    await adopt(opened, FOUND)
    return opened
  }

  it('is asked only for secrets that the scope and the guards let through', async () => {
    const provider = memory(() => value('from-memory-123'))
    const opened = await adopted(provider)
    const no = () => ({ allowed: false, code: '', reason: '', help: '', ballot: [] }) as const
    for (const [name, change] of [
      ['other', {}],
      ['github', { host: 'evil.com' }],
      ['github', { check: no }],
    ] as const) {
      const asking = opened.vault.resolve(name, opened.context(change))
      await expect(asking).rejects.toMatchObject({ code: 'SECRET_DENIED' })
    }
    expect(provider.calls).toEqual([])
  })

  it('is asked again when its lease has run out, and every time when it says so', async () => {
    let at = Date.now()
    let until: number | undefined = at + 500
    const provider = memory(() => ({ ...value('from-memory-123'), ...(until === undefined ? {} : { until }) }))
    const opened = await adopted(provider, () => at)
    const asked = async () => {
      await opened.vault.resolve('github', opened.context())
      return provider.calls.length
    }
    expect([await asked(), await asked()]).toEqual([1, 1])
    at += 500
    until = 0
    expect([await asked(), await asked()]).toEqual([2, 3])
    until = undefined
    expect([await asked(), await asked()]).toEqual([4, 4])
    at += 60_000
    expect(await asked()).toBe(5)
  })

  it('that fails is an error that says nothing of what it was told', async () => {
    const provider = memory(() => {
      throw new Error('401 for token hvs.very-secret')
    })
    const opened = await adopted(provider)
    const error = await opened.vault.resolve('github', opened.context()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'VAULT_PROVIDER_FAILED' })
    expect(`${error} ${JSON.stringify(error)}`).not.toContain('hvs.')
  })

  it('that cannot write, list or be opened by slots says so', async () => {
    const opened = await adopted(memory(() => undefined))
    const writing = await opened.vault.rotate('github', Buffer.from('another-1234567'))
    expect(writing).toMatchObject({ status: 'failed', effect: 'none', code: 'VAULT_UNSUPPORTED' })
    await expect(opened.vault.list()).rejects.toMatchObject({ code: 'VAULT_UNSUPPORTED' })
  })

  it('that writes elsewhere is on record, under a type that the vault file is not held against', async () => {
    const stored: string[] = []
    const provider = memory(() => undefined, {
      put: async (name, bytes) => {
        stored.push(`${name} ${bytes.length}`)
      },
    })
    const opened = await adopted(provider)
    expect(await opened.vault.rotate('github', Buffer.from('another-1234567'))).toMatchObject({ status: 'done' })
    expect(stored).toEqual(['github 15'])
    expect((await opened.audit.latest('vault.remote_write'))?.record).toMatchObject({
      provider: 'memory',
      name: 'github',
    })
    expect(await opened.audit.latest('vault.write')).toBeUndefined()
  })

  it('does not get a write that was approved for another', async () => {
    const disabled: string[] = []
    const opened = await adopted(memory(() => undefined, { disable: async (name) => void disabled.push(name) }))
    const disable = (provider: string) =>
      opened.kernel.act(vaultWrite, { target: 'github', input: { op: 'disable', provider, name: 'github' } })
    expect(await disable('file')).toMatchObject({ status: 'failed', effect: 'none', code: 'VAULT_UNSUPPORTED' })
    expect(disabled).toEqual([])
    expect(await disable('memory')).toMatchObject({ status: 'done' })
    expect(disabled).toEqual(['github'])
  })
})
