// Brings the provider `file`: it wires the vault file to keys and audit log, and touches the disk when it is opened.
import { auditSlot, configSchema, definePlugin, type JsonObject, readPrivateFile } from 'cloned/kernel'
import { keysSlot } from '../keys/slot.js'
import { type VaultProvider, vaultProvidersCollection } from '../vault/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import type { Keychain } from './slots/slot-type.js'

/** Files that open the vault where no key of the workspace does; absolute paths, outside the workspace, mode 0600. */
export interface VaultFileConfig {
  readonly passphraseFile?: string
  /** An age identity. */
  readonly identityFile?: string
}

const path: JsonObject = { type: 'string', minLength: 1, maxLength: 4096 }
const config = configSchema<VaultFileConfig>({
  type: 'object',
  additionalProperties: false,
  properties: {
    passphraseFile: {
      ...path,
      description: 'Absolute path of a file with the passphrase of a scrypt or argon2id slot.',
    },
    identityFile: { ...path, description: 'Absolute path of a file with the age identity of an age slot.' },
  },
})

export const vaultFilePlugin = definePlugin({
  id: 'cloned.vault-file',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Keeps secrets encrypted in .cloned/vault/vault.json; the key lies outside the workspace',
  requires: { workspace: workspaceSlot, keys: keysSlot, audit: auditSlot },
  contributes: { providers: vaultProvidersCollection },
  config,
  setup({ deps: { workspace, keys, audit }, config, now }) {
    const provider: VaultProvider = {
      name: 'file',
      summary: 'An encrypted file in the workspace, opened by a key outside of it',
      config: { type: 'object', additionalProperties: false },
      async open() {
        const [{ VaultStore }, { fileProvider }] = await Promise.all([
          import('./vault-store.js'),
          import('./provider.js'),
        ])
        const store = new VaultStore({
          directory: workspace.path('vault'),
          workspace: workspace.config.id,
          tools: {
            keys,
            passphrase: () => fileBytes(config.passphraseFile),
            identity: () => fileBytes(config.identityFile)?.toString('utf8').trim().split('\n').at(-1),
            keychain,
          },
          lastWrite: () => audit.latest('vault.write'),
        })
        return fileProvider(store, now)
      },
    }
    return { providers: [provider] }
  },
})

/** Without the line end that an editor puts after it. */
function fileBytes(file: string | undefined): Buffer | undefined {
  const bytes = file === undefined ? undefined : readPrivateFile(file, { maxBytes: 64 * 1024 })
  if (bytes?.at(-1) !== 10) return bytes
  return bytes.subarray(0, bytes.at(-2) === 13 ? -2 : -1)
}

async function keychain(): Promise<Keychain> {
  // Not installed with the package: named at run time, so that nobody needs it to compile or to start.
  const name = '@napi-rs/keyring'
  return (await import(name)) as Keychain
}
