// The smallest distribution that runs anything: who records, and who allows; a host adds its own tools.
import { allow, auditSlot, beforeToolCall, configSchema, defineDistribution, definePlugin } from 'cloned/kernel'
import { auditKeys, openAuditLog } from 'cloned/plugins/audit'
import { openKeys } from 'cloned/plugins/keys'

/** What a host needs to add its tools. */
export { definePlugin, defineTool, toolsCollection } from 'cloned/kernel'

const OURS = { version: '1.0.0', kernel: '^0.1.0', stability: 'stable' } as const

/** Owns the audit slot, with the log that the built-in plugin keeps, in a directory of the host's. */
const audit = definePlugin({
  id: 'acme.audit',
  ...OURS,
  description: 'A durable, hash-chained and signed log in one directory.',
  provides: { audit: auditSlot },
  config: configSchema<{ readonly directory: string; readonly keys: string }>({
    type: 'object',
    additionalProperties: false,
    required: ['directory', 'keys'],
    properties: {
      directory: { type: 'string', minLength: 1, description: 'Where the log is.' },
      keys: { type: 'string', minLength: 1, description: 'Where its keys are: not where the log is.' },
    },
  }),
  setup({ config: { directory, keys: home }, onStart, onStop, now }) {
    const keys = openKeys({ home, workspace: 'minimal', marker: `${directory}/keys.json`, now })
    let log: ReturnType<typeof openAuditLog> | undefined
    const opened = () => {
      log ??= openAuditLog({ dir: directory, thread: 'inline', keys: auditKeys(keys, 'minimal'), now })
      return log
    }
    onStart(() => opened().ready())
    onStop(() => log?.close())
    return {
      audit: {
        append: (record) => opened().append(record),
        token: (field, canonical) => opened().token(field, canonical),
        find: (id, from) => opened().find(id, from),
        calls: (instances) => opened().calls(instances),
        latest: (type) => opened().latest(type),
        scan: (from) => opened().scan(from),
      },
    }
  },
})

/** The policy: a tool that is not named is denied, for nobody else's `allow` counts. */
const policy = definePlugin({
  id: 'acme.policy',
  ...OURS,
  description: 'Allows the tools that its configuration names.',
  taps: [beforeToolCall],
  config: configSchema<{ readonly allow: readonly string[] }>({
    type: 'object',
    additionalProperties: false,
    properties: { allow: { type: 'array', items: { type: 'string' }, default: [] } },
  }),
  setup({ config, hooks }) {
    hooks.guard(beforeToolCall, ({ target }) => (config.allow.includes(target) ? allow('it is named') : undefined))
  },
})

export default defineDistribution({
  name: 'acme-minimal',
  version: '1.0.0',
  plugins: [audit, policy],
  mayAllow: ['acme.policy'],
  requireGuards: { beforeToolCall: ['acme.policy'] },
})
