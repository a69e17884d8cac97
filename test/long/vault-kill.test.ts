import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { openKeys } from 'cloned/plugins/keys'
import { expect, it } from 'vitest'
import { fileProvider } from '../../plugins/vault-file/provider.js'
import { VaultStore } from '../../plugins/vault-file/vault-store.js'
import { startChild } from '../child.js'
import { USE } from '../plugins/vault-file-fixture.js'

const WORKSPACE = 'ab'.repeat(16)
const ROUNDS = 25

it('writers that are killed at any moment lose nothing that they acknowledged, and leave a vault that opens', async () => {
  const root = mkdtempSync(join(tmpdir(), 'cloned-vault-kill-'))
  try {
    mkdirSync(join(root, 'vault'), { mode: 0o700 })
    const acknowledged: string[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const children = ['a', 'b', 'c'].map((name) => startChild('vault-writer', root, WORKSPACE, `${name}${round}`))
      for (const child of children) acknowledged.push(await child.line())
      await pause(Math.random() * 60)
      await Promise.all(children.map((child) => child.kill()))
      for (const child of children) acknowledged.push(...(await child.rest()))
    }
    const keys = openKeys({
      home: join(root, 'home'),
      workspace: WORKSPACE,
      marker: join(root, 'keys.json'),
      now: Date.now,
    })
    const none = async () => {
      throw new Error('no keychain')
    }
    const store = new VaultStore({
      directory: join(root, 'vault'),
      workspace: WORKSPACE,
      tools: { keys, passphrase: () => undefined, identity: () => undefined, keychain: none },
      lastWrite: async () => undefined,
    })
    const provider = fileProvider(store, Date.now)
    expect(acknowledged.length).toBeGreaterThanOrEqual(3 * ROUNDS)
    for (const name of acknowledged) {
      expect((await provider.resolve(name, USE))?.value.toString()).toBe(`value-of-${name}`)
    }
    const generations = readFileSync(join(root, 'log'), 'utf8').trim().split('\n').map(Number)
    expect(generations).toEqual([...generations].sort((a, b) => a - b))
    expect(new Set(generations).size).toBe(generations.length)
    expect(readdirSync(join(root, 'vault'))).toContain('vault.json')
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
