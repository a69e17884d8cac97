// Brings the pipelines that the suite of runs is about, as a pack of a plugin; they call the tools of the bench only.
import { definePlugin, type JsonObject, type Plugin } from 'cloned/kernel'
import { BENCH_TOOLS, type BenchTool, benchTool } from 'cloned/testing'
import { type DefinedSkillPack, skillPacksCollection } from '../skills/slot.js'

type Pipeline = DefinedSkillPack['pipelines'][number]
type Step = Pipeline['steps'][number]

/** As a template writes it. */
const value = (expression: string) => `\${{ ${expression} }}`
const call = (id: string, tool: BenchTool, input: JsonObject, more: Partial<Step> = {}): Step => ({
  id,
  tool: benchTool(tool),
  input,
  ...more,
})
const N = { n: value('inputs.n') }

function pipeline(name: string, steps: readonly Step[], more: Partial<Pipeline> = {}): Pipeline {
  return {
    format: 1,
    id: `bench.pack/${name}`,
    title: name,
    description: 'Belongs to the suite.',
    inputs: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'], additionalProperties: false },
    allowed_tools: [...new Set(steps.flatMap(({ tool = [] }) => tool))],
    steps,
    ...more,
  }
}

const pipelines = () => [
  pipeline('one', [call('only', 'free', N)]),
  pipeline('chain', [call('first', 'free', N), call('second', 'free', { n: value('steps.first.output.n') })], {
    output: { last: value('steps.second.output.n'), text: `n is ${value('steps.first.output.n')}` },
  }),
  pipeline('asked', [call('ask', 'asked', N), call('last', 'free', { n: 0 })]),
  pipeline(
    'question',
    [{ id: 'ask', approval: { message: `Is ${value('inputs.n')} right?`, show: { n: value('inputs.n') } } }],
    { output: { said: value('steps.ask.output') } },
  ),
  pipeline('refused', [call('no', 'refused', N), call('last', 'free', N)]),
  pipeline('skips', [call('no', 'refused', N, { on_denied: 'skip' }), call('last', 'free', N)], {
    output: { no: value('steps.no.output') },
  }),
  pipeline(
    'loop',
    [
      call('all', 'free', { n: value('item') }, { for_each: { items: value('inputs.items') } }),
      call('never', 'free', { n: 0 }, { if: value('length(inputs.items) > 3') }),
    ],
    {
      inputs: {
        type: 'object',
        properties: { items: { type: 'array', items: { type: 'integer' } } },
        required: ['items'],
        additionalProperties: false,
      },
      output: { all: value('steps.all.output'), never: value('steps.never.output') },
    },
  ),
]

/** The pack `bench.pack`. */
export const benchPack: Plugin = definePlugin({
  id: 'bench.pack',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'stable',
  contributes: { packs: skillPacksCollection },
  setup: () => ({
    packs: [
      {
        pack: {
          format: 1 as const,
          id: 'bench.pack',
          version: '1.0.0',
          title: 'Bench',
          description: 'Belongs to the suite.',
          allowed_tools: BENCH_TOOLS.map(benchTool),
        },
        pipelines: pipelines(),
      },
    ],
  }),
})
