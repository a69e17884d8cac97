// Misuse that must not compile: each expectation fails the type check when the compiler accepts the line below it.
import {
  afterToolCall,
  allow,
  beforeAction,
  beforeToolCall,
  ClonedError,
  definePlugin,
  filterToolResult,
  onApprovalRequested,
  optional,
  prepareToolCall,
  type Reserve,
  reserveToolCall,
  type Slot,
  slot,
} from 'cloned/kernel'
import { basics, checks, clockSlot, config, launch, type Mailer, mailerSlot } from './support.js'

// -- dependencies ----------------------------------------------------------------------------------------------------

definePlugin({
  ...basics,
  requires: { clock: clockSlot },
  setup({ deps }) {
    deps.clock.now()
    // @ts-expect-error a service that the manifest does not require
    deps.mailer
    // @ts-expect-error a method that the service does not have
    deps.clock.tick()
  },
})

definePlugin({
  ...basics,
  requires: { clock: optional(clockSlot) },
  setup({ deps }) {
    // @ts-expect-error an optional service used without a check
    deps.clock.now()
  },
})

definePlugin({
  ...basics,
  setup({ deps }) {
    // @ts-expect-error nothing is required, so nothing is there
    deps.clock
  },
})

// -- verdicts --------------------------------------------------------------------------------------------------------

definePlugin({
  ...basics,
  taps: [beforeToolCall],
  setup({ hooks }) {
    // @ts-expect-error true is no verdict
    hooks.guard(beforeToolCall, () => true)
    // @ts-expect-error a text is no verdict
    hooks.guard(beforeToolCall, () => 'allow')
    // @ts-expect-error null is no verdict
    hooks.guard(beforeToolCall, () => null)
    // @ts-expect-error an effect that does not exist
    hooks.guard(beforeToolCall, () => ({ effect: 'perhaps' }))
    // @ts-expect-error a deny without a reason
    hooks.guard(beforeToolCall, () => ({ effect: 'deny' as const }))
    // @ts-expect-error an ask without a key
    hooks.guard(beforeToolCall, () => ({ effect: 'ask' as const, reason: 'sure?' }))
    // @ts-expect-error a promise of something that is no verdict
    hooks.guard(beforeToolCall, async () => true)
    // @ts-expect-error one branch is no verdict
    hooks.guard(beforeToolCall, (call) => (call.depth > 0 ? allow() : false))
    // @ts-expect-error a field that the action does not have
    hooks.guard(beforeToolCall, (call) => (call.approved ? allow() : undefined))
    hooks.guard(beforeToolCall, (call) => {
      // @ts-expect-error an action is read only
      call.input = {}
      return undefined
    })
  },
})

// -- hooks -----------------------------------------------------------------------------------------------------------

definePlugin({
  ...basics,
  taps: [prepareToolCall, afterToolCall, reserveToolCall, onApprovalRequested, filterToolResult],
  setup({ hooks }) {
    // @ts-expect-error a guard on a hook that is not declared
    hooks.guard(beforeToolCall, () => allow())
    // @ts-expect-error a transform registered as a guard
    hooks.guard(prepareToolCall, () => allow())
    // @ts-expect-error a reserve registered as an observer
    hooks.observe(reserveToolCall, () => {})
    // @ts-expect-error an observer that is not declared
    hooks.observe(beforeAction, () => {})
    // @ts-expect-error a reserve without its methods
    hooks.reserve(reserveToolCall, { peek: async () => ({ ok: true as const, token: null }) })
    // @ts-expect-error a channel says true or false
    hooks.notify(onApprovalRequested, () => 'delivered')
    // @ts-expect-error a filter replaces or withholds, it does not answer the bare value
    hooks.transform(filterToolResult, ({ value }) => value)
    // @ts-expect-error a hook that is not listed under fires
    hooks.fire(afterToolCall, undefined as never)
  },
})

// @ts-expect-error a reserve must be able to restore
export const half: Reserve = {
  peek: async () => ({ ok: true, token: null }),
  take: async () => ({ ok: true, token: null }),
  settle: async () => undefined,
  unsettled: async () => [],
  settledUpTo: async () => 0,
}

// -- what setup returns ----------------------------------------------------------------------------------------------

definePlugin({
  ...basics,
  provides: { clock: clockSlot, mailer: mailerSlot },
  // @ts-expect-error a slot is missing
  setup: () => ({ clock: { now: () => 0 } }),
})

definePlugin({
  ...basics,
  provides: { clock: clockSlot },
  // @ts-expect-error a service of the wrong type
  setup: () => ({ clock: { now: () => 'noon' } }),
})

definePlugin({
  ...basics,
  provides: { clock: clockSlot },
  // @ts-expect-error nothing is returned
  setup: () => {},
})

definePlugin({
  ...basics,
  contributes: { checks },
  // @ts-expect-error an item of the wrong type
  setup: () => ({ checks: [{ title: 'disk' }] }),
})

definePlugin({
  ...basics,
  provides: { clock: clockSlot },
  // @ts-expect-error setup is synchronous
  setup: async () => ({ clock: { now: () => 0 } }),
})

// @ts-expect-error a slot of one service is no slot of another
export const wrongSlot: Slot<Mailer> = clockSlot

// -- kinds and configuration -----------------------------------------------------------------------------------------

definePlugin({
  ...basics,
  executes: [launch],
  setup({ actions }) {
    actions.execute(launch, {
      input: { type: 'object' },
      // @ts-expect-error an output of the wrong type
      execute: ({ rocket }) => ({ height: rocket }),
    })
  },
})

definePlugin({
  ...basics,
  setup({ actions }) {
    // @ts-expect-error a kind that is not listed under executes
    actions.execute(launch, { input: {}, execute: () => ({ height: 1 }) })
  },
})

definePlugin({
  ...basics,
  config,
  setup({ config }) {
    config.hosts.map((host) => host.toLowerCase())
    // @ts-expect-error a key that the configuration does not have
    config.host
    // @ts-expect-error a value of another type
    config.hosts.toFixed()
    // @ts-expect-error a configuration is read only
    config.hosts = []
  },
})

// -- errors ----------------------------------------------------------------------------------------------------------

new ClonedError('TOOL_UNKNOWN', { tool: 'a', near: '' })
// @ts-expect-error a code that is not in the table
new ClonedError('TOOL_UNKNOWABLE', {})
// @ts-expect-error a parameter is missing
new ClonedError('TOOL_UNKNOWN', { tool: 'a' })
// @ts-expect-error a parameter too many
new ClonedError('TOOL_UNKNOWN', { tool: 'a', near: '', extra: 'b' })
// @ts-expect-error a parameter that is no text
new ClonedError('TOOL_UNKNOWN', { tool: {}, near: '' })

// -- wraps -----------------------------------------------------------------------------------------------------------

definePlugin({
  ...basics,
  wraps: { clock: clockSlot },
  setup({ inner, deps }) {
    // @ts-expect-error a service that the manifest does not wrap
    inner.mailer
    // @ts-expect-error what is wrapped is inside, not among the dependencies
    deps.clock
    return { clock: { now: () => inner.clock.now() + 1 } }
  },
})

definePlugin({
  ...basics,
  wraps: { clock: clockSlot },
  // @ts-expect-error a wrapper that returns another service
  setup: () => ({ clock: { tick: () => 0 } }),
})

definePlugin({
  ...basics,
  wraps: { clock: clockSlot },
  // @ts-expect-error a wrapper that returns nothing
  setup: () => ({}),
})

slot<Mailer, 'test.mailer'>('test.mailer', {
  contract: 2,
  // @ts-expect-error an adapter with one way only
  previous: { up: (before: { post(to: string): void }) => ({ send: async (to: string) => before.post(to) }) },
})
