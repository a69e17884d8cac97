// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of pipelines are spelled like those of JavaScript
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { toolId } from '../fixtures/runs-tools.js'
import { type Process, type RunsWorld, runsWorld } from './runs-fixture.js'

let world: RunsWorld
let here: Process
beforeEach(async () => {
  world = await runsWorld()
  here = await world.open()
})
afterEach(() => world.close())

async function run(pipeline: string, inputs: unknown = {}) {
  const { id } = await here.runs.start({ pipeline, inputs })
  return here.runs.settled(id)
}

describe('a run', () => {
  it('takes its steps in order, hands their outputs on, and answers its output', async () => {
    const pipeline = world.pipeline(
      'flow',
      [
        { id: 'one', tool: 'echo', input: { files: ['${{ inputs.dir }}/a', 'b'] } },
        { id: 'two', tool: 'other', input: { first: '${{ steps.one.output.files[0] }}', text: 'n=${{ inputs.n }}' } },
      ],
      {
        inputs: { type: 'object', properties: { dir: { type: 'string' }, n: { type: 'integer', default: 7 } } },
        output: { two: '${{ steps.two.output }}', all: '${{ steps.one.output.files }}' },
      },
    )
    const done = await run(pipeline, { dir: 'docs' })
    expect(done).toMatchObject({
      state: 'done',
      inputs: { dir: 'docs', n: 7 },
      output: { two: { first: 'docs/a', text: 'n=7' }, all: ['docs/a', 'b'] },
      steps: [
        { id: 'one', state: 'done' },
        { id: 'two', state: 'done' },
      ],
    })
    expect(world.effects).toEqual(['echo', 'other'])
    expect(await here.runs.get(done.id)).toEqual(done)
  })

  it('is in the audit log with who started it, and makes every call as itself', async () => {
    const done = await run(world.pipeline('one', [{ id: 'a', tool: 'echo' }]))
    const records = world.log()
    expect(records.find(({ type }) => type === 'run.start')).toMatchObject({
      run: done.id,
      pipeline: 'test.pack/one',
      pipeline_digest: done.pipelineDigest,
      inputs_digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      actor: { id: done.actor.id, claimed: false },
    })
    expect(records.find(({ type }) => type === 'tool.intent')).toMatchObject({
      call_id: done.steps[0]?.callId,
      actor: { id: `run:${done.id}`, claimed: false },
    })
  })

  it('never expands what a tool answered', async () => {
    world.effect = (name) => (name === 'echo' ? '${{ inputs.secret }}' : null)
    const seen: unknown[] = []
    const pipeline = world.pipeline('inject', [
      { id: 'one', tool: 'echo' },
      { id: 'two', tool: 'other', input: { whole: '${{ steps.one.output }}', part: '<${{ steps.one.output }}>' } },
    ])
    const usual = world.effect
    world.effect = (name, input, ctx) => {
      seen.push(input)
      return usual(name, input, ctx)
    }
    expect((await run(pipeline, { secret: 's3cret' })).state).toBe('done')
    expect(seen[1]).toEqual({ whole: '${{ inputs.secret }}', part: '<${{ inputs.secret }}>' })
  })

  it('ends at a denied step, says who denied, and runs nothing after it', async () => {
    const pipeline = world.pipeline('refused', [
      { id: 'a', tool: 'echo' },
      { id: 'b', tool: 'refused' },
      { id: 'c', tool: 'other' },
    ])
    expect(await run(pipeline)).toMatchObject({
      state: 'failed',
      error: { code: 'TEST_REFUSED', effect: 'none' },
      steps: [{ state: 'done' }, { state: 'denied', error: { code: 'TEST_REFUSED' } }, { state: 'pending' }],
    })
    expect(world.effects).toEqual(['echo'])
  })

  it('ends at a failed step with what is known of its effect, and repeats it on a person’s word', async () => {
    const pipeline = world.pipeline('fails', [
      { id: 'a', tool: 'echo' },
      { id: 'b', tool: 'other' },
    ])
    const usual = world.effect
    world.effect = (name, input, ctx) => {
      if (name === 'other') throw new Error('broken pipe')
      return usual(name, input, ctx)
    }
    const failed = await run(pipeline)
    expect(failed).toMatchObject({
      state: 'failed',
      error: { effect: 'unknown' },
      steps: [{ state: 'done' }, { state: 'failed' }],
    })
    await expect(here.runs.resume(failed.id)).rejects.toMatchObject({
      code: 'RUN_ENDED',
      help: expect.stringContaining('--retry'),
    })
    world.effect = usual
    const [again] = await here.runs.resume(failed.id, { retry: true, actor: { id: 'user:ada', claimed: true } })
    expect(again).toMatchObject({ state: 'done', steps: [{ state: 'done' }, { state: 'done' }] })
    expect(again?.error).toBeUndefined()
    expect(world.effects).toEqual(['echo', 'other', 'other'])
    expect(world.log().find(({ type }) => type === 'run.retry')).toMatchObject({
      steps: [{ step: 'b', was: 'failed' }],
      actor: { id: 'user:ada' },
    })
  })

  it('fails at a template that names nothing, naming the path, without making the call', async () => {
    const pipeline = world.pipeline('unresolved', [
      { id: 'a', tool: 'echo' },
      { id: 'b', tool: 'other', input: { x: '${{ steps.a.output.missing.deep }}' } },
    ])
    expect(await run(pipeline)).toMatchObject({
      state: 'failed',
      error: { code: 'TEMPLATE_UNRESOLVED', message: expect.stringContaining('steps.a.output.missing.deep') },
      steps: [{ state: 'done' }, { state: 'failed' }],
    })
    expect(world.effects).toEqual(['echo'])
  })

  it('fails when only its output names nothing, and its steps stay done', async () => {
    const pipeline = world.pipeline('output', [{ id: 'a', tool: 'echo' }], { output: '${{ steps.a.output.nope }}' })
    expect(await run(pipeline)).toMatchObject({
      state: 'failed',
      error: { code: 'TEMPLATE_UNRESOLVED' },
      steps: [{ state: 'done' }],
    })
  })

  it('gives its artifacts their provenance', async () => {
    const { artifactsSlot } = await import('cloned/plugins/artifacts')
    const save = 'cloned.internal.artifact.save@v1'
    world.pipeline('save', [{ id: 'keep', tool: 'echo' }])
    const { readFileSync, writeFileSync } = await import('node:fs')
    const [pack, file] = ['pack.yaml', 'pipelines/save.yaml'].map((name) => `${world.root}/.cloned/skills/test/${name}`)
    for (const path of [pack, file] as string[]) {
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll(toolId('echo'), save))
    }
    const content = JSON.parse(readFileSync(file as string, 'utf8'))
    content.steps[0].input = { filename: 'r.md', content: '# ${{ inputs.title }}' }
    writeFileSync(file as string, JSON.stringify(content))
    const done = await run('test.pack/save', { title: 'Hello' })
    expect(done.state).toBe('done')
    const [manifest] = await here.kernel.service(artifactsSlot).list()
    expect(manifest).toMatchObject({
      created_by: `run:${done.id}`,
      call_id: done.steps[0]?.callId,
      provenance: {
        run: done.id,
        pipeline: 'test.pack/save',
        pipeline_digest: done.pipelineDigest,
        pack: 'test.pack',
        pack_version: '1.0.0',
        step: 'keep',
      },
    })
  })
})

describe('starting', () => {
  it.each<[string, unknown, string]>([
    ['inputs that do not fit, with every problem', { n: 'x', extra: 1 }, 'RUN_INPUTS_INVALID'],
    ['inputs that are not JSON', { dir: 'a', n: Number.NaN }, 'VALUE_NOT_JSON'],
    ['inputs that are no object', ['a'], 'RUN_INPUTS_INVALID'],
  ])('refuses %s, and stores nothing', async (_, inputs, code) => {
    const pipeline = world.pipeline('strict', [{ id: 'a', tool: 'echo' }], {
      inputs: {
        type: 'object',
        required: ['dir'],
        properties: { dir: { type: 'string' }, n: { type: 'integer' } },
        additionalProperties: false,
      },
    })
    const error = await here.runs.start({ pipeline, inputs }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code })
    if (_.includes('every')) {
      for (const part of ['/dir is missing', '/n must be integer', '/extra is not a known key']) {
        expect((error as Error).message).toContain(part)
      }
    }
    expect(await here.runs.list()).toEqual([])
    expect(world.log().filter(({ type }) => type === 'run.start')).toEqual([])
  })

  it('refuses a pipeline that is not there and names those that are', async () => {
    world.pipeline('b', [{ id: 'a', tool: 'echo' }])
    world.pipeline('a', [{ id: 'a', tool: 'echo' }])
    await expect(here.runs.start({ pipeline: 'test.pack/c', inputs: {} })).rejects.toMatchObject({
      code: 'PIPELINE_UNKNOWN',
      help: 'Run one of these: test.pack/a, test.pack/b',
    })
  })

  it('keeps to the pipeline as it was, whatever becomes of its file', async () => {
    const pipeline = world.pipeline('pinned', [
      { id: 'a', tool: 'risky' },
      { id: 'b', tool: 'other' },
    ])
    const waiting = await run(pipeline)
    world.pipeline('pinned', [{ id: 'a', tool: 'again' }])
    await here.approvals.decide(waiting.steps[0]?.approval ?? '', { verdict: 'approve', by: here.kernel.actor() })
    expect(await here.runs.settled(waiting.id)).toMatchObject({
      state: 'done',
      pipelineDigest: waiting.pipelineDigest,
      steps: [{ tool: toolId('risky') }, { tool: toolId('other') }],
    })
  })

  it('lists runs newest first, within the limit', async () => {
    const pipeline = world.pipeline('one', [{ id: 'a', tool: 'echo' }])
    const ids: string[] = []
    for (let i = 0; i < 3; i++) {
      world.now += 1000
      ids.unshift((await run(pipeline)).id)
    }
    expect((await here.runs.list()).map(({ id }) => id)).toEqual(ids)
    expect((await here.runs.list({ limit: 2 })).map(({ id }) => id)).toEqual(ids.slice(0, 2))
  })
})

describe('a dry run', () => {
  it('judges what can be judged now and leaves no trace', async () => {
    const pipeline = world.pipeline('preview', [
      { id: 'a', tool: 'echo', input: { dir: '${{ inputs.dir }}' } },
      { id: 'b', tool: 'risky' },
      { id: 'c', tool: 'refused' },
      { id: 'd', tool: 'other', input: { x: '${{ steps.a.output.x }}' } },
      { id: 'e', tool: 'other', input: { x: '${{ inputs.missing }}' } },
    ])
    const before = world.log()
    const steps = await here.runs.preview({ pipeline, inputs: { dir: 'docs' } })
    expect(steps.map(({ path, verdict }) => [path, verdict])).toEqual([
      ['a', 'allow'],
      ['b', 'ask'],
      ['c', 'deny'],
      ['d', 'later'],
      ['e', 'deny'],
    ])
    expect(world.effects).toEqual([])
    expect(world.log()).toEqual(before)
    expect(await here.runs.list()).toEqual([])
    expect(await here.approvals.list()).toEqual([])
  })
})
