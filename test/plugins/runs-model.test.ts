// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of pipelines are spelled like those of JavaScript
import type { JsonObject } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Run } from '../../plugins/runs/index.js'
import { toolId } from '../fixtures/runs-tools.js'
import { gatePromise, type Process, type RunsWorld, runsWorld } from './runs-fixture.js'

let world: RunsWorld
let here: Process
beforeEach(async () => {
  world = await runsWorld()
  here = await world.open()
})
afterEach(() => world.close())

async function run(pipeline: string, inputs: unknown = {}): Promise<Run> {
  const { id } = await here.runs.start({ pipeline, inputs })
  return here.runs.settled(id)
}

async function decide({ steps }: Run, verdict: 'approve' | 'deny', at = 0): Promise<void> {
  const asking = steps
    .flatMap((step) => [step, ...(step.steps ?? [])])
    .filter((step) => step.approval !== undefined && step.state === 'waiting')
  await here.approvals.decide(asking[at]?.approval ?? '', { verdict, by: here.kernel.actor() })
}

const list = (n: number) => Array.from({ length: n }, (_, i) => i)

describe('for_each', () => {
  it.each([1, 2, 4])(
    'has at most %i items in hand, and answers their outputs in the order of the items',
    async (concurrency) => {
      let [busy, most] = [0, 0]
      world.effect = async (_, input) => {
        most = Math.max(most, ++busy)
        // Later items end first.
        for (let turns = 20 - 2 * Number(input['n']); turns > 0; turns--) await Promise.resolve()
        busy--
        return { n: input['n'] ?? null }
      }
      const pipeline = world.pipeline('loop', [
        {
          id: 'each',
          tool: 'other',
          input: { n: '${{ item }}', at: '${{ index }}' },
          for_each: { items: '${{ inputs.list }}', concurrency },
        },
      ])
      const done = await run(pipeline, { list: list(9) })
      expect(done).toMatchObject({ state: 'done', output: list(9).map((n) => ({ n })) })
      expect(most).toBeLessThanOrEqual(concurrency)
      expect(done.steps[0]?.steps?.map(({ path, state }) => [path, state])).toEqual(
        list(9).map((i) => [`each[${i}]`, 'done']),
      )
    },
  )

  it.each([
    ['no list', { list: 'a' }, 'RUN_ITEMS'],
    ['more items than it may have', { list: list(4) }, 'RUN_ITEMS'],
  ])('fails before its first item at %s', async (_, inputs, code) => {
    const pipeline = world.pipeline('loop', [
      { id: 'each', tool: 'other', for_each: { items: '${{ inputs.list }}', max_items: 3 } },
    ])
    expect(await run(pipeline, inputs)).toMatchObject({ state: 'failed', error: { code } })
    expect(world.effects).toEqual([])
  })

  it('begins no further item once one has failed, and repeats only that one and what was not begun', async () => {
    let broken = true
    world.effect = (_, { n }) => {
      if (n === 2 && broken) throw new Error('broken')
      return n ?? null
    }
    const pipeline = world.pipeline('loop', [
      { id: 'each', tool: 'other', input: { n: '${{ item }}' }, for_each: { items: '${{ inputs.list }}' } },
    ])
    const failed = await run(pipeline, { list: list(5) })
    expect(failed).toMatchObject({ state: 'failed', steps: [{ state: 'failed' }] })
    expect(world.effects).toHaveLength(3)
    broken = false
    expect(await here.runs.resume(failed.id, { retry: true })).toMatchObject([{ state: 'done', output: list(5) }])
    expect(world.effects).toHaveLength(6)
  })

  it('asks for every item that needs it, and goes on with each as it is decided', async () => {
    const pipeline = world.pipeline('loop', [
      {
        id: 'each',
        tool: 'risky',
        input: { n: '${{ item }}' },
        for_each: { items: '${{ inputs.list }}', concurrency: 2 },
      },
    ])
    let waiting = await run(pipeline, { list: list(3) })
    expect(waiting.steps[0]?.steps?.map(({ state }) => state)).toEqual(['waiting', 'waiting'])
    await decide(waiting, 'approve', 1)
    waiting = await here.runs.settled(waiting.id)
    expect(waiting.steps[0]?.steps?.map(({ state }) => state)).toEqual(['waiting', 'done', 'waiting'])
    await decide(waiting, 'approve', 0)
    await here.runs.settled(waiting.id)
    await decide(waiting, 'approve', 1)
    expect(await here.runs.settled(waiting.id)).toMatchObject({ state: 'done', output: list(3).map((n) => ({ n })) })
    expect(world.effects).toHaveLength(3)
  })
})

describe('if', () => {
  it.each([
    [{ n: 5 }, 'done', ['echo', 'other']],
    [{ n: 1 }, 'skipped', ['other']],
  ])('with %j the step is %s', async (inputs, state, effects) => {
    const pipeline = world.pipeline('maybe', [
      { id: 'a', tool: 'echo', if: '${{ inputs.n > 3 }}' },
      { id: 'b', tool: 'other', input: { a: '${{ steps.a.output }}' } },
    ])
    expect(await run(pipeline, inputs)).toMatchObject({
      state: 'done',
      steps: [{ state }, { state: 'done' }],
      output: { a: state === 'done' ? {} : null },
    })
    expect(world.effects).toEqual(effects)
  })

  it('fails the step when it gives no boolean', async () => {
    const pipeline = world.pipeline('maybe', [{ id: 'a', tool: 'echo', if: '${{ inputs.n }}' }])
    expect(await run(pipeline, { n: 1 })).toMatchObject({ state: 'failed', error: { code: 'RUN_CONDITION' } })
    expect(world.effects).toEqual([])
  })
})

describe('retry', () => {
  const retry = { max_attempts: 3, backoff_ms: 1_000 }
  async function until(id: string, attempts: number): Promise<Run> {
    const seen = gatePromise()
    const stop = new AbortController()
    const following = here.runs.settled(id, {
      signal: stop.signal,
      onStep: ({ state, steps }) => {
        if (state !== 'running' || (steps[0]?.attempts === attempts && steps[0].due !== undefined)) seen.open()
      },
    })
    await seen.opened
    stop.abort()
    return following
  }

  it('waits longer each time, durably, and at last says what went wrong', async () => {
    world.effect = () => {
      throw new Error('still broken')
    }
    const { id } = await here.runs.start({
      pipeline: world.pipeline('r', [{ id: 's', tool: 'again', retry }]),
      inputs: {},
    })
    const first = await until(id, 1)
    expect(first).toMatchObject({ state: 'running', steps: [{ state: 'pending', due: world.now + 1_000 }] })
    world.now += 999
    await here.stop()
    here = await world.open()
    expect(world.effects).toHaveLength(1)
    world.now += 1
    const resumed = here.runs.resume(id)
    expect((await until(id, 2)).steps[0]?.due).toBe(world.now + 2_000)
    world.now += 2_000
    expect(await resumed).toMatchObject([{ state: 'failed', steps: [{ state: 'failed', attempts: 3 }] }])
    expect(world.effects).toEqual(['again', 'again', 'again'])
  })

  it('is not put off for ever by a clock that is set back', async () => {
    let broken = true
    world.effect = () => {
      if (broken) throw new Error('broken once')
      return 'fine'
    }
    const { id } = await here.runs.start({
      pipeline: world.pipeline('r', [{ id: 's', tool: 'again', retry }]),
      inputs: {},
    })
    await until(id, 1)
    broken = false
    world.now -= 24 * 3_600_000
    expect(await here.runs.resume(id)).toMatchObject([{ state: 'done', output: 'fine' }])
  })

  it('is one effect for whoever is called: every attempt carries the same key', async () => {
    const keys: unknown[] = []
    world.effect = (_, __, ctx) => {
      keys.push(ctx.idempotencyKey)
      if (keys.length < 3) throw new Error('broken')
      return 'fine'
    }
    const quick = { max_attempts: 3, backoff_ms: 0 }
    const done = await run(world.pipeline('r', [{ id: 's', tool: 'again', retry: quick }]))
    expect(done).toMatchObject({ state: 'done', steps: [{ attempts: 3 }] })
    expect(keys).toEqual([`${done.id}/s`, `${done.id}/s`, `${done.id}/s`])
    const intents = world.log().filter(({ type }) => type === 'tool.intent')
    expect(intents.map((record) => record['idempotency_key'])).toEqual(keys)
  })
})

describe('a step', () => {
  it('is given up after its timeout, and what it did is not known then', async () => {
    world.effect = () => new Promise(() => {})
    const pipeline = world.pipeline('slow', [{ id: 's', tool: 'other', timeout_ms: 1_500 }])
    expect(await run(pipeline)).toMatchObject({
      state: 'failed',
      error: { code: 'HANDLER_TIMEOUT', effect: 'unknown' },
    })
  })

  it.each([
    ['skip', 'done', ['skipped', 'done'], ['other']],
    ['fail', 'failed', ['denied', 'pending'], []],
  ])('that is denied: on_denied %s', async (on_denied, state, states, effects) => {
    const pipeline = world.pipeline('d', [
      { id: 'a', tool: 'refused', on_denied },
      { id: 'b', tool: 'other' },
    ])
    const ended = await run(pipeline)
    expect(ended.state).toBe(state)
    expect(ended.steps.map((step) => step.state)).toEqual(states)
    expect(ended.steps[0]?.error).toMatchObject({ code: 'TEST_REFUSED' })
    expect(world.effects).toEqual(effects)
  })

  it('that answers much has it kept as an artifact, whole, and later steps read it', async () => {
    const files = Array.from({ length: 30_000 }, (_, i) => `file-${i}.md`)
    const seen: unknown[] = []
    world.effect = (name, input) => {
      if (name === 'other') seen.push(input)
      return name === 'echo' ? { files } : input
    }
    const pipeline = world.pipeline('large', [
      { id: 'scan', tool: 'echo' },
      { id: 'ask', tool: 'risky' },
      { id: 'use', tool: 'other', input: { last: '${{ steps.scan.output.files[29999] }}' } },
    ])
    const waiting = await run(pipeline)
    expect(waiting.steps[0]).toMatchObject({ state: 'done', artifact: expect.stringMatching(/^art_/) })
    expect(waiting.steps[0]).not.toHaveProperty('output')
    await here.stop()
    here = await world.open()
    await decide(waiting, 'approve')
    expect((await here.runs.settled(waiting.id)).state).toBe('done')
    expect(seen).toEqual([{ last: 'file-29999.md' }])
  })
})

describe('a step that asks a person', () => {
  const asking = (more: JsonObject = {}) =>
    world.pipeline('ask', [
      { id: 'ok', approval: { message: 'Publish ${{ inputs.name }}?', show: { name: '${{ inputs.name }}' } }, ...more },
      { id: 'b', tool: 'other', input: { ok: '${{ steps.ok.output.approved }}' } },
    ])

  it.each([
    ['approve', 'fail', 'done', ['done', 'done'], { ok: true }],
    ['deny', 'fail', 'failed', ['denied', 'pending'], undefined],
  ] as const)('%s: the run goes on, or does not', async (verdict, on_denied, state, states, output) => {
    const waiting = await run(asking({ on_denied }), { name: 'v1' })
    expect(waiting).toMatchObject({ state: 'waiting', steps: [{ kind: 'approval', state: 'waiting' }, {}] })
    const [request] = await here.approvals.list()
    expect(request?.action.input).toMatchObject({ about: 'approval', message: 'Publish v1?', show: { name: 'v1' } })
    expect(request?.asks.map(({ reason }) => reason)).toContain('Publish v1?')
    await decide(waiting, verdict)
    const ended = await here.runs.settled(waiting.id)
    expect(ended.state).toBe(state)
    expect(ended.output).toEqual(output)
    expect(ended.steps.map((step) => step.state)).toEqual(states)
  })

  it('asks whatever the policy allows, and lets nobody but a run in hand ask', async () => {
    const { runAsk } = await import('../../plugins/runs/index.js')
    const input = { run: 'run_x', step: 's', about: 'approval' as const, message: 'really?', show: null }
    for (const actor of ['user:ada', { id: 'run:run_x', claimed: false }, { id: 'run:run_x', claimed: true }]) {
      expect(await here.kernel.act(runAsk, { target: 't', input, actor })).toMatchObject({ status: 'denied' })
    }
    expect(await here.approvals.list()).toEqual([])
  })
})

describe('a pipeline inside', () => {
  const inner = () =>
    world.pipeline('inner', [{ id: 'say', tool: 'echo', input: { text: '<${{ inputs.text }}>' } }], {
      inputs: {
        type: 'object',
        required: ['text'],
        properties: { text: { type: 'string' }, n: { type: 'integer', default: 3 } },
        additionalProperties: false,
      },
      output: { said: '${{ steps.say.output.text }}', n: '${{ inputs.n }}' },
    })

  it('is a part of the run, with inputs, defaults and an output of its own', async () => {
    const pipeline = world.pipeline('outer', [
      {
        id: 'each',
        pipeline: inner(),
        inputs: { text: '${{ item }}' },
        for_each: { items: ['a', 'b'], concurrency: 2 },
      },
      { id: 'last', tool: 'other', input: { all: '${{ steps.each.output }}' } },
    ])
    const done = await run(pipeline)
    const all = [
      { said: '<a>', n: 3 },
      { said: '<b>', n: 3 },
    ]
    expect(done).toMatchObject({ state: 'done', output: { all } })
    expect(done.steps[0]?.steps).toMatchObject([
      { path: 'each[0]', state: 'done', steps: [{ path: 'each[0]/say', tool: toolId('echo'), state: 'done' }] },
      { path: 'each[1]', state: 'done', steps: [{ path: 'each[1]/say', state: 'done' }] },
    ])
  })

  it('is not begun with inputs that do not fit', async () => {
    const pipeline = world.pipeline('outer', [
      { id: 'a', tool: 'echo' },
      { id: 'in', pipeline: inner(), inputs: { text: '${{ steps.a.output.text }}' } },
    ])
    world.effect = () => ({ text: 7 })
    expect(await run(pipeline)).toMatchObject({
      state: 'failed',
      error: { code: 'RUN_INPUTS_INVALID' },
      steps: [{ state: 'done' }, { state: 'failed' }],
    })
  })
})

describe('a dry run', () => {
  it('ends, and says that there is more, where loops inside loops come to more steps than anybody can wait for', async () => {
    world.pipeline('loop0', [{ id: 'ask', approval: { message: 'Go on?' } }])
    for (let i = 1; i <= 8; i++) {
      world.pipeline(`loop${i}`, [
        { id: 's', pipeline: `test.pack/loop${i - 1}`, for_each: { items: [1, 2, 3, 4, 5] } },
        { id: 't', pipeline: `test.pack/loop${i - 1}`, for_each: { items: [1, 2, 3, 4, 5] } },
      ])
    }
    const plan = await here.runs.preview({ pipeline: 'test.pack/loop8', inputs: {} })
    expect(plan).toHaveLength(10_001)
    expect(plan.at(-1)).toMatchObject({ verdict: 'later', reason: expect.stringContaining('more than a plan shows') })
  })

  it('shows the whole plan with what is filled in, and leaves later what depends on answers', async () => {
    world.pipeline('inner', [{ id: 'say', tool: 'echo', input: { text: '${{ inputs.text }}' } }])
    const pipeline = world.pipeline('plan', [
      { id: 'off', tool: 'other', if: '${{ inputs.n > 3 }}' },
      { id: 'each', tool: 'risky', input: { n: '${{ item }}' }, for_each: { items: '${{ inputs.list }}' } },
      { id: 'in', pipeline: 'test.pack/inner', inputs: { text: '${{ inputs.n }}' } },
      { id: 'ok', approval: { message: 'Go on with ${{ inputs.n }}?' } },
      { id: 'after', tool: 'other', input: { x: '${{ steps.each.output }}' } },
    ])
    const before = world.log()
    const plan = await here.runs.preview({ pipeline, inputs: { n: 1, list: list(7) } })
    expect(plan.map(({ path, verdict, input }) => [path, verdict, input])).toEqual([
      ['off', 'skip', undefined],
      ...list(5).map((n) => [`each[${n}]`, 'ask', { n }]),
      ['in/say', 'allow', { text: 1 }],
      ['ok', 'ask', undefined],
      ['after', 'later', undefined],
    ])
    expect(plan[5]?.times).toBe(7)
    expect(plan[7]?.reason).toBe('Go on with 1?')
    expect(world.effects).toEqual([])
    expect(world.log()).toEqual(before)
    expect(await here.approvals.list()).toEqual([])
  })
})
