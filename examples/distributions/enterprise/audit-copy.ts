// A second sink of the audit log: what the first made durable is copied; an action whose copy fails is not carried out.
import { appendFileSync, closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { auditSlot, configSchema, definePlugin } from 'cloned/kernel'

const config = configSchema<{ readonly file?: string }>({
  type: 'object',
  additionalProperties: false,
  properties: {
    file: { type: 'string', minLength: 1, description: 'Absolute path, on a disk that this machine cannot rewrite.' },
  },
})

/** Wraps the log of the built-in plugin, which goes on to decide what is written and how it is chained. */
export const auditCopy = definePlugin({
  id: 'acme.audit-copy',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'stable',
  description: 'Copies every record of the audit log to a second disk.',
  wraps: { audit: auditSlot },
  config,
  setup({ inner: { audit }, config: { file }, onStop }) {
    let opened: number | undefined
    const descriptor = (path: string) => {
      if (opened !== undefined) return opened
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      opened = openSync(path, 'a', 0o600)
      return opened
    }
    onStop(() => {
      if (opened !== undefined) closeSync(opened)
      opened = undefined
    })
    return {
      audit: {
        async append(record) {
          const receipt = await audit.append(record)
          if (file === undefined) return receipt
          appendFileSync(descriptor(file), `${JSON.stringify({ ...receipt, record })}\n`)
          fsyncSync(descriptor(file))
          return receipt
        },
        token: (field, canonical) => audit.token(field, canonical),
        find: (id, from) => audit.find(id, from),
        calls: (instances) => audit.calls(instances),
        latest: (type) => audit.latest(type),
        scan: (from) => audit.scan(from),
      },
    }
  },
})
