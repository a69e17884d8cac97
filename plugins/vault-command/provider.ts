// Asks a program for secrets that the configuration names; nothing that a tool or an agent says must reach its arguments.
import { createHmac, randomBytes } from 'node:crypto'
import { ClonedError, type JsonObject } from 'cloned/kernel'
import type { VaultProvider } from '../vault/slot.js'
import { CommandProblem, runCommand } from './run.js'

interface CommandConfig {
  /** Program and arguments; `{ref}` in an argument stands for the reference of the secret. */
  readonly command: readonly [string, ...string[]]
  /** Secret → what the program calls it. */
  readonly secrets: Readonly<Record<string, string>>
  readonly take?: 'all' | 'first-line'
  readonly environment?: readonly string[]
  readonly timeout_ms?: number
}

/** What programs need to find their user's files, session and agents; credentials are not among them. */
const ENVIRONMENT = [
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'TERM', 'TMPDIR', 'DISPLAY', 'WAYLAND_DISPLAY', 'GPG_TTY'],
  ...['XDG_RUNTIME_DIR', 'XDG_CONFIG_HOME', 'XDG_DATA_HOME', 'DBUS_SESSION_BUS_ADDRESS', 'GNUPGHOME', 'SSH_AUTH_SOCK'],
  ...['SystemRoot', 'USERPROFILE', 'APPDATA', 'LOCALAPPDATA'],
]
const TIMEOUT_MS = 30_000

const config: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['command', 'secrets'],
  properties: {
    command: {
      type: 'array',
      description: 'The program and its arguments. {ref} in an argument stands for the reference of the secret.',
      minItems: 1,
      maxItems: 64,
      items: { type: 'string', maxLength: 4096, pattern: '^[^\\u0000]*$' },
      contains: { type: 'string', pattern: '\\{ref\\}' },
    },
    secrets: {
      type: 'object',
      description: 'What the program calls each secret. None may begin with "-", which programs take for an option.',
      maxProperties: 1000,
      propertyNames: { pattern: '^[a-z0-9][a-z0-9_.-]{0,63}$' },
      additionalProperties: { type: 'string', maxLength: 1024, pattern: '^[^-\\u0000-\\u001f][^\\u0000-\\u001f]*$' },
    },
    take: {
      enum: ['all', 'first-line'],
      description: 'Which part of the output is the secret; all of it but one line end at its end by default.',
    },
    environment: {
      type: 'array',
      description: 'Further environment variables that the program gets.',
      maxItems: 64,
      items: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' },
    },
    timeout_ms: { type: 'integer', minimum: 100, maximum: 120000, description: 'Default: 30000.' },
  },
}

/** `read` answers one environment variable, now. */
export function commandProvider(read: (variable: string) => string | undefined): VaultProvider {
  return {
    name: 'command',
    summary: 'Any program that prints a secret: 1Password, pass, gopass and others',
    config,
    async open(given) {
      const {
        command,
        secrets,
        take = 'all',
        environment = [],
        timeout_ms: timeoutMs = TIMEOUT_MS,
      } = given as unknown as CommandConfig
      const [program, ...template] = command
      if (program.includes('{ref}')) throw failed(program, 'its name must not hold {ref}')
      const references = new Map(Object.entries(secrets))
      // Programs tell no version. Keyed, so that the version tells nobody what the value may be.
      const key = randomBytes(32)

      const ask = async (reference: string): Promise<Buffer> => {
        // Not by `replace`, which reads "$&" in a reference.
        const args = template.map((argument) => argument.split('{ref}').join(reference))
        const env = Object.fromEntries(
          [...ENVIRONMENT, ...environment].flatMap((name) => {
            const value = read(name)
            return value === undefined ? [] : [[name, value]]
          }),
        )
        try {
          return secretOf(await runCommand({ program, args, env, timeoutMs }), take)
        } catch (error) {
          if (error instanceof CommandProblem) throw failed(program, error.message)
          throw error
        }
      }
      return {
        describe: () => ({ where: `program ${program}`, list: true, write: false, scopes: false }),
        async resolve(name) {
          const reference = references.get(name)
          if (reference === undefined) return undefined
          const value = await ask(reference)
          return { value, version: createHmac('sha256', key).update(value).digest('hex').slice(0, 16) }
        },
        list: async () =>
          [...references.keys()].sort().map((name) => {
            const scope = { hosts: [], tools: [], slots: [] }
            return { name, scope, version: '', state: 'current' }
          }),
        async health() {
          const [first] = references.values()
          if (first === undefined) return { ok: true, detail: 'the configuration names no secret' }
          try {
            ;(await ask(first)).fill(0)
            return { ok: true, detail: `${program} answers` }
          } catch (error) {
            if (!(error instanceof ClonedError)) throw error
            return { ok: false, detail: error.message, help: error.help }
          }
        },
        async close() {
          references.clear()
        },
      }
    },
  }
}

/** The output without one line end, or its first line. The rest of the output is wiped. */
function secretOf(output: Buffer, take: 'all' | 'first-line'): Buffer {
  const feed = take === 'first-line' ? output.indexOf(10) : output.at(-1) === 10 ? output.length - 1 : -1
  let end = feed < 0 ? output.length : feed
  if (feed > 0 && output[feed - 1] === 13) end--
  const value = Buffer.from(output.subarray(0, end))
  output.fill(0)
  if (value.length === 0) throw new CommandProblem('it printed nothing')
  return value
}

function failed(program: string, problem: string): ClonedError {
  return new ClonedError('VAULT_PROVIDER_FAILED', { provider: 'command', problem: `"${program}": ${problem}` })
}
