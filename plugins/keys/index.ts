// Owns the keys of the workspace, kept in files outside of it; it wires, and must never touch the disk before start.
import { ClonedError, configHome, configSchema, definePlugin } from 'cloned/kernel'
import { workspaceSlot } from '../workspace/slot.js'
import { openKeys } from './keys.js'
import { type Keys, keysSlot } from './slot.js'

export { type KeysOptions, openKeys } from './keys.js'
export * from './slot.js'

const config = configSchema<{ readonly home?: string }>({
  type: 'object',
  additionalProperties: false,
  properties: {
    home: {
      type: 'string',
      minLength: 1,
      maxLength: 4096,
      description: "Absolute path of the directory for keys, instead of the user's configuration directory.",
    },
  },
})

export const keysPlugin = definePlugin({
  id: 'cloned.keys',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Signing and MAC keys of the workspace, in files outside of it',
  requires: { workspace: workspaceSlot },
  provides: { keys: keysSlot },
  config,
  setup({ deps: { workspace }, config, now, onStart, onStop }) {
    let opened: Keys | undefined
    const keys = (): Keys => {
      if (!opened) throw new ClonedError('KERNEL_STATE', { action: 'use the keys', state: 'stopped' })
      return opened
    }
    onStart(() => {
      const home = config.home ?? configHome()
      opened = openKeys({ home, workspace: workspace.config.id, marker: workspace.path('keys.json'), now })
    })
    onStop(() => {
      opened = undefined
    })
    const service: Keys = {
      signer: async (purpose) => keys().signer(purpose),
      mac: async (purpose) => keys().mac(purpose),
      rotate: async (purpose, kind) => keys().rotate(purpose, kind),
      signingKey: async (purpose, kid) => keys().signingKey(purpose, kid),
      publicKey: async (purpose, kid) => keys().publicKey(purpose, kid),
      macKey: async (purpose, kid) => keys().macKey(purpose, kid),
    }
    return { keys: service }
  },
})
