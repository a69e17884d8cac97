// The state of the vault over HTTP: where it is and whether it is well; no value and no name of a secret.
import type { ApiPart } from '../api/slot.js'
import type { Vault } from './slot.js'

const STATUS = {
  title: 'VaultStatus',
  type: 'object',
  required: ['provider', 'where', 'ok', 'detail'],
  properties: {
    provider: { type: 'string' },
    where: { type: 'string' },
    ok: { type: 'boolean' },
    detail: { type: 'string' },
    help: { type: 'string' },
  },
  examples: [{ provider: 'file', where: '.cloned/vault/vault.json', ok: true, detail: '3 secrets' }],
} as const

export function vaultPart(vault: Pick<Vault, 'describe' | 'health'>): ApiPart {
  return {
    tag: 'vault',
    register(app) {
      app.get('/vault/status', {
        schema: {
          operationId: 'getVaultStatus',
          summary: 'Where the secrets are and whether they can be had',
          response: { 200: STATUS },
        },
        config: { scope: 'vault:read' },
        handler: async () => {
          const { provider, where } = await vault.describe()
          return { provider, where, ...(await vault.health()) }
        },
      })
    },
  }
}
