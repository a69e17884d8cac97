// Says how a workspace names its OpenBao server; a token itself never stands in it.
import type { JsonObject } from 'cloned/kernel'

export interface OpenbaoConfig {
  readonly address: string
  readonly token: { readonly env: string } | { readonly file: string }
  readonly mount?: string
  readonly namespace?: string
  readonly prefix?: string
  readonly field?: string
  /** Secrets that stand elsewhere than `<prefix><name>`. */
  readonly secrets?: Readonly<Record<string, { readonly path: string; readonly field?: string }>>
  readonly timeout_ms?: number
  /** Private ranges that the name of the server leads to. */
  readonly addresses?: readonly string[]
}

/** No empty part, and none that a server or a proxy on the way could take for another directory. */
const PATH = '^(?!\\.{1,2}(/|$))[A-Za-z0-9_.-]+(/(?!\\.{1,2}(/|$))[A-Za-z0-9_.-]+)*$'
const path: JsonObject = { type: 'string', maxLength: 512, pattern: PATH }
const field: JsonObject = { type: 'string', minLength: 1, maxLength: 128 }

export const openbaoConfig: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['address', 'token'],
  properties: {
    address: {
      type: 'string',
      maxLength: 512,
      pattern: '^https?://[^/?#@]+$',
      description: 'https, without a path. http only for a loopback address, written as one: http://127.0.0.1:8200.',
    },
    token: {
      description: 'Where the token is: an environment variable, or a file that only its owner can read.',
      oneOf: [
        {
          type: 'object',
          additionalProperties: false,
          required: ['env'],
          properties: { env: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' } },
        },
        {
          type: 'object',
          additionalProperties: false,
          required: ['file'],
          properties: { file: { type: 'string', minLength: 1, maxLength: 4096, description: 'Absolute path.' } },
        },
      ],
    },
    mount: { ...path, description: 'Path of the KV engine, version 2. Default: secret.' },
    namespace: path,
    prefix: { ...path, description: 'Directory of the secrets below the mount. Default: cloned.' },
    field: { ...field, description: 'Field that holds the value. Default: value.' },
    secrets: {
      type: 'object',
      description: 'Secrets that stand elsewhere than below the prefix. They are only read.',
      maxProperties: 1000,
      propertyNames: { pattern: '^[a-z0-9][a-z0-9_.-]{0,63}$' },
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        required: ['path'],
        properties: { path, field },
      },
    },
    addresses: {
      type: 'array',
      maxItems: 20,
      items: { type: 'string', maxLength: 64 },
      description: 'Private ranges (CIDR) that the name of the server leads to. Default: public addresses only.',
    },
    timeout_ms: { type: 'integer', minimum: 100, maximum: 120000, description: 'Default: 10000.' },
  },
}
