// What a worker asks of the host for a call: how much of it, and what is known of the effect afterwards.
import { ClonedError, fail, type HandlerContext, type Outcome } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { type LiveCall, Services } from '../../plugins/connectors/services.js'
import type { Firewall } from '../../plugins/firewall/slot.js'
import { packageTool } from './connectors-fixture.js'
import { gatePromise } from './runs-fixture.js'

const cut = () => new ClonedError('EGRESS_CANCELLED', { host: 'a.test' })
const refused = () => new ClonedError('EGRESS_RULES', { problems: 'none' })

function world(fetch: () => Promise<unknown>, requests = 100) {
  const firewall = { fetch } as unknown as Firewall
  const services = new Services(firewall, { forRequest: () => ({}) } as never, undefined, { requests })
  const saved: { outcome: Partial<Outcome> } = { outcome: {} }
  const ctx = { callId: 'c1', call: async () => saved.outcome } as unknown as HandlerContext
  const tool = packageTool({ id: 'acme.a.do@v1' })
  const call: LiveCall = { connector: 'acme.a', toolId: tool.id, tool, ctx, reached: 0, requests: 0 }
  const ask = (method: string, params: object) =>
    services
      .request(method, { call_id: 'c1', ...params }, () => call)
      .catch((error: { data?: object }) => error.data ?? error)
  return {
    call,
    saved,
    fetch: () => ask('fetch', { url: 'https://a.test/' }),
    save: () => ask('artifact', { filename: 'a', content: 'a' }),
  }
}

describe('a request of a worker', () => {
  it('that was refused before it left has had no effect; one that may have left has', async () => {
    let error: Error = refused()
    const { call, fetch } = world(() => Promise.reject(error))
    expect(await fetch()).toMatchObject({ code: 'EGRESS_RULES', effect: 'none' })
    expect(call.reached).toBe(0)
    error = cut()
    const sent = await fetch()
    expect(sent).toMatchObject({ code: 'EGRESS_CANCELLED' })
    expect(sent).not.toHaveProperty('effect')
    error = refused()
    await fetch()
    expect(call.reached).toBe(1)
  })

  it('counts as having an effect while it is under way', async () => {
    const gate = gatePromise()
    const { call, fetch } = world(() => gate.opened.then(() => Promise.reject(refused())))
    const asking = fetch()
    expect(call.reached).toBe(1)
    gate.open()
    await asking
    expect(call.reached).toBe(0)
  })

  it.each([
    [{ status: 'denied', reason: '', code: 'X', help: '' }, 0, 'none'],
    [{ status: 'pending' }, 0, 'none'],
    [{ status: 'failed', reason: '', code: 'X', help: '', effect: 'unknown' }, 1, 'unknown'],
    [{ status: 'failed', reason: '', code: 'X', help: '', effect: 'none' }, 1, 'none'],
    [{ status: 'done', output: { id: 'i', path: 'p' } }, 1, undefined],
  ] as const)('to save an artifact that ends as %o', async (outcome, reached, effect) => {
    const { call, save, saved } = world(() => Promise.reject(fail('')))
    saved.outcome = outcome as Partial<Outcome>
    expect(((await save()) as { effect?: string }).effect).toBe(effect)
    expect(call.reached).toBe(reached)
  })

  it('is refused beyond the limit of its call, and does not reach the firewall', async () => {
    let asked = 0
    const { fetch } = world(() => {
      asked++
      return Promise.reject(refused())
    }, 3)
    for (let i = 0; i < 3; i++) expect(await fetch()).toMatchObject({ code: 'EGRESS_RULES' })
    for (let i = 0; i < 3; i++) expect(await fetch()).toMatchObject({ code: 'CONNECTOR_REQUESTS', effect: 'none' })
    expect(asked).toBe(3)
  })
})
