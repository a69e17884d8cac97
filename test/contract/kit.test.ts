import {
  allow,
  auditSlot,
  beforeToolCall,
  configSchema,
  createKernel,
  type Distribution,
  defineDistribution,
  definePlugin,
  type GuardAnswer,
  type Plugin,
} from 'cloned/kernel'
import { type FaultSubject, faultMatrix, memoryAudit, type PluginContractOptions, pluginContract } from 'cloned/testing'
import { describe, expect, it } from 'vitest'
import { basics, counter, quiet, toolsPlugin } from '../kernel/support.js'

// biome-ignore lint/suspicious/noExplicitAny: plugins that break rules have to be built around the types
type Any = any

function p(fields: object, setup: (ctx: Any) => unknown): Plugin {
  return definePlugin({ id: 'test.subject', ...basics, ...fields, setup } as Any)
}

/** The names of the rules that a plugin breaks. */
async function broken(plugin: Plugin, options?: PluginContractOptions): Promise<string[]> {
  const names: string[] = []
  for (const rule of pluginContract(plugin, options)) {
    await rule.run().catch(() => names.push(rule.name))
  }
  return names
}

const SECRET = 'canary-4711'
const keyed = configSchema<{ key: string }>({
  type: 'object',
  additionalProperties: false,
  properties: { key: { type: 'string', maxLength: 100 } },
})
const loose = configSchema<object>({ type: 'object', properties: {} })

const guard = (vote: (call: Any) => unknown): Plugin =>
  p({ taps: [beforeToolCall] }, ({ hooks }) => hooks.guard(beforeToolCall, vote as () => GuardAnswer))

function flips(): Plugin {
  let turn = 0
  return guard(() => (turn++ % 2 === 0 ? undefined : allow()))
}

let setups = 0
const timers: NodeJS.Timeout[] = []
const shared = { open: false }

const rows: [what: string, rule: RegExp, plugin: Plugin, options?: PluginContractOptions][] = [
  ['has a version that is none', /^its manifest names/, p({ version: 'new' }, () => {})],
  [
    'lists a hook twice',
    /nothing twice/,
    p({ taps: [beforeToolCall, beforeToolCall] }, ({ hooks }) => hooks.guard(beforeToolCall, () => undefined)),
  ],
  ['requires what nobody provides', /plans without/, p({ requires: { audit: auditSlot } }, () => {})],
  ['takes unknown configuration', /unknown key/, p({ config: loose }, () => {})],
  [
    'takes a bad configuration',
    /at \/key/,
    p({ config: keyed }, () => {}),
    { badConfigs: [[{ key: 'fine' }, '/key']] },
  ],
  [
    'registers something else every second time',
    /registers the same/,
    p({}, ({ onStart }) => void (setups++ % 2 && onStart(() => {}))),
  ],
  ['cannot stop without a start', /without having started/, stopper(({ up }) => up)],
  ['cannot stop at all', /starts, and stops a second time/, stopper(() => false)],
  [
    'keeps state outside of its setup',
    /two kernels at once/,
    p({}, ({ onStart, onStop }) => {
      onStart(() => {
        if (shared.open) throw new Error('open already')
        shared.open = true
      })
      onStop(() => {
        shared.open = false
      })
    }),
  ],
  [
    'leaves a timer',
    /leaves no timer/,
    p({}, ({ onStart }) => onStart(() => void timers.push(setInterval(() => {}, 60_000)))),
  ],
  ['has a guard that throws', /^its guards/, guard(({ input }) => (input.path.includes('..') ? undefined : undefined))],
  ['has a guard that answers junk', /^its guards/, guard(() => true)],
  [
    'has a guard that writes on the action',
    /^its guards/,
    guard((call) => void Object.assign(call.input, { seen: true })),
  ],
  ['has a guard that counts', /^its guards/, flips()],
  [
    'logs its secret',
    /^its configured secret/,
    p({ config: keyed }, ({ config, log, onStart }) => onStart(() => log.debug('started', { config }))),
    { config: { key: SECRET }, canary: SECRET },
  ],
  [
    'throws its secret',
    /^its configured secret/,
    p({ config: keyed }, ({ config, onStart }) =>
      onStart(() => {
        throw new Error(`no such key: ${config.key}`)
      }),
    ),
    { config: { key: SECRET }, canary: SECRET },
  ],
]

function stopper(may: (state: { up: boolean }) => boolean): Plugin {
  return p({}, ({ onStart, onStop }) => {
    const state = { up: false }
    onStart(() => Object.assign(state, { up: true }))
    onStop(() => {
      if (!may(state)) throw new Error('not up')
    })
  })
}

describe('the contract of plugins', () => {
  it('is kept by a plugin that does nothing wrong', async () => {
    const good = p({ taps: [beforeToolCall], config: keyed }, ({ hooks, onStart, onStop, log }) => {
      let timer: NodeJS.Timeout | undefined
      hooks.guard(beforeToolCall, ({ depth }: { depth: number }) => (depth > 3 ? allow() : undefined))
      onStart(() => {
        timer = setInterval(() => {}, 60_000)
        log.info('started')
      })
      onStop(() => clearInterval(timer))
    })
    const badConfigs = [[{ key: 1 }, '/key']] as const
    expect(await broken(good, { config: { key: SECRET }, canary: SECRET, badConfigs })).toEqual([])
  })

  it.each(rows)('is broken by a plugin that %s', async (_, rule, plugin, options) => {
    const names = await broken(plugin, options)
    for (const timer of timers.splice(0)) clearInterval(timer)
    expect(names.filter((name) => rule.test(name))).toHaveLength(1)
  })
})

describe('the fault matrix', () => {
  const policy = definePlugin({
    id: 'test.policy',
    ...basics,
    taps: [beforeToolCall],
    setup: ({ hooks }) => hooks.guard(beforeToolCall, () => allow()),
  })
  const audit = definePlugin({
    id: 'test.audit',
    ...basics,
    provides: { audit: auditSlot },
    setup: () => ({ audit: memoryAudit() }),
  })
  const { tool, ran } = counter()
  const distribution = defineDistribution({
    name: 'test',
    version: '1.0.0',
    plugins: [policy, audit, toolsPlugin([tool])],
    mayAllow: ['test.policy'],
  })

  async function make(given: Distribution): Promise<FaultSubject> {
    const kernel = createKernel(given, { log: () => quiet, osUser: 'tester' })
    await kernel.start()
    return {
      kernel,
      call: () => ({ tool: tool.id, input: { a: 1, b: 2 } }),
      ran: () => ran.length,
      dispose: () => kernel.stop(),
    }
  }

  it('has cases for every plugin on the path, and passes where the kernel holds', async () => {
    const cases = faultMatrix(distribution, make)
    const places = new Set(cases.map(({ name }) => name.split(': ')[0]))
    expect([...places]).toEqual([
      'test.policy on beforeToolCall',
      'test.audit in cloned.audit.append of the intent',
      'test.audit in cloned.audit.append of the outcome',
    ])
    for (const rule of cases) await rule.run()
  })

  it('passes no case in which the fault did not occur', async () => {
    for (const rule of faultMatrix(distribution, () => make(distribution))) {
      await expect(rule.run(), rule.name).rejects.toThrow()
    }
  })
})
