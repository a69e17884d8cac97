// The rules of a plugin that runs, as cases: setup, start, votes and end; every case has a kernel and a setting of its own.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { LazyContext } from '../deadline.js'
import type { Distribution } from '../distribution.js'
import { describeThrown } from '../errors.js'
import { createKernel } from '../kernel.js'
import type { Kernel } from '../kernel-contract.js'
import { plan } from '../plan.js'
import type { Plugin } from '../plugin.js'
import { parseVerdict } from '../verdict.js'
import type { ContractCase } from './case.js'
import { fuzzedSubjects } from './fuzzed-actions.js'
import type { PluginContractOptions } from './plugin-contract.js'
import { distributionOf } from './plugin-manifest.js'
import { keepingLogger, type Seen, seenTwin } from './seen-twin.js'

/** How long a handle may take to be gone after a stop: closing a worker or a file is not done at once. */
const LEAK_MS = 2_000

/** Timers of the test runner come and go: a leak is what more than half of so many lives have left behind. */
const LIVES = 6

interface Bench {
  readonly kernel: Kernel
  readonly seen: Seen
  readonly lines: string[]
}

async function inKernel(
  plugin: Plugin,
  options: PluginContractOptions,
  work: (bench: Bench) => Promise<void>,
): Promise<void> {
  const setting = (await options.setting?.()) ?? {}
  const { twin, seen } = seenTwin(plugin)
  const lines: string[] = []
  const runtime = { log: keepingLogger(lines), ...(setting.config ? { config: setting.config } : {}) }
  try {
    const kernel = createKernel(distributionOf(twin, options), runtime)
    try {
      await work({ kernel, seen, lines })
    } finally {
      await kernel.stop()
    }
  } finally {
    await setting.dispose?.()
  }
}

export function setupRules(plugin: Plugin, options: PluginContractOptions): ContractCase[] {
  const { manifest } = plugin
  const registered = async (): Promise<readonly string[]> => {
    let found: readonly string[] = []
    await inKernel(plugin, options, async ({ seen }) => {
      found = seen.registered
    })
    return found
  }
  return [
    {
      name: 'its setup registers the same every time, and exactly what it declares',
      async run() {
        const first = await registered()
        assert.deepEqual(await registered(), first)
        const named = (start: string) =>
          first.filter((line) => line.startsWith(start)).map((line) => line.split(' ')[1])
        const { provides, wraps, contributes } = manifest
        const returned = [provides, wraps, contributes].flatMap((record) => Object.keys(record))
        assert.deepEqual(named('return ').sort(), returned.sort())
        assert.deepEqual(named('execute ').sort(), manifest.executes.map(({ id }) => id).sort())
        const taps = ['transform ', 'guard ', 'reserve ', 'notify ', 'observe '].flatMap(named)
        assert.deepEqual(taps.sort(), manifest.taps.map(({ id }) => id).sort())
      },
    },
  ]
}

export function lifeRules(plugin: Plugin, options: PluginContractOptions): ContractCase[] {
  return [
    {
      name: 'it stops without having started',
      run: () => inKernel(plugin, options, ({ kernel }) => kernel.stop()),
    },
    {
      name: 'it starts, and stops a second time',
      run: () =>
        inKernel(plugin, options, async ({ kernel }) => {
          await kernel.start()
          await kernel.stop()
          await kernel.stop()
        }),
    },
    {
      name: 'it starts again in a new kernel after it was stopped',
      async run() {
        const setting = (await options.setting?.()) ?? {}
        const fixed: PluginContractOptions = { ...options, setting: () => ({ ...setting, dispose: () => undefined }) }
        try {
          for (const _ of [1, 2]) await inKernel(plugin, fixed, ({ kernel }) => kernel.start())
        } finally {
          await setting.dispose?.()
        }
      },
    },
    {
      name: 'it lives in two kernels at once',
      run: () =>
        inKernel(plugin, options, async (one) => {
          await one.kernel.start()
          await inKernel(plugin, options, (other) => other.kernel.start())
        }),
    },
    {
      name: 'it leaves no timer, handle, thread or request behind',
      async run() {
        // Once before, so that what is loaded and kept for good is there already.
        const live = () => inKernel(plugin, options, ({ kernel }) => kernel.start())
        await live()
        const before = resources()
        for (let n = 0; n < LIVES; n++) await live()
        const until = Date.now() + LEAK_MS
        while (leaked(before).length > 0 && Date.now() < until) await sleep(5)
        assert.deepEqual(leaked(before), [])
      },
    },
  ]
}

export function guardRules(plugin: Plugin, options: PluginContractOptions): ContractCase[] {
  if (!plugin.manifest.taps.some(({ kind }) => kind === 'guard' || kind === 'check')) return []
  return [
    {
      name: 'its guards vote the same twice on whatever they see, and neither throw nor change it',
      run: () =>
        inKernel(plugin, options, async ({ kernel, seen }) => {
          await kernel.start()
          for (const { hook, handler } of seen.guards) {
            for (const subject of fuzzedSubjects(hook)) {
              const votes = [await handler(subject, new LazyContext()), await handler(subject, new LazyContext())]
              const text = JSON.stringify(subject).slice(0, 500)
              assert.notEqual(parseVerdict(votes[0]), 'invalid', `${hook.id} on ${text}`)
              assert.deepEqual(votes[1], votes[0], `${hook.id} on ${text}`)
            }
          }
        }),
    },
  ]
}

export function secretRules(plugin: Plugin, options: PluginContractOptions, canary: string): ContractCase[] {
  return [
    {
      name: 'its configured secret appears in no log line and in no error',
      async run() {
        assert.ok(JSON.stringify(options.config ?? null).includes(canary), 'the canary is not in the configuration')
        const texts: string[] = []
        try {
          await inKernel(plugin, options, async ({ kernel, lines }) => {
            await kernel.start()
            texts.push(...lines, JSON.stringify(kernel.plan()))
          })
        } catch (error) {
          texts.push(describeThrown(error))
        }
        const broken: Distribution = distributionOf(plugin, options, {
          ...(options.config as object),
          'no-such-key-0': canary,
        })
        texts.push(...plan(broken).problems.map((problem) => JSON.stringify(problem)))
        for (const text of texts) assert.ok(!text.includes(canary), text.replaceAll(canary, '<canary>'))
      },
    },
  ]
}

/** What keeps a process alive, by kind. */
function resources(): Map<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

function leaked(before: ReadonlyMap<string, number>): string[] {
  return [...resources()].filter(([kind, count]) => count - (before.get(kind) ?? 0) > LIVES / 2).map(([kind]) => kind)
}
