// A channel that tells a program of approval requests; it only delivers, and must never decide nor hold up a call.
import {
  configSchema,
  definePlugin,
  describeThrown,
  environmentVariable,
  onApprovalRequested,
  optional,
  scrubberSlot,
} from 'cloned/kernel'
import { onApprovalEscalated } from '../approvals/slot.js'
import { messageOf } from './message.js'
import { runHook } from './run.js'

interface Config {
  /** Absolute path. Without one the plugin does nothing. */
  readonly program?: string
  readonly args: readonly string[]
  /** Names of the environment variables that it gets. */
  readonly environment: readonly string[]
  readonly timeoutMs: number
}

const config = configSchema<Config>({
  type: 'object',
  additionalProperties: false,
  properties: {
    program: {
      type: 'string',
      description: 'Absolute path of the program. It gets the request as JSON on standard input.',
      maxLength: 4096,
      pattern: '^(/|[A-Za-z]:[\\\\/])[^\\u0000]*$',
    },
    args: {
      type: 'array',
      description: 'Its arguments, as they are: no shell reads them.',
      default: [],
      maxItems: 64,
      items: { type: 'string', maxLength: 4096, pattern: '^[^\\u0000]*$' },
    },
    environment: {
      type: 'array',
      description: 'Names of the environment variables that the program gets; none by default.',
      default: [],
      maxItems: 64,
      items: { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' },
    },
    timeoutMs: { type: 'integer', default: 3000, minimum: 100, maximum: 4000, description: 'Then it is killed.' },
  },
})

/** Runs the configured program for every request, and again when one is escalated. Without one it does nothing. */
export const approvalsCommandPlugin = definePlugin({
  id: 'cloned.approvals-command',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Tells a program of your choice about approval requests: a desktop notice, a message, a page.',
  requires: { scrubber: optional(scrubberSlot) },
  taps: [onApprovalRequested, onApprovalEscalated],
  config,
  setup({ deps: { scrubber }, config: { program, args, environment, timeoutMs }, hooks, log }) {
    const tell = async (message: ReturnType<typeof messageOf>): Promise<boolean> => {
      if (program === undefined) return false
      const env = environment.flatMap((name) => {
        const value = environmentVariable(name)
        return value === undefined ? [] : [[name, value] as const]
      })
      try {
        const input = JSON.stringify(scrubber?.json(message, 'approvals-command') ?? message)
        await runHook({ program, args, env: Object.fromEntries(env), timeoutMs, input })
        return true
      } catch (error) {
        log.warn('the approvals program did not take a request', { program, cause: describeThrown(error) })
        return false
      }
    }
    hooks.notify(onApprovalRequested, (request) => tell(messageOf('requested', request)))
    hooks.observe(
      onApprovalEscalated,
      async ({ request, role }) => void (await tell(messageOf('escalated', request, role))),
    )
    return {}
  },
})
