// States what every vault provider must do, as cases that a vendor runs against an own one; needs no test runner.
import assert from 'node:assert/strict'
import type { ContractCase } from 'cloned/testing'
import type { OpenProvider, SecretScope, VaultWritten } from '../slot.js'

/** A provider to examine, opened over a place that the cases may change. */
export interface ProviderWorld {
  readonly provider: OpenProvider
  /** Makes a secret exist with this value, by the place's own means; again to change it. Answers its name. */
  plant(value: Buffer): Promise<string>
  /** A name that no secret has. */
  readonly absent: string
  /** Makes the place unreachable, where that can be played. */
  breakDown?(): Promise<void>
  close(): Promise<void>
}

const VALUE = Buffer.from('s3cret-of the$&contract/"1"+=')
const OTHER = Buffer.from('another-value-for-the-contract')
const SCOPE: SecretScope = { hosts: ['api.example.com'], tools: ['test.*'], slots: ['header:authorization'] }
const CONTEXT = {
  tool: 'test.do@v1',
  host: 'api.example.com',
  slot: 'header:authorization',
  callId: 'c',
  workspace: 'w',
}

/** The cases; `open` makes a fresh world for each. */
export function vaultProviderCases(open: () => Promise<ProviderWorld>): readonly ContractCase[] {
  const rule = (name: string, check: (world: ProviderWorld) => Promise<void>): ContractCase => ({
    name,
    async run() {
      const world = await open()
      try {
        await check(world)
      } finally {
        await world.provider.close()
        await world.close()
      }
    },
  })
  return [...reading(rule), ...telling(rule), ...writing(rule)]
}

type Rule = (name: string, check: (world: ProviderWorld) => Promise<void>) => ContractCase

function reading(rule: Rule): readonly ContractCase[] {
  return [
    rule('answers the exact bytes of a secret', async ({ provider, plant }) => {
      const name = await plant(VALUE)
      assert.deepEqual((await provider.resolve(name, CONTEXT))?.value, VALUE)
    }),
    rule('answers fresh bytes each time, which the caller may wipe', async ({ provider, plant }) => {
      const name = await plant(VALUE)
      ;(await provider.resolve(name, CONTEXT))?.value.fill(0)
      assert.deepEqual((await provider.resolve(name, CONTEXT))?.value, VALUE)
    }),
    rule('answers a changed value under another version', async ({ provider, plant }) => {
      const name = await plant(VALUE)
      const before = await provider.resolve(name, CONTEXT)
      assert.equal(await plant(OTHER), name)
      const after = await provider.resolve(name, CONTEXT)
      assert.deepEqual(after?.value, OTHER)
      assert.notEqual(after?.version, before?.version)
    }),
    rule('answers nothing for a name that no secret has', async ({ provider, plant, absent }) => {
      await plant(VALUE)
      assert.equal(await provider.resolve(absent, CONTEXT), undefined)
    }),
    ...['constructor', '__proto__', '..', 'a/../b', '', 'A'.repeat(300), '-x', 'a\0b', 'a?b#c'].map((name) =>
      rule(
        `answers nothing, or refuses, the name ${JSON.stringify(name.slice(0, 20))}`,
        async ({ provider, plant }) => {
          await plant(VALUE)
          const answer = await provider.resolve(name, CONTEXT).catch(() => undefined)
          assert.equal(answer, undefined)
        },
      ),
    ),
    rule('lets go twice without complaint', async ({ provider }) => {
      await provider.close()
      await provider.close()
    }),
  ]
}

function telling(rule: Rule): readonly ContractCase[] {
  return [
    rule('tells about itself and its secrets without a value', async ({ provider, plant }) => {
      const name = await plant(VALUE)
      await provider.resolve(name, CONTEXT)
      const { list } = provider.describe()
      const listed = list ? await provider.list?.() : []
      const told = JSON.stringify([provider.describe(), listed, await provider.health(), await provider.info?.(name)])
      assert.ok(!told.includes(JSON.stringify(VALUE.toString()).slice(1, -1)), 'a value was told')
      assert.ok(!told.includes(VALUE.toString('base64').slice(0, 12)), 'a value was told in base64')
    }),
    rule('lists the names that it resolves, sorted', async ({ provider, plant }) => {
      const name = await plant(VALUE)
      if (!provider.describe().list) return
      const names = ((await provider.list?.()) ?? []).map((info) => info.name)
      assert.ok(names.includes(name), `${name} is not listed`)
      assert.deepEqual(names, [...names].sort())
    }),
    rule('is well while its place can be reached', async ({ provider, plant }) => {
      await plant(VALUE)
      assert.equal((await provider.health()).ok, true)
    }),
    rule('throws and is not well when its place cannot be reached', async ({ provider, plant, breakDown }) => {
      if (!breakDown) return
      const name = await plant(VALUE)
      await breakDown()
      const thrown = await provider.resolve(name, CONTEXT).then(
        () => assert.fail('it answered'),
        (error: unknown) => error,
      )
      assert.ok(!`${thrown} ${JSON.stringify(thrown)}`.includes(VALUE.toString()), 'a value was told')
      assert.equal((await provider.health()).ok, false)
    }),
  ]
}

function writing(rule: Rule): readonly ContractCase[] {
  const write = (name: string, check: (world: ProviderWorld, recorded: VaultWritten[]) => Promise<void>) =>
    rule(name, async (world) => {
      if (world.provider.describe().write) await check(world, [])
    })
  const record = (recorded: VaultWritten[]) => async (written: VaultWritten) => {
    recorded.push(written)
  }
  return [
    write('keeps a secret that is put, and records the write once', async ({ provider, absent }, recorded) => {
      await provider.put?.(absent, Buffer.from(VALUE), SCOPE, record(recorded))
      assert.deepEqual((await provider.resolve(absent, CONTEXT))?.value, VALUE)
      assert.deepEqual(
        recorded.map(({ name }) => name),
        [absent],
      )
      assert.ok(!JSON.stringify(recorded).includes(VALUE.toString()), 'a value was recorded')
    }),
    write('rotates a secret that it has', async ({ provider, plant }, recorded) => {
      const name = await plant(VALUE)
      await provider.put?.(name, Buffer.from(OTHER), undefined, record(recorded))
      assert.deepEqual((await provider.resolve(name, CONTEXT))?.value, OTHER)
    }),
    write('does not rotate a secret that it does not have', async ({ provider, absent }, recorded) => {
      const putting = provider.put?.(absent, Buffer.from(OTHER), undefined, record(recorded))
      await assert.rejects(putting ?? Promise.resolve())
      assert.deepEqual(recorded, [])
      assert.equal(await provider.resolve(absent, CONTEXT), undefined)
    }),
    write('resolves a disabled secret no more', async ({ provider, plant }, recorded) => {
      if (!provider.disable) return
      const name = await plant(VALUE)
      await provider.disable(name, record(recorded))
      assert.equal(await provider.resolve(name, CONTEXT), undefined)
      assert.equal(recorded.length, 1)
    }),
    write('removes a secret, from its list too', async ({ provider, plant }, recorded) => {
      if (!provider.remove) return
      const name = await plant(VALUE)
      await provider.remove(name, record(recorded))
      assert.equal(await provider.resolve(name, CONTEXT), undefined)
      const names = ((await provider.list?.()) ?? []).map((info) => info.name)
      assert.ok(!names.includes(name), `${name} is still listed`)
      assert.equal(recorded.length, 1)
    }),
    write('refuses to disable or remove what it does not have', async ({ provider, absent }, recorded) => {
      if (provider.disable) await assert.rejects(provider.disable(absent, record(recorded)))
      if (provider.remove) await assert.rejects(provider.remove(absent, record(recorded)))
      assert.deepEqual(recorded, [])
    }),
  ]
}
