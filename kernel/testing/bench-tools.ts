// Brings tools into the kernel of a suite whose verdict and effect are known; what they do is the suite's to say.
import type { HandlerContext } from '../contracts.js'
import { beforeToolCall } from '../hooks.js'
import type { Json, JsonObject } from '../json.js'
import { definePlugin, type Plugin } from '../plugin.js'
import { defineTool, toolsCollection } from '../tool.js'
import { ask, deny } from '../verdict.js'

/** `free` is let through, `asked` asks a person, `refused` is denied. */
export const BENCH_TOOLS = ['free', 'asked', 'refused'] as const
export type BenchTool = (typeof BENCH_TOOLS)[number]

/** `bench.free.run@v1` */
export const benchTool = (name: BenchTool): string => `bench.${name}.run@v1`

export interface Bench {
  readonly plugins: readonly Plugin[]
  /** What ran, in order: the tool and who called it. */
  readonly ran: { readonly tool: BenchTool; readonly actor: string; readonly input: JsonObject }[]
  /** What the tools do. They answer their input when not set. */
  effect: (input: JsonObject, ctx: HandlerContext) => Json | Promise<Json>
}

/** Tools, and the plugins `more` beside them. */
export function benchTools(...more: readonly Plugin[]): Bench {
  const tool = (name: BenchTool) =>
    defineTool<JsonObject, Json>({
      id: benchTool(name),
      title: name,
      description: 'Does what the suite says',
      input: { type: 'object' },
      output: {},
      risk: 'low',
      capability: 'bench.run',
      handler(input, ctx) {
        bench.ran.push({ tool: name, actor: ctx.actor.id, input })
        return bench.effect(input, ctx)
      },
    })
  const plugin = definePlugin({
    id: 'bench.tools',
    version: '1.0.0',
    kernel: '^0.1.0',
    stability: 'stable',
    contributes: { tools: toolsCollection },
    taps: [beforeToolCall],
    setup({ hooks }) {
      hooks.guard(beforeToolCall, ({ target }) => {
        if (target === benchTool('asked')) return ask('the suite has a person asked', 'bench')
        return target === benchTool('refused') ? deny('the suite refuses it', { code: 'BENCH_REFUSED' }) : undefined
      })
      return { tools: BENCH_TOOLS.map(tool) }
    },
  })
  const bench: Bench = { plugins: [plugin, ...more], ran: [], effect: (input) => input }
  return bench
}
