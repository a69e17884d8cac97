// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of pipelines are spelled like those of JavaScript
import { compileSchema, type Json, type JsonObject, snapshot, type ToolContract } from 'cloned/kernel'
import { definePipeline, defineSkillPack, type PipelineDocument, type StepDocument } from 'cloned/plugins/skills'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runProblems } from '../../plugins/skills/check-tools.js'
import { readDefined } from '../../plugins/skills/define.js'
import { misfits } from '../../plugins/skills/fits.js'
import { linkPipeline } from '../../plugins/skills/link.js'
import { mustRun } from '../../plugins/skills/ready.js'
import { templateShape, UNKNOWN } from '../../plugins/skills/shape.js'
import type { Pipeline } from '../../plugins/skills/slot.js'

const entries = {
  type: 'array',
  items: { type: 'object', required: ['path'], properties: { path: { type: 'string' } } },
}
const TOOLS: readonly ToolContract[] = [
  tool(
    'acme.files.list@v1',
    { path: { type: 'string', minLength: 1 } },
    { entries, count: { type: 'integer' } },
    { capability: 'fs.read', idempotent: true },
  ),
  tool(
    'acme.files.read@v1',
    { path: { type: 'string' }, kind: { enum: ['text', 'bytes'] } },
    { content: { type: 'string' } },
    { capability: 'fs.read', idempotent: true },
  ),
  tool('acme.files.send@v1', { to: { type: 'string' }, count: { type: 'integer' } }, {}, { capability: 'net.send' }),
]

function tool(id: string, input: JsonObject, output: JsonObject, more: Partial<ToolContract>): ToolContract {
  const closed = (properties: JsonObject) => ({ type: 'object', properties, additionalProperties: false })
  return {
    id,
    title: id,
    description: id,
    input: closed(input),
    output: { ...closed(output), required: Object.keys(output) },
    risk: 'low',
    capability: 'test',
    idempotent: false,
    cost: {},
    timeoutMs: 1000,
    ...more,
  }
}

function pipeline(steps: readonly StepDocument[], more: Partial<PipelineDocument> = {}): PipelineDocument {
  return {
    format: 1,
    id: 'acme.report',
    title: 'Report',
    description: '',
    inputs: { type: 'object', required: ['dir'], properties: { dir: { type: 'string' } }, additionalProperties: false },
    allowed_tools: TOOLS.map(({ id }) => id),
    steps,
    ...more,
  }
}

const PACK = {
  format: 1,
  id: 'acme.report',
  version: '1.0.0',
  title: 'R',
  description: '',
  allowed_tools: TOOLS.map(({ id }) => id),
} as const

function linked(documents: readonly PipelineDocument[], pack = {}): Pipeline {
  const { pipelines } = readDefined(defineSkillPack({ ...PACK, ...pack }, documents))
  const known = new Map(pipelines.map(({ part }) => [part.id, part]))
  const first = linkPipeline(pipelines[0]?.part as never, known)
  if ('problems' in first) throw new Error(first.problems.map(({ message }) => message).join('; '))
  return first.pipeline
}

/** What running it would report. */
function problems(steps: readonly StepDocument[], pack = {}): string[] {
  const whole = linked([pipeline(steps)], pack)
  const tools = new Map(TOOLS.map((each) => [each.id, each]))
  return runProblems(whole, { tools, parts: whole.parts }).map(({ at, message }) => `/${at.join('/')} ${message}`)
}

const list: StepDocument = { id: 'list', tool: 'acme.files.list@v1', input: { path: '${{ inputs.dir }}' } }

describe('what a step is given', () => {
  it.each<[string, readonly StepDocument[], readonly string[]]>([
    [
      'values that fit',
      [list, { id: 'read', tool: 'acme.files.read@v1', input: { path: '${{ steps.list.output.entries[0].path }}' } }],
      [],
    ],
    [
      'an object where a text is taken',
      [list, { id: 'read', tool: 'acme.files.read@v1', input: { path: '${{ steps.list.output.entries }}' } }],
      ['/steps/1/input/path is array where string is taken'],
    ],
    [
      'a literal of another type',
      [{ id: 'send', tool: 'acme.files.send@v1', input: { to: 5 } }],
      ['/steps/0/input/to is integer where string is taken'],
    ],
    [
      'a text where a number is taken',
      [{ id: 'send', tool: 'acme.files.send@v1', input: { count: 'n ${{ inputs.dir }}' } }],
      ['/steps/0/input/count is string where integer is taken'],
    ],
    [
      'a choice that there is not',
      [{ id: 'read', tool: 'acme.files.read@v1', input: { kind: 'stream' } }],
      ['/steps/0/input/kind is "stream", which is none of ["text","bytes"]'],
    ],
    [
      'a key that is not known',
      [{ id: 'read', tool: 'acme.files.read@v1', input: { paht: 'a' } }],
      ['/steps/0/input/paht is not a known key'],
    ],
    [
      'an empty text',
      [{ id: 'list', tool: 'acme.files.list@v1', input: { path: '' } }],
      ['/steps/0/input/path is below 1'],
    ],
    [
      'an output that there is not',
      [list, { id: 'read', tool: 'acme.files.read@v1', input: { path: '${{ steps.list.output.entires }}' } }],
      ['/steps/1/input ${{ steps.list.output.entires }}: there is no "entires"'],
    ],
    [
      'a condition that is no boolean',
      [list, { id: 'send', tool: 'acme.files.send@v1', if: '${{ steps.list.output.count }}' }],
      ['/steps/1/if is integer where boolean is taken'],
    ],
    [
      'a loop over no list',
      [list, { id: 'send', tool: 'acme.files.send@v1', for_each: { items: '${{ steps.list.output.count }}' } }],
      ['/steps/1/for_each/items is integer where array is taken'],
    ],
    [
      'an item',
      [
        list,
        {
          id: 'read',
          tool: 'acme.files.read@v1',
          for_each: { items: '${{ steps.list.output.entries }}' },
          input: { path: '${{ item.path }}' },
        },
      ],
      [],
    ],
    [
      'an item as a whole',
      [
        list,
        {
          id: 'read',
          tool: 'acme.files.read@v1',
          for_each: { items: '${{ steps.list.output.entries }}' },
          input: { path: '${{ item }}' },
        },
      ],
      ['/steps/1/input/path is object where string is taken'],
    ],
    [
      'the outputs of a loop',
      [
        list,
        {
          id: 'read',
          tool: 'acme.files.read@v1',
          for_each: { items: '${{ steps.list.output.entries }}' },
          input: { path: '${{ item.path }}' },
        },
        { id: 'send', tool: 'acme.files.send@v1', input: { to: '${{ steps.read.output.content }}' } },
      ],
      ['/steps/2/input ${{ steps.read.output.content }}: there is no "content"'],
    ],
    [
      'what may be missing, with ??',
      [list, { id: 'send', tool: 'acme.files.send@v1', input: { to: "${{ steps.list.output.nothing ?? 'a' }}" } }],
      [],
    ],
    [
      'a length',
      [list, { id: 'send', tool: 'acme.files.send@v1', input: { count: '${{ length(steps.list.output.entries) }}' } }],
      [],
    ],
    [
      'a comparison as a text',
      [{ id: 'send', tool: 'acme.files.send@v1', input: { to: "${{ inputs.dir == 'a' }}" } }],
      ['/steps/0/input/to is boolean where string is taken'],
    ],
    [
      'an unknown tool',
      [{ id: 'a', tool: 'acme.files.lst@v1' }],
      ['/steps/0/tool there is no tool "acme.files.lst@v1" (did you mean "acme.files.list@v1"?)'],
    ],
    [
      'repetition of what is not idempotent',
      [{ id: 'a', tool: 'acme.files.send@v1', retry: { max_attempts: 3 } }],
      ['/steps/0/retry acme.files.send@v1 is not idempotent: repeating it could repeat its effect'],
    ],
    [
      'a capability outside the step',
      [{ id: 'a', tool: 'acme.files.send@v1', constitution: { capabilities: ['fs.*'] } }],
      ['/steps/0/tool has the capability net.send, which the constitution of step a of acme.report does not list'],
    ],
  ])('%s', (_, steps, expected) => {
    const allowed_tools = [...PACK.allowed_tools, 'acme.files.lst@v1']
    const documents = [pipeline(steps, { allowed_tools })]
    const whole = linked(documents, { allowed_tools })
    const tools = new Map(TOOLS.map((each) => [each.id, each]))
    const found = runProblems(whole, { tools, parts: {} }).map(({ at, message }) => `/${at.join('/')} ${message}`)
    expect(found).toEqual(expected)
  })

  it('is refused only where the validator would refuse it too', () => {
    const scalar = fc.oneof(
      fc.constantFrom<Json>('a', 'abc', '', 0, 1, 2.5, true, false, null),
      fc.string({ maxLength: 4 }),
    )
    const value = fc.letrec<{ value: Json }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        scalar,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
      ),
    })).value
    const types = fc.constantFrom('string', 'integer', 'number', 'boolean', 'null', 'array', 'object')
    const schema = fc.letrec<{ schema: JsonObject }>((tie) => ({
      schema: fc.oneof(
        { maxDepth: 3 },
        fc.record({ type: types }),
        fc.record({ type: fc.uniqueArray(types, { minLength: 1, maxLength: 3 }) }),
        fc.record({ enum: fc.uniqueArray(fc.constantFrom<Json>('a', 1, true, null), { minLength: 1 }) }),
        fc.record({ const: fc.constantFrom<Json>('a', 1, null) }),
        fc.record({ type: fc.constant('string'), minLength: fc.nat(3), maxLength: fc.nat(3) }),
        fc.record({ type: fc.constant('number'), minimum: fc.nat(2), maximum: fc.nat(2) }),
        fc.record({ type: fc.constant('array'), items: tie('schema') }),
        fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
        fc.record({ allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
        fc.record({
          type: fc.constant('object'),
          properties: fc.dictionary(fc.constantFrom('a', 'b'), tie('schema'), { maxKeys: 2 }),
          additionalProperties: fc.boolean(),
        }),
        fc.record({
          properties: fc.record({ a: tie('schema') }),
          type: fc.constant('object'),
          required: fc.constant(['a']),
        }),
      ),
    })).schema
    let refused = 0
    fc.assert(
      fc.property(value, schema, (given, taken) => {
        const json = snapshot(given)
        const shape = templateShape(json, { inputs: UNKNOWN, steps: new Map() }, () => undefined)
        const found = misfits(shape, snapshot(taken) as JsonObject)
        if (found.length > 0) {
          refused++
          expect(compileSchema(snapshot(taken) as JsonObject)(json)).not.toEqual([])
        }
      }),
      { numRuns: 500 },
    )
    expect(refused).toBeGreaterThan(50)
  })
})

describe('a pipeline inside a pipeline', () => {
  const sub = (name: string, ...runs: string[]) =>
    pipeline(
      [
        list,
        ...runs.map((id, i): StepDocument => ({ id: `s${i}`, pipeline: `acme.report/${id}`, inputs: { dir: '.' } })),
      ],
      { id: name === '' ? 'acme.report' : `acme.report/${name}` },
    )

  it.each<[string, readonly PipelineDocument[], string]>([
    ['that is missing', [sub('', 'gone')], 'there is no pipeline "acme.report/gone"'],
    [
      'that is itself',
      [pipeline([{ id: 'a', pipeline: 'acme.report', inputs: { dir: '.' } }])],
      '"acme.report" runs itself',
    ],
    ['that comes back', [sub('', 'b'), sub('b', 'c'), sub('c', 'b')], 'acme.report/b → acme.report/c → acme.report/b'],
    [
      'nine levels down',
      [sub('', 'l1'), ...Array.from({ length: 9 }, (_, i) => sub(`l${i + 1}`, ...(i < 8 ? [`l${i + 2}`] : [])))],
      'nested deeper than 8 levels',
    ],
    [
      'that doubles with every level',
      [
        sub('', 'l1', 'l1', 'l1', 'l1', 'l1', 'l1'),
        ...Array.from({ length: 7 }, (_, i) =>
          sub(`l${i + 1}`, ...Array.from({ length: i < 6 ? 6 : 0 }, () => `l${i + 2}`)),
        ),
      ],
      'at most 10000',
    ],
  ])('%s is refused', (_, documents, expected) => {
    expect(() => linked(documents)).toThrow(expected)
  })

  it('200 pipelines that each run every later one are refused at once, not walked', () => {
    const names = Array.from({ length: 200 }, (_, i) => `p${i}`)
    const documents = [sub('', 'p0'), ...names.map((name, i) => sub(name, ...names.slice(i + 1, i + 200)))]
    expect(() => linked(documents)).toThrow('nested deeper than 8 levels')
  })

  it('holds its tools to the constitution of whoever runs it', () => {
    const documents = [
      pipeline([{ id: 'a', pipeline: 'acme.report/sub', inputs: { dir: '.' }, allowed_tools: ['acme.files.read@v1'] }]),
      sub('sub'),
    ]
    const whole = linked(documents)
    const tools = new Map(TOOLS.map((each) => [each.id, each]))
    expect(runProblems(whole, { tools, parts: whole.parts }).map(({ message }) => message)).toEqual([
      'calls acme.files.list@v1, which is not in allowed_tools of step a of acme.report',
    ])
  })

  it('is given inputs that fit its schema', () => {
    const whole = linked([pipeline([{ id: 'a', pipeline: 'acme.report/sub', inputs: { dri: '.' } }]), sub('sub')])
    expect(
      runProblems(whole, { tools: new Map(TOOLS.map((each) => [each.id, each])), parts: whole.parts }).map(
        ({ message }) => message,
      ),
    ).toEqual(['is missing', 'is not a known key'])
  })

  it('changes the digest of whoever runs it', () => {
    const main = pipeline([{ id: 'a', pipeline: 'acme.report/sub', inputs: { dir: '.' } }])
    const other = { ...sub('sub'), steps: [{ ...list, input: { path: 'x' } }] }
    expect(linked([main, sub('sub')]).digest).not.toBe(linked([main, other]).digest)
  })
})

describe('a definition', () => {
  it.each<[string, Partial<PipelineDocument>, string]>([
    [
      'a step that is never reached',
      { steps: [{ ...list, if: '${{ false && inputs.dir == 1 }}' }] },
      '/steps/0/if is never true',
    ],
    [
      'a loop over nothing',
      { steps: [{ ...list, for_each: { items: [] } }] },
      '/steps/0/for_each/items is always empty',
    ],
    [
      'a step that names itself',
      { steps: [{ ...list, input: { path: '${{ steps.list.output.count }}' } }] },
      'a step cannot name its own output',
    ],
    [
      'an item outside a loop',
      { steps: [{ ...list, input: { path: '${{ item.path }}' } }] },
      'there is an item only inside for_each',
    ],
    [
      'two kinds in one step',
      { steps: [{ ...list, approval: { message: 'Go on?' } }] },
      'has tool and approval of tool, approval and pipeline',
    ],
    [
      'repetition of a question',
      { steps: [{ id: 'a', approval: { message: 'Go on?' }, retry: { max_attempts: 2 } }] },
      '/steps/0/retry is for steps with tool',
    ],
    ['a tool outside the step', { steps: [{ ...list, allowed_tools: [] }] }, 'is not in allowed_tools of the step'],
    [
      'a path out of the workspace',
      { constitution: { data_sources: ['../x'] } },
      '/constitution/data_sources/0 leaves the workspace',
    ],
    ['a path that is spelled otherwise', { constitution: { data_sources: ['docs/'] } }, 'must be written as "docs"'],
    [
      'a host that is spelled otherwise',
      { constitution: { egress: ['Example.com'] } },
      'must be written as "example.com"',
    ],
    ['an address in disguise', { constitution: { egress: ['0x7f.1'] } }, 'must be written as "127.0.0.1"'],
    ['an unknown key', { extra: 1 } as never, '/extra is not a known key'],
    [
      'a condition with text around it',
      { steps: [{ ...list, if: 'x ${{ true }}' }] },
      'must be one ${{ expression }} and nothing else',
    ],
    [
      'ten thousand steps',
      { steps: Array.from({ length: 10_000 }, (_, i) => ({ ...list, id: `s${i}` })) },
      'must NOT have more than 1000 items',
    ],
    ['a pipeline of another pack', { id: 'other' }, 'must match pattern'],
  ])('%s is refused', (_, change, expected) => {
    expect(() => definePipeline(pipeline([list], change))).toThrow(expected)
  })

  it('of the prototype is refused', () => {
    expect(() => definePipeline(JSON.parse('{"__proto__": {"id": "a.b"}, "id": "a.b"}'))).toThrow('__proto__')
  })

  it('names every problem at once', () => {
    const bad = pipeline([
      { ...list, if: '${{ false }}', input: { path: '${{ env.HOME }}' } },
      { id: 'list', tool: 'acme.gone@v1' },
    ])
    expect(() => definePipeline(bad)).toThrow(
      /never true.*a template starts with.*id of an earlier step.*not in allowed_tools/s,
    )
  })
})

describe('before anything runs', () => {
  const needs = { requires: { connectors: { 'acme.crm': '^1.2.0', 'acme.mail': '>=2' } } }
  const whole = linked([pipeline([list])], needs)

  it('every connector that is missing or too old is in one error', () => {
    const connectors = [{ id: 'acme.crm', version: '1.1.9' }]
    expect(() => mustRun(whole, { tools: [], connectors })).toThrow(
      expect.objectContaining({
        code: 'PACK_REQUIRES',
        message: expect.stringMatching(
          /acme\.crm \^1\.2\.0; 1\.1\.9 is installed.*acme\.mail >=2, which is not installed/s,
        ),
      }),
    )
  })

  it('every tool that is missing is in one error, and nothing is wrong when all are there', () => {
    const connectors = [
      { id: 'acme.crm', version: '1.3.0' },
      { id: 'acme.mail', version: '2.0.0' },
    ]
    expect(() => mustRun(whole, { tools: [], connectors })).toThrow(expect.objectContaining({ code: 'PIPELINE_CHECK' }))
    expect(() => mustRun(whole, { tools: TOOLS, connectors })).not.toThrow()
  })

  it('problems of a thousand steps are all found', () => {
    const steps = Array.from(
      { length: 1000 },
      (_, i): StepDocument => ({
        ...list,
        id: `s${i}`,
        input: { path: i === 0 ? 5 : `\${{ steps.s${i - 1}.output.count }}` },
      }),
    )
    expect(problems(steps)).toHaveLength(1000)
  })
})
