// The provider that keeps secrets encrypted in the workspace; it answers values and metadata, and judges no use of them.
import type { OpenProvider } from '../vault/slot.js'
import { disableSecret, infoOf, openSecret, putSecret, removeSecret } from './changes.js'
import { secretOf } from './document.js'
import { createKeySlots } from './key-slots.js'
import type { VaultStore } from './vault-store.js'

export function fileProvider(store: VaultStore, now: () => number): OpenProvider {
  return {
    describe: () => ({ where: store.path, list: true, write: true, scopes: true }),
    async resolve(name) {
      const open = await store.read()
      const value = open && openSecret(open.file, open.dek, name, store.path)
      return value && { value, version: String(secretOf(open.file, name)?.current) }
    },
    async info(name) {
      const open = await store.read()
      const secret = open && secretOf(open.file, name)
      return secret && infoOf(name, secret)
    },
    async list() {
      const open = await store.read()
      return Object.entries(open?.file.secrets ?? {}).map(([name, secret]) => infoOf(name, secret))
    },
    put: (name, value, scope, record) =>
      store.write((body, dek) => putSecret(body, dek, { name, value, scope, now: now() }), record),
    disable: (name, record) => store.write((body) => disableSecret(body, name), record),
    remove: (name, record) => store.write((body) => removeSecret(body, name), record),
    async health() {
      const open = await store.read()
      if (!open) return { ok: true, detail: 'no secrets yet; the first one makes the vault' }
      const { slots, secrets, generation } = open.file
      const count = Object.keys(secrets).length
      const opener = slots.find(({ id }) => id === open.by)?.type ?? '?'
      return {
        ok: true,
        detail: `${count} secret${count === 1 ? '' : 's'}, generation ${generation}, opened by ${opener}`,
      }
    },
    keySlots: createKeySlots(store),
    accept: (record) => store.accept(record),
    async export(recipient) {
      // The library is loaded by the first export only.
      const { armoredFor } = await import('./slots/age.js')
      const open = await store.read()
      const secrets: Record<string, unknown> = {}
      for (const [name, secret] of Object.entries(open?.file.secrets ?? {})) {
        const value = open && openSecret(open.file, open.dek, name, store.path)
        const { scope, version, state } = infoOf(name, secret)
        secrets[name] = { version, state, ...scope, ...(value ? { value_base64: value.toString('base64') } : {}) }
        value?.fill(0)
      }
      const plain = Buffer.from(`${JSON.stringify({ schema: 'cloned.vault-export/v1', secrets }, null, 2)}\n`)
      try {
        return await armoredFor(recipient, plain)
      } finally {
        plain.fill(0)
      }
    },
    stamp: () => store.stamp(),
    close: async () => store.close(),
  }
}
