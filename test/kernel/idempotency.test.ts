import { type Action, allow, defineTool } from 'cloned/kernel'
import { memoryAudit } from 'cloned/testing'
import { describe, expect, it } from 'vitest'
import { auditPlugin, guardPlugin, started, toolBasics, toolsPlugin } from './support.js'

async function opened() {
  const log = memoryAudit()
  const seen: Pick<Action, 'target' | 'origin'>[] = []
  const keys: unknown[] = []
  const inner = defineTool({
    ...toolBasics,
    id: 'test.key.inner@v1',
    handler: (_, ctx) => {
      keys.push(ctx.idempotencyKey)
      return null
    },
  })
  const outer = defineTool({
    ...toolBasics,
    id: 'test.key.outer@v1',
    handler: async (_, ctx) => {
      keys.push(ctx.idempotencyKey)
      await ctx.call(inner.id, {})
      return null
    },
  })
  const watching = guardPlugin('test.policy', (action) => {
    seen.push({ target: action.target, ...(action.origin === undefined ? {} : { origin: action.origin }) })
    return allow()
  })
  const kernel = await started([watching, auditPlugin(log), toolsPlugin([inner, outer])])
  return { kernel, log, seen, keys, outer: outer.id, inner: inner.id }
}

describe('the idempotency key of a call', () => {
  it('is in its records, its own handler reads it, and guards of what is called inside know whose it is', async () => {
    const { kernel, log, seen, keys, outer, inner } = await opened()
    const { callId } = await kernel.call({ tool: outer, input: {} }, { idempotencyKey: 'run_1/a[3]' })
    const records = await log.find(callId)
    expect(records.map(({ record }) => record['idempotency_key'])).toEqual(['run_1/a[3]', 'run_1/a[3]'])
    expect(keys).toEqual(['run_1/a[3]', undefined])
    expect(seen).toEqual([
      { target: outer, origin: 'run_1/a[3]' },
      { target: inner, origin: 'run_1/a[3]' },
    ])
    await kernel.stop()
  })

  it('is nowhere when none is given', async () => {
    const { kernel, log, seen, keys, outer } = await opened()
    const { callId } = await kernel.call({ tool: outer, input: {} })
    for (const { record } of await log.find(callId)) expect(record).not.toHaveProperty('idempotency_key')
    expect(keys).toEqual([undefined, undefined])
    expect(seen.map(({ origin }) => origin)).toEqual([undefined, undefined])
    await kernel.stop()
  })

  it.each(['', 'two words', 'line\nfeed', 'ü', 'x'.repeat(1001), 7, null])(
    'denies the call when it is %j',
    async (key) => {
      const { kernel, keys, outer } = await opened()
      const options = { idempotencyKey: key as string }
      expect(await kernel.call({ tool: outer, input: {} }, options)).toMatchObject({
        status: 'denied',
        code: 'OPTIONS_INVALID',
      })
      expect(keys).toEqual([])
      await kernel.stop()
    },
  )
})
