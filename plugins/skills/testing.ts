// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of pipelines are spelled like those of JavaScript
// The rules that every skills service keeps, as cases for any test runner; must never rely on where packs are kept.
import assert from 'node:assert/strict'
import type { Json, Kernel } from 'cloned/kernel'
import { type ContractCase, type ContractSubject, codeOf, contractCase } from 'cloned/testing'
import type { Constitution, DefinedSkillPack, HeldStep, Skills } from './slot.js'

/**
 * A skills service under test, in the kernel of a workspace with the tools of files, and with no pack `acme.…`. Nobody else
 * in it may judge whether a run is known: leave `cloned.runs` out.
 */
export interface SkillsSubject extends ContractSubject {
  readonly skills: Skills
  /** Its gate: constitutions hold what is called there. */
  readonly kernel: Pick<Kernel, 'call'>
  /** Milliseconds since 1970, as the service sees it. */
  now(): number
  advance(ms: number): void
  /** Has a pack found, by whatever way packs come in, in the place of an earlier one of its id. It may not be sound. */
  put(pack: DefinedSkillPack): Promise<void>
}

const LIST = 'cloned.internal.fs.list@v1'
const READ = 'cloned.internal.fs.read@v1'

/** The contract of slot `cloned.skills`. `make` is called once per case. */
export function skillsSuite(make: () => Promise<SkillsSubject>): readonly ContractCase[] {
  const rule: Rule = (name, check) => contractCase(name, make, check)
  return [...packs(rule), ...templates(rule), ...constitutions(rule)]
}

type Rule = (name: string, check: (subject: SkillsSubject) => Promise<void>) => ContractCase

function packs(rule: Rule): readonly ContractCase[] {
  return [
    rule('a pack is found with its pipelines, and each pipeline by its id', async ({ skills, put }) => {
      await put(packOf('acme.report', ['acme.report', 'acme.report/again']))
      const found = (await skills.packs()).find(({ id }) => id === 'acme.report')
      assert.deepEqual([found?.version, found?.pipelines], ['1.2.3', ['acme.report', 'acme.report/again']])
      assert.deepEqual(found?.constitution.allowedTools, [LIST, READ])
      const pipeline = await skills.pipeline('acme.report')
      assert.deepEqual(
        pipeline?.steps.map((step) => [step.id, step.kind, step.kind === 'call' && step.tool]),
        [['scan', 'call', LIST]],
      )
      assert.deepEqual(pipeline?.allowedTools, [LIST])
      assert.equal(await skills.pipeline('acme.gone'), undefined)
      const ids = (await skills.pipelines()).map(({ id }) => id)
      assert.deepEqual(ids, [...ids].sort())
      assert.ok(ids.includes('acme.report/again'))
    }),
    rule('a pipeline has one digest for as long as nothing in it changes', async ({ skills, put }) => {
      const digest = async () => (await skills.pipeline('acme.report'))?.digest
      await put(packOf('acme.report', ['acme.report']))
      const before = await digest()
      assert.match(before ?? '', /^[0-9a-f]{64}$/)
      assert.equal(await digest(), before)
      await put(packOf('acme.report', ['acme.report'], { input: { path: 'other' } }))
      assert.notEqual(await digest(), before)
    }),
    rule("a pack that is not sound gives out nothing, and stands in nobody else's way", async ({ skills, put }) => {
      await put(packOf('acme.sound', ['acme.sound']))
      for (const step of [{ tool: 'acme.not-allowed.run@v1' }, { input: { path: '${{ steps.later.output }}' } }]) {
        await put(packOf('acme.broken', ['acme.broken'], step))
        for (const work of [() => skills.pipelines(), () => skills.pipeline('acme.broken')]) {
          assert.match(await codeOf(work), /^(FILE|PIPELINE)_INVALID$/)
        }
        assert.equal((await skills.pipeline('acme.sound'))?.id, 'acme.sound')
        assert.ok(!(await skills.packs()).some(({ id }) => id === 'acme.broken'))
      }
    }),
    rule(
      'a pipeline may run with the tools and connectors that are there, and not without',
      async ({ skills, put }) => {
        const mustRun = async (id: string) => {
          const pipeline = await skills.pipeline(id)
          assert.ok(pipeline, id)
          return await codeOf(() => skills.mustRun(pipeline))
        }
        await put(packOf('acme.report', ['acme.report']))
        assert.equal(await mustRun('acme.report'), 'ok')
        const { pack, pipelines } = packOf('acme.needs', ['acme.needs'])
        await put({ pack: { ...pack, requires: { connectors: { 'acme.weather': '^1.0.0' } } }, pipelines })
        assert.equal(await mustRun('acme.needs'), 'PACK_REQUIRES')
        const missing = 'acme.missing.run@v1'
        const other = packOf('acme.other', ['acme.other'], { tool: missing }, [missing])
        await put(other)
        assert.equal(await mustRun('acme.other'), 'PIPELINE_CHECK')
        await put(packOf('acme.wrong', ['acme.wrong'], { input: { path: 7 } }))
        assert.equal(await mustRun('acme.wrong'), 'PIPELINE_CHECK')
      },
    ),
  ]
}

function templates(rule: Rule): readonly ContractCase[] {
  const scope = {
    inputs: { dir: 'docs', trick: '${{ inputs.dir }}', list: [{ a: 1 }, { a: 2 }] },
    steps: { scan: { output: { files: ['a.md'], count: 3 } }, skipped: { output: null } },
  }
  return [
    rule('a template is filled in one pass: values keep their type, and are data', async ({ skills }) => {
      const filled: [Json, Json][] = [
        ['${{ inputs.list }}', [{ a: 1 }, { a: 2 }]],
        ['in ${{ inputs.dir }}: ${{ steps.scan.output.count }}', 'in docs: 3'],
        ['${{ steps.scan.output.files[0] }}', 'a.md'],
        ['${{ inputs.trick }}', '${{ inputs.dir }}'],
        ['see ${{ inputs.trick }}', 'see ${{ inputs.dir }}'],
        ['${{ steps.skipped.output }}', null],
        [{ '${{ inputs.dir }}': ['plain', 1, null, true] }, { '${{ inputs.dir }}': ['plain', 1, null, true] }],
        ['$ {{ no }} $', '$ {{ no }} $'],
      ]
      for (const [template, value] of filled) {
        assert.deepEqual(skills.fill(template, scope), value, JSON.stringify(template))
      }
    }),
    rule('what names nothing is not filled with nothing', async ({ skills }) => {
      const codes: Record<string, string> = {
        '${{ inputs.gone }}': 'TEMPLATE_UNRESOLVED',
        '${{ steps.later.output }}': 'TEMPLATE_UNRESOLVED',
        '${{ steps.scan.output.files[9] }}': 'TEMPLATE_UNRESOLVED',
        '${{ inputs.__proto__ }}': 'TEMPLATE_UNRESOLVED',
        '${{ inputs.constructor.name }}': 'TEMPLATE_UNRESOLVED',
        '${{ inputs.dir': 'TEMPLATE_INVALID',
        '${{ }}': 'TEMPLATE_INVALID',
        '${{ process.exit() }}': 'TEMPLATE_INVALID',
      }
      for (const [template, code] of Object.entries(codes)) {
        const found = await codeOf(() => skills.fill(template, scope))
        // What is no expression at all, and what names nothing there is, may be told apart by the parser or later.
        assert.ok(
          found === code || (template.includes('process') && found.startsWith('TEMPLATE_')),
          `${template}: ${found}`,
        )
      }
    }),
    rule('a filled template has a size that can be held', async ({ skills }) => {
      const inputs = { text: 'x'.repeat(1024 * 1024) }
      const template = Array.from({ length: 40 }, () => 'a ${{ inputs.text }}')
      assert.equal(await codeOf(() => skills.fill(template, { inputs, steps: {} })), 'VALUE_TOO_LARGE')
    }),
  ]
}

function constitutions(rule: Rule): readonly ContractCase[] {
  const limits: Record<string, [Partial<Constitution>, string]> = {
    'a tool': [{ allowedTools: [READ] }, 'CONSTITUTION_TOOL'],
    'a capability': [{ capabilities: ['net.*'] }, 'CONSTITUTION_CAPABILITY'],
    'a file': [{ dataSources: ['docs'] }, 'CONSTITUTION_SOURCE'],
    'a cost': [{ maxCost: { calls: 0 } }, 'CONSTITUTION_COST'],
    'a duration': [{ maxDurationMs: 0 }, 'CONSTITUTION_DURATION'],
  }
  return [
    rule('a run calls nothing that no step of it holds', async (subject) => {
      const { skills } = subject
      assert.equal(await callOf(subject, 'run_1', 'key_1'), 'CONSTITUTION_NO_STEP')
      const held = skills.hold('key_1', stepOf(subject, 'run_1', {}))
      assert.equal(await callOf(subject, 'run_1', 'key_1'), 'done')
      assert.equal(await callOf(subject, 'run_1', 'key_2'), 'CONSTITUTION_NO_STEP', 'another key')
      assert.equal(await callOf(subject, 'run_2', 'key_1'), 'CONSTITUTION_NO_STEP', 'another run')
      assert.throws(() => skills.hold('key_1', stepOf(subject, 'run_1', {})))
      assert.deepEqual(held.release(), [])
      assert.equal(await callOf(subject, 'run_1', 'key_1'), 'CONSTITUTION_NO_STEP', 'after the release')
    }),
    ...Object.entries(limits).map(([what, [constitution, code]]) =>
      rule(`a constitution denies what it does not name, and says so to the step: ${what}`, async (subject) => {
        const { skills } = subject
        const held = skills.hold('key_1', stepOf(subject, 'run_1', constitution))
        assert.equal(await callOf(subject, 'run_1', 'key_1'), code)
        assert.deepEqual(
          held.release().map((denial) => denial.code),
          [code],
        )
      }),
    ),
    rule('every level counts, wherever it stands', async (subject) => {
      const { skills } = subject
      const step = stepOf(subject, 'run_1', { allowedTools: [LIST] })
      const [outer] = step.constitutions
      const narrow = { ...stepOf(subject, 'run_1', { allowedTools: [READ] }).constitutions[0] } as typeof outer
      for (const constitutions of [
        [outer, narrow],
        [narrow, outer],
      ]) {
        const held = skills.hold('key', {
          ...step,
          constitutions: constitutions.flatMap((each) => (each ? [each] : [])),
        })
        assert.equal(await callOf(subject, 'run_1', 'key'), 'CONSTITUTION_TOOL')
        assert.equal(held.release().length, 1)
      }
    }),
    rule('what a run has spent counts from call to call', async (subject) => {
      const { skills } = subject
      const step = stepOf(subject, 'run_1', { maxCost: { calls: 2 } })
      const ends: string[] = []
      for (const key of ['key_1', 'key_2', 'key_3']) {
        const held = skills.hold(key, step)
        ends.push(await callOf(subject, 'run_1', key))
        held.release()
      }
      assert.deepEqual(ends, ['done', 'done', 'CONSTITUTION_COST'])
    }),
    rule('time that passes in a step ends what it may do', async (subject) => {
      const { skills, advance } = subject
      const held = skills.hold('key_1', stepOf(subject, 'run_1', { maxDurationMs: 1000 }))
      advance(999)
      assert.equal(await callOf(subject, 'run_1', 'key_1'), 'done')
      advance(1)
      assert.equal(await callOf(subject, 'run_1', 'key_1'), 'CONSTITUTION_DURATION')
      held.release()
    }),
  ]
}

function packOf(id: string, pipelines: readonly string[], step = {}, tools: readonly string[] = []): DefinedSkillPack {
  return {
    pack: {
      format: 1,
      id,
      version: '1.2.3',
      title: id,
      description: 'A pack of the suite.',
      allowed_tools: [LIST, READ, ...tools],
    },
    pipelines: pipelines.map((pipeline) => ({
      format: 1,
      id: pipeline,
      title: pipeline,
      description: 'A pipeline of the suite.',
      inputs: { type: 'object', additionalProperties: false },
      allowed_tools: [LIST, ...tools],
      steps: [{ id: 'scan', tool: LIST, input: { path: '.' }, ...step }],
    })),
  }
}

function stepOf({ now }: SkillsSubject, run: string, constitution: Partial<Constitution>): HeldStep {
  const held = { constitution: { of: 'pack acme.report', ...constitution }, at: '', since: now() }
  return { run, pipeline: 'acme.report', step: 'scan', constitutions: [held] }
}

/** How a call of a run ends: `done`, or why not. */
async function callOf({ kernel }: SkillsSubject, run: string, key: string): Promise<string> {
  const request = { tool: LIST, input: { path: '.' }, actor: { id: `run:${run}`, claimed: false } }
  const outcome = await kernel.call(request, { idempotencyKey: key })
  return 'code' in outcome ? String(outcome.code) : outcome.status
}
