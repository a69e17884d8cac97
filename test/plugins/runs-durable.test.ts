// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of pipelines are spelled like those of JavaScript
import type { Json } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Run } from '../../plugins/runs/index.js'
import { toolId } from '../fixtures/runs-tools.js'
import { gatePromise, type Process, type RunsWorld, runsWorld } from './runs-fixture.js'

let world: RunsWorld
beforeEach(async () => {
  world = await runsWorld()
})
afterEach(() => world.close())

async function run(at: Process, pipeline: string, inputs: Json = {}): Promise<Run> {
  const { id } = await at.runs.start({ pipeline, inputs })
  return at.runs.settled(id)
}

const asked = () =>
  world.pipeline('asked', [
    { id: 'a', tool: 'echo', input: { x: 1 } },
    { id: 'b', tool: 'risky', input: { x: '${{ steps.a.output.x }}' } },
    { id: 'c', tool: 'other' },
  ])

async function decide(at: Process, waiting: Run, verdict: 'approve' | 'deny', reason?: string): Promise<void> {
  const approval = waiting.steps.find(({ state }) => state === 'waiting')?.approval ?? ''
  await at.approvals.decide(approval, { verdict, by: at.kernel.actor(), ...(reason ? { reason } : {}) })
}

describe('a run that waits for a person', () => {
  it('holds its place, and goes on in the process that hears of the approval', async () => {
    const here = await world.open()
    const waiting = await run(here, asked())
    expect(waiting).toMatchObject({
      state: 'waiting',
      steps: [{ state: 'done' }, { state: 'waiting', approval: expect.any(String) }, { state: 'pending' }],
    })
    await decide(here, waiting, 'approve')
    expect(await here.runs.settled(waiting.id)).toMatchObject({ state: 'done' })
    expect(world.effects).toEqual(['echo', 'risky', 'other'])
    const [approval] = await here.approvals.list()
    expect(approval).toMatchObject({ state: 'used' })
  })

  it('survives its process, and a process that stops right after the decision has carried it on', async () => {
    const first = await world.open()
    const waiting = await run(first, asked())
    await first.stop()
    const second = await world.open()
    await decide(second, waiting, 'approve')
    await second.stop()
    const third = await world.open()
    expect(await third.runs.get(waiting.id)).toMatchObject({ state: 'done' })
    expect(world.effects).toEqual(['echo', 'risky', 'other'])
  })

  it('goes on when it is resumed after a decision that nobody heard', async () => {
    const first = await world.open()
    const waiting = await run(first, asked())
    await first.stop()
    const deaf = await world.open({ omit: ['cloned.runs'] })
    await decide(deaf, waiting, 'approve')
    await deaf.stop()
    const third = await world.open()
    expect(await third.runs.get(waiting.id)).toMatchObject({ state: 'waiting' })
    expect(await third.runs.resume()).toMatchObject([{ id: waiting.id, state: 'done' }])
    expect(world.effects).toEqual(['echo', 'risky', 'other'])
  })

  it('stays waiting when it is resumed before anybody decided', async () => {
    const here = await world.open()
    const waiting = await run(here, asked())
    expect(await here.runs.resume(waiting.id)).toEqual([waiting])
    expect(await here.approvals.list()).toHaveLength(1)
  })

  it('fails when it is denied, with the reason of the person', async () => {
    const here = await world.open()
    const waiting = await run(here, asked())
    await decide(here, waiting, 'deny', 'not today')
    expect(await here.runs.settled(waiting.id)).toMatchObject({
      state: 'failed',
      error: { code: 'RUN_APPROVAL_DENIED', message: expect.stringContaining('not today') },
      steps: [{ state: 'done' }, { state: 'denied' }, { state: 'pending' }],
    })
    expect(world.effects).toEqual(['echo'])
  })

  it('asks again when its approval has expired', async () => {
    const here = await world.open()
    const waiting = await run(here, asked())
    world.now += 8 * 24 * 3_600_000
    const [again] = await here.runs.resume(waiting.id)
    expect(again?.state).toBe('waiting')
    expect(again?.steps[1]?.approval).not.toBe(waiting.steps[1]?.approval)
    await decide(here, again as Run, 'approve')
    expect((await here.runs.settled(waiting.id)).state).toBe('done')
    expect(world.effects).toEqual(['echo', 'risky', 'other'])
  })

  it('takes its question back when it is cancelled, so that nobody approves what will not run', async () => {
    const here = await world.open()
    const waiting = await run(here, asked())
    const approval = waiting.steps[1]?.approval ?? ''
    await here.runs.cancel(waiting.id)
    expect(await here.approvals.get(approval)).toMatchObject({ state: 'denied' })
    await expect(decide(here, waiting, 'approve')).rejects.toMatchObject({ code: 'APPROVAL_UNUSABLE' })
    expect(await here.kernel.resume(approval)).toMatchObject({ status: 'denied' })
    expect((await here.runs.settled(waiting.id)).state).toBe('cancelled')
    expect(world.effects).toEqual(['echo'])
  })
})

describe('cancelling', () => {
  it('tells the call in hand to stop, and keeps what became of it', async () => {
    const here = await world.open()
    const entered = gatePromise()
    world.effect = async (_, __, ctx) => {
      entered.open()
      await new Promise((_resolve, reject) => {
        ctx.signal.addEventListener('abort', () => reject(new Error('told to stop')))
      })
      return null
    }
    const { id } = await here.runs.start({ pipeline: asked(), inputs: {} })
    await entered.opened
    await here.runs.cancel(id)
    await here.stop()
    const later = await world.open()
    expect(await later.runs.get(id)).toMatchObject({
      state: 'cancelled',
      steps: [{ state: 'failed', error: { code: 'CANCELLED' } }, { state: 'pending' }, { state: 'pending' }],
    })
    await expect(later.runs.resume(id)).rejects.toMatchObject({ code: 'RUN_ENDED' })
    await expect(later.runs.resume(id, { retry: true })).rejects.toMatchObject({ code: 'RUN_ENDED' })
    expect(world.effects).toEqual(['echo'])
  })

  it('is refused for a run that has ended or never was', async () => {
    const here = await world.open()
    const done = await run(here, world.pipeline('one', [{ id: 'a', tool: 'echo' }]))
    await expect(here.runs.cancel(done.id)).rejects.toMatchObject({ code: 'RUN_ENDED' })
    for (const call of [here.runs.cancel, here.runs.resume, here.runs.settled]) {
      await expect(call('run_nobody')).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
    }
  })
})

const hang = (entered: () => void): RunsWorld['effect'] => {
  return async (_, __, ctx) => {
    entered()
    await new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(new Error('stopped'))))
    return null
  }
}

describe('a process that stops in the middle of a step', () => {
  it.each<['again' | 'other', object, string[]]>([
    ['again', { state: 'done' }, ['again', 'again']],
    [
      'other',
      { state: 'waiting', steps: [{ error: { code: 'RUN_STEP_INDETERMINATE', effect: 'unknown' } }] },
      ['other'],
    ],
  ])('leaves the run to be resumed: %s', async (tool, ending, effects) => {
    const first = await world.open({ patienceMs: 0 })
    const entered = gatePromise()
    world.effect = hang(entered.open)
    const { id } = await first.runs.start({ pipeline: world.pipeline('p', [{ id: 's', tool }]), inputs: {} })
    await entered.opened
    await first.stop()
    world.effect = () => 'fine'
    const second = await world.open()
    expect(await second.runs.get(id)).toMatchObject({ state: 'running', steps: [{ state: 'running' }] })
    expect(await second.runs.resume()).toMatchObject([{ id, ...ending }])
    expect(world.effects).toEqual(effects)
  })

  it.each<[how: string, effects: string[], output?: string]>([
    ['approves', ['other', 'other'], 'fine'],
    ['denies', ['other']],
    ['retries', ['other', 'other'], 'fine'],
    ['says that it happened', ['other'], 'seen'],
  ])('repeats an indeterminate step on a person’s word only, who %s', async (how, effects, output) => {
    const first = await world.open({ patienceMs: 0 })
    const entered = gatePromise()
    world.effect = hang(entered.open)
    const { id } = await first.runs.start({ pipeline: world.pipeline('p', [{ id: 's', tool: 'other' }]), inputs: {} })
    await entered.opened
    await first.stop()
    world.effect = () => 'fine'
    const second = await world.open()
    await second.runs.resume(id)
    const asking = { state: 'waiting', steps: [{ state: 'indeterminate', approval: expect.any(String) }] }
    expect(await second.runs.get(id)).toMatchObject(asking)
    expect(await second.runs.resume(id)).toMatchObject([asking])
    expect(world.effects).toEqual(['other'])
    const [question] = await second.approvals.list()
    expect(question).toMatchObject({
      state: 'pending',
      action: { kind: 'run.ask', input: { about: 'repeat', step: 's' } },
    })
    if (how === 'approves') {
      await second.approvals.decide(question?.id ?? '', { verdict: 'approve', by: second.kernel.actor() })
      expect(await second.runs.settled(id)).toMatchObject({ state: 'done', output: 'fine' })
    } else if (how === 'denies') {
      await second.approvals.decide(question?.id ?? '', { verdict: 'deny', by: second.kernel.actor() })
      expect(await second.runs.settled(id)).toMatchObject({
        state: 'failed',
        error: { code: 'RUN_STEP_INDETERMINATE', effect: 'unknown' },
      })
    } else {
      const answer = how === 'retries' ? { retry: true } : { happened: { output: 'seen' } }
      expect(await second.runs.resume(id, answer)).toMatchObject([{ state: 'done', output }])
      const state = how === 'retries' ? 'used' : 'denied'
      expect(await second.approvals.get(question?.id ?? '')).toMatchObject({ state })
    }
    expect(world.effects).toEqual(effects)
  })
})

describe('somebody whose word does not count on a request', () => {
  it('cannot have the call made again by a retry instead', async () => {
    await world.close()
    world = await runsWorld('shared')
    const first = await world.open({ patienceMs: 0 })
    const entered = gatePromise()
    world.effect = hang(entered.open)
    const { id } = await first.runs.start({ pipeline: world.pipeline('p', [{ id: 's', tool: 'other' }]), inputs: {} })
    await entered.opened
    await first.stop()
    world.effect = () => 'fine'
    const second = await world.open()
    await second.runs.resume(id)
    for (const actor of [undefined, { id: 'agent:a' }, { id: 'agent:a', claimed: true }]) {
      await expect(second.runs.resume(id, { retry: true, actor })).rejects.toMatchObject({ code: 'APPROVER_REFUSED' })
    }
    expect(await second.runs.get(id)).toMatchObject({ state: 'waiting', steps: [{ state: 'indeterminate' }] })
    expect(world.log().filter(({ type }) => type === 'run.retry')).toEqual([])
    const other = { id: 'device:d', osUser: 'somebody-else' }
    expect(await second.runs.resume(id, { retry: true, actor: other })).toMatchObject([{ state: 'done' }])
    expect(world.effects).toEqual(['other', 'other'])
  })
})

describe('several processes on one workspace', () => {
  it('spend together what the constitution of a run gives, whoever carries it last', async () => {
    const [first, second] = [await world.open(), await world.open()]
    const call = (id: string) => ({ id, tool: 'other' }) as const
    const wait = (id: string) => ({ id, approval: { message: 'Go on?' } })
    const steps = [call('a'), wait('b'), call('c'), call('d'), wait('e'), call('f')]
    const started = await run(first, world.pipeline('p', steps, { constitution: { max_cost: { calls: 3 } } }))
    const goOn = async (by: Process, waiting: Run) => {
      const approval = waiting.steps.find(({ state }) => state === 'waiting')?.approval ?? ''
      await by.approvals.decide(approval, { verdict: 'approve', by: by.kernel.actor() })
      return by.runs.settled(waiting.id)
    }
    const ended = await goOn(first, await goOn(second, started))
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'CONSTITUTION_COST' } })
    expect(world.effects).toEqual(['other', 'other', 'other'])
  })

  it('carry a run out once, however many resume it', async () => {
    const first = await world.open()
    const waiting = await run(first, asked())
    const deaf = await world.open({ omit: ['cloned.runs'] })
    await decide(deaf, waiting, 'approve')
    const others = [first, await world.open(), await world.open()]
    const ends = await Promise.all(others.map(({ runs }) => runs.resume(waiting.id)))
    expect(ends.map(([end]) => end?.state)).toEqual(['done', 'done', 'done'])
    expect(world.effects).toEqual(['echo', 'risky', 'other'])
  })

  it('see a run to its end that another one carries', async () => {
    const carrier = await world.open()
    const watcher = await world.open()
    const [entered, release] = [gatePromise(), gatePromise()]
    world.effect = async () => {
      entered.open()
      await release.opened
      return 'late'
    }
    const { id } = await carrier.runs.start({ pipeline: world.pipeline('p', [{ id: 's', tool: 'other' }]), inputs: {} })
    await entered.opened
    const seen: string[] = []
    const settled = watcher.runs.settled(id, ({ steps }) => seen.push(String(steps[0]?.state)))
    const resumed = watcher.runs.resume(id)
    release.open()
    expect(await settled).toMatchObject({ state: 'done', output: 'late' })
    expect(await resumed).toMatchObject([{ state: 'done' }])
    expect(seen.at(-1)).toBe('done')
    expect(world.effects).toEqual(['other'])
  })
})

describe('the constitution', () => {
  it('holds a run to the tools of its pipeline, in what its tools call too', async () => {
    const here = await world.open()
    let nested: unknown
    world.effect = async (name, input, ctx) => {
      if (name === 'echo') nested = await ctx.call(toolId('other'), {})
      return input
    }
    const pipeline = world.pipeline('narrow', [{ id: 'a', tool: 'echo' }], { allowed_tools: [toolId('echo')] })
    expect(await run(here, pipeline)).toMatchObject({ state: 'failed', steps: [{ state: 'failed' }] })
    expect(nested).toMatchObject({
      status: 'denied',
      code: 'CONSTITUTION_TOOL',
      reason: expect.stringContaining('test.pack/narrow'),
    })
    expect(world.effects).toEqual(['echo'])
  })

  it.each([
    ['claims to be a run', { claimed: true }, 'RUN_CLAIMED'],
    ['is a run that nobody carries out', { claimed: false }, 'RUN_INACTIVE'],
  ])('denies an actor that %s', async (_, { claimed }, code) => {
    const here = await world.open()
    const done = await run(here, world.pipeline('one', [{ id: 'a', tool: 'echo' }]))
    for (const id of [`run:${done.id}`, 'run:nobody']) {
      const outcome = await here.kernel.call({ tool: toolId('echo'), input: {}, actor: { id, claimed } })
      expect(outcome).toMatchObject({ status: 'denied', code })
    }
    expect(world.effects).toEqual(['echo'])
  })

  it('denies a claim while the run is in hand', async () => {
    const here = await world.open()
    let outcome: unknown
    world.effect = async (name, input, ctx) => {
      if (name === 'echo') {
        const actor = { id: ctx.actor.id, claimed: true }
        outcome = await here.kernel.call({ tool: toolId('other'), input: {}, actor })
      }
      return input
    }
    await run(here, world.pipeline('one', [{ id: 'a', tool: 'echo' }]))
    expect(outcome).toMatchObject({ status: 'denied', code: 'RUN_CLAIMED' })
    expect(world.effects).toEqual(['echo'])
  })

  it('lets nobody start, retry or cancel a run in the name of one', async () => {
    const here = await world.open()
    const actor = { id: 'run:somebody', claimed: true }
    const pipeline = asked()
    await expect(here.runs.start({ pipeline, inputs: {}, actor })).rejects.toMatchObject({ code: 'RUN_CLAIMED' })
    const waiting = await run(here, pipeline)
    await expect(here.runs.cancel(waiting.id, { actor })).rejects.toMatchObject({ code: 'RUN_CLAIMED' })
    expect((await here.runs.get(waiting.id))?.state).toBe('waiting')
  })
})
