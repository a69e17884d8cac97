// Holds lists of tools that change while the kernel runs to what of them may be kept, and a call to telling its id first.
import { type Action, allow, definePlugin, defineTool, type Tool, toolSourcesCollection } from 'cloned/kernel'
import { memoryAudit } from 'cloned/testing'
import { describe, expect, it } from 'vitest'
import { auditPlugin, guardPlugin, started, toolBasics } from './support.js'

const tool = (name: string, says = name): Tool =>
  defineTool({ ...toolBasics, id: `far.${name}.do@v1`, title: says, handler: () => says })

async function opened(list: () => readonly Tool[], seen: (action: Action) => void = () => undefined) {
  const source = definePlugin({
    id: 'test.far',
    version: '1.0.0',
    kernel: '^0.1.0',
    contributes: { sources: toolSourcesCollection },
    toolPrefixes: ['far.'],
    setup: () => ({ sources: [{ prefix: 'far.', list }] }),
  })
  const voter = guardPlugin('test.policy', (action) => {
    seen(action)
    return allow()
  })
  return started([voter, auditPlugin(memoryAudit()), source])
}

describe('a list of tools', () => {
  it.each([
    ['that can still be changed', (tools: Tool[]) => tools],
    ['that is frozen and replaced', (tools: Tool[]) => Object.freeze([...tools])],
    ['that is frozen only after it was read', (tools: Tool[]) => tools],
  ])('%s is as it is now at every call', async (how, given) => {
    const tools = [tool('one'), tool('two')]
    const kernel = await opened(() => given(tools))
    const call = async (name: string) => (await kernel.call({ tool: `far.${name}.do@v1`, input: {} })).status
    expect([await call('one'), await call('two'), await call('three')]).toEqual(['done', 'done', 'denied'])
    tools.splice(0, 1, tool('three'))
    if (how.includes('only after')) Object.freeze(tools)
    expect([await call('one'), await call('two'), await call('three')]).toEqual(['denied', 'done', 'done'])
    expect(kernel.tools().map(({ id }) => id)).toEqual(['far.three.do@v1', 'far.two.do@v1'])
    await kernel.stop()
  })

  it('that is frozen is looked through once', async () => {
    let looks = 0
    const tools = new Proxy([tool('one')], {
      get(target, key, receiver) {
        if (key === Symbol.iterator) looks++
        return Reflect.get(target, key, receiver)
      },
    })
    Object.freeze(tools)
    const kernel = await opened(() => tools)
    for (let i = 0; i < 3; i++) await kernel.call({ tool: 'far.one.do@v1', input: {} })
    kernel.tools()
    expect(looks).toBe(1)
    await kernel.stop()
  })

  it('has one tool of an id, the same to look at and to call', async () => {
    const twins = [tool('one', 'first'), tool('one', 'second')]
    const kernel = await opened(() => twins)
    expect(kernel.tools().map(({ title }) => title)).toEqual(['first'])
    expect(await kernel.call({ tool: 'far.one.do@v1', input: {} })).toMatchObject({ output: 'first' })
    await kernel.stop()
  })
})

describe('the id of a call', () => {
  it('is told before anybody votes, and stands in the outcome', async () => {
    const order: string[] = []
    const kernel = await opened(
      () => [tool('one')],
      ({ callId }) => void order.push(`voted ${callId}`),
    )
    const onCallId = (callId: string) => void order.push(`told ${callId}`)
    const { callId } = await kernel.call({ tool: 'far.one.do@v1', input: {} }, { onCallId })
    expect(order).toEqual([`told ${callId}`, `voted ${callId}`])
    await kernel.stop()
  })

  it('denies the call when whoever is told it throws', async () => {
    let voted = false
    const kernel = await opened(
      () => [tool('one')],
      () => {
        voted = true
      },
    )
    const onCallId = () => {
      throw new Error('broken')
    }
    expect(await kernel.call({ tool: 'far.one.do@v1', input: {} }, { onCallId })).toMatchObject({ status: 'denied' })
    expect(voted).toBe(false)
    await kernel.stop()
  })
})
