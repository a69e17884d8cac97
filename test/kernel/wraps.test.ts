import {
  auditSlot,
  createKernel,
  type Distribution,
  defineDistribution,
  definePlugin,
  type Plugin,
  plan,
  slot,
} from 'cloned/kernel'
import { faultMatrix, pluginContract } from 'cloned/testing'
import { describe, expect, it } from 'vitest'
import { allowAll, auditPlugin, basics, counter, quiet, started, toolsPlugin } from './support.js'

interface Words {
  say(): string
}
const words = slot<Words>('test.words', { contract: 1 })

const owner = definePlugin({
  id: 'test.words',
  ...basics,
  provides: { words },
  setup: () => ({ words: { say: () => 'word' } }),
})

/** Puts what is inside of it between brackets of its own. */
function brackets(id: string, [open, close]: readonly [string, string]): Plugin {
  return definePlugin({
    id,
    ...basics,
    wraps: { words },
    setup: ({ inner }) => ({ words: { say: () => `${open}${inner.words.say()}${close}` } }),
  })
}
const round = brackets('test.round', ['(', ')'])
const square = brackets('test.square', ['[', ']'])

function of(plugins: readonly Plugin[], more: Partial<Distribution> = {}) {
  return defineDistribution({ name: 'test', version: '1.0.0', plugins, mayAllow: [], ...more })
}

function boot(distribution: Distribution) {
  return createKernel(distribution, { log: () => quiet, osUser: 'tester' })
}

describe('a wrapped slot', () => {
  const bothWays: readonly (readonly [wrap: readonly string[], said: string])[] = [
    [['test.round', 'test.square'], '[(word)]'],
    [['test.square', 'test.round'], '([word])'],
  ]
  it.each(bothWays)('is wrapped in the order of the distribution, innermost first: %j', (wrap, said) => {
    for (const plugins of [
      [owner, round, square],
      [square, round, owner],
    ]) {
      expect(
        boot(of(plugins, { wrap: { 'test.words': wrap } }))
          .service(words)
          .say(),
      ).toBe(said)
    }
  })

  it('is what every plugin that requires it gets, wherever the plugins stand in the list', () => {
    const said: string[] = []
    const user = definePlugin({
      id: 'test.user',
      ...basics,
      requires: { words },
      setup: ({ deps }) => void said.push(deps.words.say()),
    })
    boot(of([user, round, owner], { wrap: { 'test.words': ['test.round'] } }))
    expect(said).toEqual(['(word)'])
  })

  it('keeps its owner, and the plan says who wraps it', () => {
    const report = plan(of([owner, round, square], { wrap: { 'test.words': ['test.square', 'test.round'] } }))
    expect(report.problems).toEqual([])
    expect(report.owners['test.words']).toBe('test.words')
    expect(report.wraps).toEqual({ 'test.words': ['test.square', 'test.round'] })
    expect(report.plugins.map(({ id }) => id)).toEqual(['test.words', 'test.square', 'test.round'])
    expect(report.plugins.at(-1)?.wraps).toEqual(['test.words'])
  })

  it('stays wrapped when its owner is replaced', () => {
    const other = definePlugin({
      id: 'test.other',
      ...basics,
      provides: { words },
      setup: () => ({ words: { say: () => 'other' } }),
    })
    const distribution = of([owner, other, round], {
      replace: { 'test.words': 'test.other' },
      wrap: { 'test.words': ['test.round'] },
    })
    expect(boot(distribution).service(words).say()).toBe('(other)')
  })

  it('starts inside out and stops outside in', async () => {
    const steps: string[] = []
    const living = (plugin: Plugin): Plugin => ({
      ...plugin,
      setup(ctx) {
        ctx.onStart(() => void steps.push(`start ${plugin.manifest.id}`))
        ctx.onStop(() => void steps.push(`stop ${plugin.manifest.id}`))
        return plugin.setup(ctx)
      },
    })
    const kernel = boot(of([living(round), living(owner)], { wrap: { 'test.words': ['test.round'] } }))
    await kernel.start()
    await kernel.stop()
    expect(steps).toEqual(['start test.words', 'start test.round', 'stop test.round', 'stop test.words'])
  })

  it('is refused where its wrapper returns nothing for it', () => {
    const empty = definePlugin({ id: 'test.round', ...basics, wraps: { words }, setup: () => ({}) as never })
    expect(() => boot(of([owner, empty], { wrap: { 'test.words': ['test.round'] } }))).toThrow(
      expect.objectContaining({ code: 'PROVIDES_MISSING' }),
    )
  })
})

describe('a wrapper', () => {
  it('keeps the contract of plugins', async () => {
    const rules = pluginContract(round, { needs: [owner], distribution: { wrap: { 'test.words': ['test.round'] } } })
    for (const rule of rules) await rule.run()
  })

  /** A second place for every record; the first one's answer counts. */
  function copying(copies: unknown[]): Plugin {
    return definePlugin({
      id: 'test.copying',
      ...basics,
      wraps: { audit: auditSlot },
      setup: ({ inner: { audit } }) => ({
        audit: {
          append(record) {
            copies.push(record)
            return audit.append(record)
          },
          token: (field, canonical) => audit.token(field, canonical),
          find: (id, from) => audit.find(id, from),
          calls: (instances) => audit.calls(instances),
          latest: (type) => audit.latest(type),
          scan: (from) => audit.scan(from),
        },
      }),
    })
  }
  const wrap = { [auditSlot.id]: ['test.copying'] }

  it('of the audit log fails closed wherever it fails', async () => {
    const { tool, ran } = counter()
    const distribution = of([allowAll, auditPlugin(), toolsPlugin([tool]), copying([])], {
      wrap,
      mayAllow: ['test.policy'],
    })
    const cases = faultMatrix(
      distribution,
      async (given) => {
        const kernel = boot(given)
        await kernel.start()
        const call = () => ({ tool: tool.id, input: { a: 1, b: 2 } })
        return { kernel, call, ran: () => ran.length, dispose: () => kernel.stop() }
      },
      { plugin: 'test.copying' },
    )
    expect(cases.length).toBeGreaterThan(6)
    for (const rule of cases) await rule.run()
  })

  it('of the audit log sees every record of the gate', async () => {
    const copies: unknown[] = []
    const { tool } = counter()
    const plugins = [allowAll, auditPlugin(), toolsPlugin([tool]), copying(copies)]
    const kernel = await started(plugins, { wrap })
    expect(await kernel.call({ tool: tool.id, input: { a: 1, b: 2 } })).toMatchObject({ status: 'done' })
    expect(copies).toMatchObject([{ type: 'tool.intent' }, { type: 'tool.outcome' }])
    await kernel.stop()
  })
})
