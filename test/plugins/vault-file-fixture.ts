// A vault file with real keys in a temporary directory, and in the place of the audit log the one record that counts.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StoredRecord } from 'cloned/kernel'
import { openKeys } from 'cloned/plugins/keys'
import type { OpenProvider, RecordWrite, SecretScope } from 'cloned/plugins/vault'
import { fileProvider } from '../../plugins/vault-file/provider.js'
import type { SlotTools } from '../../plugins/vault-file/slots/slot-type.js'
import { VaultStore } from '../../plugins/vault-file/vault-store.js'

export const WORKSPACE = 'ab'.repeat(16)
export const SCOPE: SecretScope = { hosts: ['api.example.com'], tools: ['test.*'], slots: ['header:authorization'] }
export const USE = {
  tool: 'test.get@v1',
  host: 'api.example.com',
  slot: 'header:authorization',
  callId: 'c',
  workspace: WORKSPACE,
}

export interface FileWorld {
  /** The directory of the vault. */
  readonly directory: string
  readonly file: string
  /** What the audit log knows of the last write; a test may set it back. */
  last: StoredRecord | undefined
  readonly record: RecordWrite
  /** Opens it as another process would. */
  open(tools?: Partial<SlotTools>, workspace?: string): OpenProvider
  put(provider: OpenProvider, name: string, value: string): Promise<void>
  /** The value, as a process that starts now would get it. */
  value(name: string, tools?: Partial<SlotTools>): Promise<string | undefined>
  close(): void
}

export function fileWorld(): FileWorld {
  const root = mkdtempSync(join(tmpdir(), 'cloned-vault-file-'))
  const directory = join(root, 'vault')
  mkdirSync(directory, { mode: 0o700 })
  let seq = 0
  const world: FileWorld = {
    directory,
    file: join(directory, 'vault.json'),
    last: undefined,
    async record(written) {
      seq++
      world.last = { seq, hash: '', record: { type: 'vault.write', ...written } }
    },
    open(tools = {}, workspace = WORKSPACE) {
      const keys = openKeys({
        home: join(root, 'home'),
        workspace,
        marker: join(root, `${workspace}.json`),
        now: Date.now,
      })
      const none = async () => {
        throw new Error('no keychain here')
      }
      return fileProvider(
        new VaultStore({
          directory,
          workspace,
          tools: { keys, passphrase: () => undefined, identity: () => undefined, keychain: none, ...tools },
          lastWrite: async () => world.last,
        }),
        Date.now,
      )
    },
    put: async (provider, name, value) => provider.put?.(name, Buffer.from(value), SCOPE, world.record),
    value: async (name, tools) => (await world.open(tools).resolve(name, USE))?.value.toString(),
    close: () => rmSync(root, { recursive: true, force: true }),
  }
  return world
}
