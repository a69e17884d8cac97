// Says how a workspace names its Azure Key Vault; a credential itself never stands in it.
import type { JsonObject } from 'cloned/kernel'

export interface AzureConfig {
  /** `contoso` for contoso.vault.azure.net. */
  readonly vault: string
  readonly tenant: string
  readonly client_id: string
  readonly credential: { readonly secret_env: string } | { readonly assertion_file: string }
  /** Of other clouds. */
  readonly vault_domain?: string
  readonly login_host?: string
  /** Private ranges that the names of vault and login lead to. */
  readonly addresses?: readonly string[]
  /** Secret → its name in the vault, where that is another. */
  readonly names?: Readonly<Record<string, string>>
}

const host: JsonObject = { type: 'string', maxLength: 253, pattern: '^[a-z0-9-]+(\\.[a-z0-9-]+)+$' }

export const azureConfig: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['vault', 'tenant', 'client_id', 'credential'],
  properties: {
    vault: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9-]{2,23}$', description: 'Name of the key vault.' },
    tenant: { type: 'string', pattern: '^[A-Za-z0-9.-]{1,253}$', description: 'Directory (tenant) id.' },
    client_id: { type: 'string', pattern: '^[A-Za-z0-9-]{1,64}$', description: 'Application (client) id.' },
    credential: {
      description: 'What the application proves itself with.',
      oneOf: [
        {
          type: 'object',
          additionalProperties: false,
          required: ['secret_env'],
          properties: {
            secret_env: {
              type: 'string',
              pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$',
              description: 'Environment variable that holds a client secret.',
            },
          },
        },
        {
          type: 'object',
          additionalProperties: false,
          required: ['assertion_file'],
          properties: {
            assertion_file: {
              type: 'string',
              minLength: 1,
              maxLength: 4096,
              description: 'Absolute path of the token of a workload identity; a file that only its owner can read.',
            },
          },
        },
      ],
    },
    vault_domain: { ...host, description: 'Default: vault.azure.net.' },
    login_host: { ...host, description: 'Default: login.microsoftonline.com.' },
    addresses: {
      type: 'array',
      maxItems: 20,
      items: { type: 'string', maxLength: 64 },
      description: 'Private ranges (CIDR) of private endpoints. Default: public addresses only.',
    },
    names: {
      type: 'object',
      description: 'Name of a secret in the key vault, where it is another; needed for names with "_" and ".".',
      maxProperties: 1000,
      propertyNames: { pattern: '^[a-z0-9][a-z0-9_.-]{0,63}$' },
      additionalProperties: { type: 'string', pattern: '^[A-Za-z0-9-]{1,127}$' },
    },
  },
}
