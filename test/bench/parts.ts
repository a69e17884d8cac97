// The plugins and the tool that the benches run on.
import { createHmac, createSecretKey } from 'node:crypto'
import {
  type AuditLog,
  allow,
  auditSlot,
  beforeToolCall,
  definePlugin,
  defineTool,
  type Plugin,
  sha256,
  toolsCollection,
} from 'cloned/kernel'

const basics = { version: '1.0.0', kernel: '^0.1.0' } as const

export const INPUT = Object.freeze({
  path: 'docs/guide.md',
  lines: [1, 2, 3],
  note: 'a note of usual length for a call',
})

/** Does nothing, with an ordinary contract. */
export const noop = defineTool({
  id: 'bench.noop.run@v1',
  title: 'No-op',
  description: 'Does nothing',
  risk: 'low',
  capability: 'bench',
  input: {
    type: 'object',
    properties: {
      path: { type: 'string', maxLength: 1000 },
      lines: { type: 'array', items: { type: 'integer' } },
      note: { type: 'string' },
    },
    required: ['path'],
    additionalProperties: false,
  },
  output: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
  handler: () => ({ ok: true }),
})

export const noopPlugin = definePlugin({
  id: 'bench.tools',
  ...basics,
  contributes: { tools: toolsCollection },
  setup: () => ({ tools: [noop] }),
})

const KEY = createSecretKey(Buffer.alloc(32, 7))

export function hmac(text: string): string {
  return createHmac('sha256', KEY).update(text).digest('hex')
}

/** Chains like the real log and keeps nothing, so that what is measured is not the garbage collector. */
export function chainOnly(): AuditLog {
  let prev = '0'.repeat(64)
  let seq = 0
  return {
    append: async (record) => {
      seq++
      prev = sha256(`{"v":1,"seq":${seq},"prev":"${prev}",${JSON.stringify(record).slice(1)}\n`)
      return { seq, hash: prev, durable: true }
    },
    token: (field, canonical) => `hmac-sha256:bench:${hmac(`cloned.audit.v1\0${field}\0${canonical}`)}`,
    find: async () => [],
    calls: async () => [],
    latest: async () => undefined,
    async *scan() {},
  }
}

export function auditOf(log: AuditLog): Plugin {
  return definePlugin({ id: 'bench.audit', ...basics, provides: { audit: auditSlot }, setup: () => ({ audit: log }) })
}

/** Guards that look at the call; the first one allows, the rest abstain. */
export function guards(count: number): readonly Plugin[] {
  return Array.from({ length: count }, (_, i) =>
    definePlugin({
      id: `bench.guard${i}`,
      ...basics,
      taps: [beforeToolCall],
      setup: ({ hooks }) =>
        hooks.guard(beforeToolCall, (call) => (i === 0 && call.tool.risk === 'low' ? allow('bench') : undefined)),
    }),
  )
}
