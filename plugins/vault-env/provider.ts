// Reads secrets from environment variables that the configuration names; must never read any other variable.
import { createHmac, randomBytes } from 'node:crypto'
import type { JsonObject } from 'cloned/kernel'
import type { SecretInfo, VaultProvider } from '../vault/slot.js'

interface EnvConfig {
  /** Secret → variable. */
  readonly variables: Readonly<Record<string, string>>
}

const config: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['variables'],
  properties: {
    variables: {
      type: 'object',
      description: 'The environment variable of each secret.',
      maxProperties: 1000,
      propertyNames: { pattern: '^[a-z0-9][a-z0-9_.-]{0,63}$' },
      additionalProperties: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' },
    },
  },
}

/** `read` answers one variable, now. */
export function envProvider(read: (variable: string) => string | undefined): VaultProvider {
  return {
    name: 'env',
    summary: 'Environment variables, each named in the configuration',
    config,
    async open(given) {
      const variables = new Map(Object.entries((given as unknown as EnvConfig).variables))
      // A variable has no version. Keyed, so that the version tells nobody what the value may be.
      const key = randomBytes(32)
      const versionOf = (value: string) => createHmac('sha256', key).update(value).digest('hex').slice(0, 16)
      const currentOf = (name: string) => {
        const variable = variables.get(name)
        return variable === undefined ? undefined : read(variable)
      }
      return {
        describe: () => ({ where: 'environment variables', list: true, write: false, scopes: false }),
        async resolve(name) {
          const value = currentOf(name)
          return value === undefined ? undefined : { value: Buffer.from(value), version: versionOf(value) }
        },
        async list() {
          const names = [...variables.keys()].sort()
          return names.flatMap((name): SecretInfo[] => {
            const value = currentOf(name)
            if (value === undefined) return []
            const scope = { hosts: [], tools: [], slots: [] }
            return [{ name, scope, version: versionOf(value), state: 'current' }]
          })
        },
        async health() {
          const missing = [...variables]
            .filter(([name]) => currentOf(name) === undefined)
            .map(([, variable]) => variable)
          if (missing.length === 0) return { ok: true, detail: `${variables.size} variables are set` }
          const detail = `of ${variables.size} variables ${missing.length} are not set: ${missing.join(', ')}`
          return { ok: false, detail, help: 'Set them where cloned is started, then start it again.' }
        },
        async close() {
          variables.clear()
        },
      }
    },
  }
}
