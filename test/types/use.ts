// Use that must compile as it stands, with everything inferred: no annotation, no cast.
import {
  type Action,
  afterAction,
  afterToolCall,
  allow,
  ask,
  beforeAction,
  beforeEgress,
  beforeToolCall,
  definePlugin,
  defineTool,
  deny,
  fail,
  filterToolResult,
  gateSlot,
  type Outcome,
  onApprovalDecided,
  onApprovalRequested,
  optional,
  prepareToolCall,
  type ToolCall,
  toolsCollection,
} from 'cloned/kernel'
import { basics, beforeLaunch, checks, clockSlot, config, launch, mailerSlot } from './support.js'

/** Holds only when the two types are one. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <_ extends true>() => undefined

export const everything = definePlugin({
  ...basics,
  requires: { clock: clockSlot, mailer: optional(mailerSlot), gate: gateSlot },
  provides: { mailer: mailerSlot },
  contributes: { tools: toolsCollection },
  owns: { checks },
  taps: [
    beforeToolCall,
    beforeAction,
    beforeEgress,
    beforeLaunch,
    prepareToolCall,
    filterToolResult,
    onApprovalRequested,
    afterToolCall,
    afterAction,
  ],
  fires: [onApprovalDecided],
  executes: [launch],
  config,
  setup({ deps, collected, config, hooks, actions, onStart, onStop, log }) {
    hooks.guard(beforeToolCall, (call) => {
      same<Same<typeof call, ToolCall>>()
      return call.tool.risk === 'high' ? ask('it is dangerous', 'risk') : allow('low risk')
    })
    hooks.guard(beforeAction, async (action) => {
      same<Same<typeof action, Action>>()
      await deps.mailer?.send(action.actor.id)
      return config.hosts.includes(action.target) ? undefined : deny('not listed', { help: 'list it' })
    })
    hooks.guard(beforeEgress, ({ subject }) => (subject.method === 'GET' ? allow() : deny('only GET')))
    hooks.guard(beforeLaunch, ({ rocket }) => {
      if (rocket === '') return deny('which one?')
      if (rocket === 'test') return
      return allow()
    })
    hooks.transform(prepareToolCall, ({ input }) => (input === null ? {} : undefined))
    hooks.transform(filterToolResult, async ({ value, part }) =>
      part === 'error' ? { withhold: 'an error' } : { value: [value] },
    )
    hooks.notify(onApprovalRequested, (request, { signal }) => request.asks.length > 0 && !signal.aborted)
    hooks.observe(afterToolCall, ({ outcome }) => log.info(outcome.status))
    hooks.observe(afterAction, async ({ action }) => log.info(action.target))
    actions.execute(launch, {
      input: { type: 'object' },
      async execute({ rocket }, ctx, action) {
        same<Same<typeof action.input.rocket, string>>()
        const nested = await ctx.act(launch, { target: rocket, input: { rocket } })
        if (nested.status !== 'done') throw fail(nested.status)
        same<Same<typeof nested.output, { readonly height: number }>>()
        const check = await ctx.check(beforeEgress, { url: 'https://example.org/', method: 'GET' })
        return { height: check.allowed ? nested.output.height + 1 : 0 }
      },
    })
    onStart(async () => {
      for (const { plugin, item } of collected.checks()) log.info(`${plugin}: ${item.name} at ${deps.clock.now()}`)
      describe(await deps.gate.call({ tool: 'a.b@v1', input: {} }))
    })
    onStop(() => undefined)
    const tool = defineTool<{ n: number }, { n: number }>({
      id: 'test.types.add@v1',
      title: 'Add',
      description: 'Adds one',
      risk: 'low',
      capability: 'math',
      input: { type: 'object' },
      output: { type: 'object' },
      handler: ({ n }, { signal }) => ({ n: signal.aborted ? n : n + 1 }),
    })
    return { mailer: { send: async () => undefined }, tools: [tool] }
  },
})

/** Every ending is told apart by `status` alone. */
function describe(outcome: Outcome): string {
  switch (outcome.status) {
    case 'done':
      return `${outcome.record.seq} ${JSON.stringify(outcome.output)}`
    case 'denied':
      return `${outcome.code} ${outcome.help}`
    case 'pending':
      return outcome.approval.id
    case 'failed':
      return outcome.effect
    case 'dry-run':
      return outcome.verdict
  }
}

export const nothing = definePlugin({ ...basics, setup: () => {} })
export const oneLine = definePlugin({
  ...basics,
  taps: [beforeToolCall],
  setup: ({ hooks }) => hooks.guard(beforeToolCall, ({ depth }) => (depth > 2 ? deny('too deep') : undefined)),
})
