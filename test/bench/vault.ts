// What a secret costs: from a warm cache, and decrypted anew against the bare key derivation and cipher.
import { createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openKeys } from 'cloned/plugins/keys'
import type { SecretContext } from 'cloned/plugins/vault'
import { Grants } from '../../plugins/vault/bind.js'
import { Resolver } from '../../plugins/vault/resolve.js'
import { seal } from '../../plugins/vault-file/crypto.js'
import { fileProvider } from '../../plugins/vault-file/provider.js'
import { VaultStore } from '../../plugins/vault-file/vault-store.js'
import { interleave, type Row, ratio, us } from './harness.js'

const WORKSPACE = 'ab'.repeat(16)

export async function vaultBench(): Promise<Row[]> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-bench-vault-'))
  mkdirSync(join(root, 'vault'), { mode: 0o700 })
  const none = async () => {
    throw new Error('no keychain')
  }
  const store = new VaultStore({
    directory: join(root, 'vault'),
    workspace: WORKSPACE,
    tools: {
      keys: openKeys({
        home: join(root, 'home'),
        workspace: WORKSPACE,
        marker: join(root, 'keys.json'),
        now: Date.now,
      }),
      passphrase: () => undefined,
      identity: () => undefined,
      keychain: none,
    },
    lastWrite: async () => undefined,
  })
  const provider = fileProvider(store, Date.now)
  const scope = { hosts: ['api.example.com'], tools: ['acme.*'], slots: ['header:authorization'] }
  for (let i = 0; i < 100; i++) await provider.put?.(`name-${i}`, randomBytes(40), scope, async () => undefined)
  const context: SecretContext = {
    tool: 'acme.github.get@v1',
    host: 'api.example.com',
    slot: 'header:authorization',
    callId: 'call',
    workspace: WORKSPACE,
    check: () => ({ allowed: true, ballot: [] }),
  }
  const resolver = new Resolver({
    provider: async () => ({ name: 'file', provider, info: async (name) => provider.info?.(name) }),
    listeners: () => [],
    grants: new Grants({ now: Date.now, plaintextLoopback: false }),
    workspace: () => WORKSPACE,
    log: { info: () => undefined },
    now: Date.now,
  })
  const [dek, salt] = [randomBytes(32), randomBytes(32)]
  const key = () => Buffer.from(hkdfSync('sha256', dek, salt, 'info', 32))
  const sealed = seal(key(), { of: 'the same size' }, randomBytes(40))
  const raw = () => {
    const decipher = createDecipheriv('aes-256-gcm', key(), Buffer.from(sealed.iv, 'base64'))
    decipher.setAAD(Buffer.from('{"of":"the same size"}')).setAuthTag(Buffer.from(sealed.tag, 'base64'))
    return Buffer.concat([decipher.update(Buffer.from(sealed.ct, 'base64')), decipher.final()])
  }
  try {
    const times = await interleave(
      [
        {
          name: 'warm',
          run: async (n) => {
            for (let i = 0; i < n; i++) await resolver.resolve('name-7', context)
          },
        },
        {
          name: 'cold',
          run: async (n) => {
            for (let i = 0; i < n; i++) {
              resolver.forget()
              await resolver.resolve('name-7', context)
            }
          },
        },
        {
          name: 'raw',
          run: (n) => {
            for (let i = 0; i < n; i++) raw()
          },
        },
      ],
      5_000,
    )
    const [warm, cold, bare] = ['warm', 'cold', 'raw'].map((name) => times.get(name) ?? Number.NaN) as [
      number,
      number,
      number,
    ]
    return [
      { what: 'vault: resolve, warm', measured: us(warm), figure: warm, target: '≤ 5 µs', met: warm <= 5 },
      ratio(
        'vault: resolve, decrypted anew, vs HKDF + AES-GCM',
        cold / bare,
        { atMost: 2 },
        `${us(cold)} vs ${us(bare)}`,
      ),
    ]
  } finally {
    store.close()
    rmSync(root, { recursive: true, force: true })
  }
}
