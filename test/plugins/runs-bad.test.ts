// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of pipelines are spelled like those of JavaScript
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Run, runsSlot } from '../../plugins/runs/index.js'
import { storeSlot } from '../../plugins/store/slot.js'
import { initKilled, openKilled, PIPELINE } from '../fixtures/runs-killed-parts.js'
import { gatePromise, type Process, type RunsWorld, runsWorld } from './runs-fixture.js'

let world: RunsWorld
beforeEach(async () => {
  world = await runsWorld()
})
afterEach(() => world.close())

async function run(at: Process, pipeline: string, inputs: unknown = {}): Promise<Run> {
  const { id } = await at.runs.start({ pipeline, inputs })
  return at.runs.settled(id)
}

const asked = () =>
  world.pipeline('asked', [
    { id: 'a', tool: 'risky' },
    { id: 'b', tool: 'other' },
  ])

const approvalOf = ({ steps }: Run) => steps[0]?.approval ?? ''

/** An effect that waits until it is let go, or told to stop. */
function held(): { readonly entered: Promise<void>; letGo(): void; readonly effect: RunsWorld['effect'] } {
  const [entered, gone] = [gatePromise(), gatePromise()]
  const effect: RunsWorld['effect'] = async (name, _, ctx) => {
    if (name !== 'other') return name
    entered.open()
    const stopped = new Promise<never>((_resolve, reject) =>
      ctx.signal.addEventListener('abort', () => reject(new Error('stopped'))),
    )
    await Promise.race([gone.opened, stopped])
    return 'let go'
  }
  return { entered: entered.opened, letGo: gone.open, effect }
}

describe('what people do to a run at the wrong moment', () => {
  it('two resumes at once, in one process or in two, carry it out once', async () => {
    const first = await world.open()
    const waiting = await run(first, asked())
    const deaf = await world.open({ omit: ['cloned.runs'] })
    await deaf.approvals.decide(approvalOf(waiting), { verdict: 'approve', by: deaf.kernel.actor() })
    const second = await world.open()
    const resumes = [first, first, second, second].map(({ runs }) => runs.resume(waiting.id))
    for (const [ended] of await Promise.all(resumes)) expect(ended?.state).toBe('done')
    expect(world.effects).toEqual(['risky', 'other'])
  })

  it('two retries at once repeat the step once', async () => {
    const here = await world.open()
    world.effect = () => {
      throw new Error('broken')
    }
    const failed = await run(here, world.pipeline('p', [{ id: 's', tool: 'other' }]))
    world.effect = () => 'fine'
    const tries = await Promise.allSettled([1, 2].map(() => here.runs.resume(failed.id, { retry: true })))
    expect(tries[0]).toMatchObject({ status: 'fulfilled', value: [{ state: 'done' }] })
    expect(await here.runs.get(failed.id)).toMatchObject({ state: 'done' })
    expect(world.effects).toEqual(['other', 'other'])
  })

  it('a run that is cancelled while it waits has no step that waits', async () => {
    const here = await world.open()
    const waiting = await run(here, asked())
    expect(await here.runs.cancel(waiting.id)).toMatchObject({
      state: 'cancelled',
      steps: [{ state: 'cancelled' }, { state: 'pending' }],
    })
    expect(await here.approvals.get(approvalOf(waiting))).toMatchObject({ state: 'denied' })
  })

  it('an approval that was given does not run what was cancelled', async () => {
    const here = await world.open()
    const waiting = await run(here, asked())
    const deaf = await world.open({ omit: ['cloned.runs'] })
    await deaf.approvals.decide(approvalOf(waiting), { verdict: 'approve', by: deaf.kernel.actor() })
    await here.runs.cancel(waiting.id)
    expect(await here.kernel.resume(approvalOf(waiting))).toMatchObject({ status: 'denied', code: 'RUN_INACTIVE' })
    expect(await here.runs.settled(waiting.id)).toMatchObject({ state: 'cancelled' })
    expect(world.effects).toEqual([])
  })

  it('a cancel in another process tells the call in hand to stop', async () => {
    const carrier = await world.open()
    const other = await world.open()
    const { entered, effect } = held()
    world.effect = effect
    const { id } = await carrier.runs.start({ pipeline: world.pipeline('p', [{ id: 's', tool: 'other' }]), inputs: {} })
    await entered
    await other.runs.cancel(id)
    await carrier.stop()
    expect(await other.runs.get(id)).toMatchObject({
      state: 'cancelled',
      steps: [{ state: 'failed', error: { code: 'CANCELLED', effect: 'unknown' } }],
    })
  })

  it('a pause lets the call in hand end, begins nothing, and holds until somebody resumes', async () => {
    const here = await world.open()
    const { entered, letGo, effect } = held()
    world.effect = effect
    const pipeline = world.pipeline('p', [
      { id: 'a', tool: 'other' },
      { id: 'b', tool: 'echo' },
    ])
    const { id } = await here.runs.start({ pipeline, inputs: {} })
    await entered
    expect(await here.runs.pause(id)).toMatchObject({ state: 'paused' })
    letGo()
    const stop = here.stop()
    await stop
    const later = await world.open()
    expect(await later.runs.resume()).toEqual([])
    expect(await later.runs.settled(id)).toMatchObject({
      state: 'paused',
      steps: [{ state: 'done', output: 'let go' }, { state: 'pending' }],
    })
    expect(await later.runs.resume(id)).toMatchObject([{ state: 'done', output: 'echo' }])
    await expect(later.runs.pause(id)).rejects.toMatchObject({ code: 'RUN_ENDED' })
    expect(world.log().map(({ type }) => type)).toEqual(expect.arrayContaining(['run.pause', 'run.resume']))
  })

  it('a paused run hears of its approval when it is resumed', async () => {
    const here = await world.open()
    const waiting = await run(here, asked())
    await here.runs.pause(waiting.id)
    await here.approvals.decide(approvalOf(waiting), { verdict: 'approve', by: here.kernel.actor() })
    expect(await here.runs.settled(waiting.id)).toMatchObject({ state: 'paused', steps: [{ state: 'waiting' }, {}] })
    expect(world.effects).toEqual([])
    expect(await here.runs.resume(waiting.id)).toMatchObject([{ state: 'done' }])
  })
})

describe('the word of a person', () => {
  it('about a run that has moved since undoes nothing that was done', async () => {
    const { createLedger } = await import('../../plugins/runs/ledger.js')
    const { repeated } = await import('../../plugins/runs/repair.js')
    const { storeSlot } = await import('cloned/plugins/store')
    const here = await world.open()
    world.effect = () => {
      throw new Error('broken')
    }
    const { id } = await run(here, world.pipeline('p', [{ id: 's', tool: 'other' }]))
    const ledger = createLedger(
      here.kernel.service(storeSlot),
      () => world.now,
      () => {},
    )
    const stale = await ledger.load(id)
    if (!stale) throw new Error('it is not there')
    // Since then it was repeated, and has failed again.
    await here.runs.resume(id, { retry: true })
    const how = { from: ['failed'], version: stale.version, to: 'running' } as const
    expect(await ledger.change(id, how, repeated(stale))).toBe(false)
    expect(await here.runs.get(id)).toMatchObject({ state: 'failed', steps: [{ state: 'failed' }] })
  })
})

describe('starting again', () => {
  it('takes over what the steps before answered, and makes only the later calls', async () => {
    const here = await world.open()
    world.effect = (name) => ({ name, nth: world.effects.length })
    const pipeline = world.pipeline('p', [
      { id: 'a', tool: 'echo' },
      { id: 'loop', tool: 'again', for_each: { items: [1, 2] } },
      { id: 'c', tool: 'other', input: { a: '${{ steps.a.output.nth }}', loop: '${{ steps.loop.output[1].nth }}' } },
    ])
    const done = await run(here, pipeline)
    const again = await here.runs.rerun(done.id, { from: 'c' })
    expect(again.id).not.toBe(done.id)
    const ended = await here.runs.settled(again.id)
    expect(ended).toMatchObject({ state: 'done', rerunOf: done.id, output: { name: 'other', nth: 5 } })
    expect(ended.steps[1]?.steps).toHaveLength(2)
    expect(world.effects).toEqual(['echo', 'again', 'again', 'other', 'other'])
    expect((await here.runs.settled((await here.runs.rerun(done.id)).id)).state).toBe('done')
    expect(world.effects).toHaveLength(9)
    await expect(here.runs.rerun(done.id, { from: 'x' })).rejects.toMatchObject({ code: 'RUN_STEP_UNKNOWN' })
    expect(world.log().filter(({ type }) => type === 'run.start')).toMatchObject([
      {},
      { rerun_of: done.id, from: 'c' },
      {},
    ])
  })
})

describe('starting again what a person was asked about', () => {
  it('asks anew, also inside of loops and pipelines that were gone through', async () => {
    const here = await world.open()
    world.pipeline('confirm', [
      { id: 'before', tool: 'echo' },
      { id: 'ok', approval: { message: 'Pay ${{ inputs.who }}?' } },
    ])
    const pipeline = world.pipeline('pay', [
      { id: 'ask', approval: { message: 'Pay?' } },
      {
        id: 'each',
        for_each: { items: ['a'] },
        pipeline: 'test.pack/confirm',
        inputs: { who: '${{ item }}' },
      },
      { id: 'pay', tool: 'other' },
    ])
    const approve = async ({ id }: Run) => {
      const [request] = await here.approvals.list({ state: 'pending' })
      await here.approvals.decide(request?.id ?? '', { verdict: 'approve', by: here.kernel.actor() })
      return here.runs.settled(id)
    }
    const done = await approve(await approve(await run(here, pipeline)))
    expect(done.state).toBe('done')
    const again = await here.runs.settled((await here.runs.rerun(done.id, { from: 'pay' })).id)
    expect(again).toMatchObject({ state: 'waiting', steps: [{ state: 'waiting' }, {}, { state: 'pending' }] })
    const asking = await approve(again)
    expect(asking).toMatchObject({ state: 'waiting', steps: [{ state: 'done' }, { state: 'waiting' }, {}] })
    expect(world.effects).toEqual(['echo', 'other'])
    expect((await approve(asking)).state).toBe('done')
    expect(world.effects).toEqual(['echo', 'other', 'other'])
  })

  it('is refused once its pack is gone', async () => {
    const here = await world.open()
    const done = await run(here, world.pipeline('p', [{ id: 'a', tool: 'other' }]))
    rmSync(join(world.root, '.cloned/skills/test'), { recursive: true })
    await expect(here.runs.rerun(done.id)).rejects.toMatchObject({ code: 'RUN_PIPELINE_GONE' })
    expect(world.effects).toEqual(['other'])
  })
})

describe('what changes under a run', () => {
  it('a pack that goes while the run has no room stops it before its first call', async () => {
    const here = await world.open({ maxRuns: 1 })
    const { entered, letGo, effect } = held()
    world.effect = effect
    const pipeline = world.pipeline('p', [{ id: 'a', tool: 'other' }])
    const first = await here.runs.start({ pipeline, inputs: {} })
    await entered
    const second = await here.runs.start({ pipeline, inputs: {} })
    const later = () =>
      here.kernel
        .service(storeSlot)
        .all('select due from store_wakes where key = $1 and due > cast($2 as bigint)', second.id, world.now)
    // It was looked at, and put off.
    await expect.poll(later, { timeout: 5_000 }).toHaveLength(1)
    rmSync(join(world.root, '.cloned/skills/test'), { recursive: true })
    letGo()
    expect((await here.runs.settled(first.id)).state).toBe('done')
    world.now += 1000
    const ended = await here.runs.settled(second.id)
    expect(ended).toMatchObject({ state: 'failed', error: { code: 'RUN_PIPELINE_GONE' } })
    expect(world.effects).toEqual(['other'])
  })

  it('a pack that is gone stops it with a clear word, and a retry goes on once it is back', async () => {
    const first = await world.open()
    const waiting = await run(first, asked())
    await first.stop()
    const file = join(world.root, '.cloned/skills/test/pipelines/asked.yaml')
    rmSync(file)
    const second = await world.open()
    await second.approvals.decide(approvalOf(waiting), { verdict: 'approve', by: second.kernel.actor() })
    expect(await second.runs.settled(waiting.id)).toMatchObject({
      state: 'failed',
      error: { code: 'RUN_PIPELINE_GONE' },
    })
    expect(world.effects).toEqual([])
    asked()
    expect(await second.runs.resume(waiting.id, { retry: true })).toMatchObject([{ state: 'done' }])
  })

  it('a run of an older version says that it cannot go on', async () => {
    const first = await world.open()
    const waiting = await run(first, asked())
    const { storeSlot } = await import('cloned/plugins/store')
    await first.kernel.service(storeSlot).write([{ sql: 'update runs set format = 1' }])
    await first.stop()
    const second = await world.open()
    await second.approvals.decide(approvalOf(waiting), { verdict: 'approve', by: second.kernel.actor() })
    expect(await second.runs.settled(waiting.id)).toMatchObject({ state: 'failed', error: { code: 'RUN_FORMAT' } })
  })

  it('a tool that is gone when its step comes denies the step', async () => {
    const first = await world.open()
    const waiting = await run(first, asked())
    await first.stop()
    const without = await world.open({ omit: ['test.tools'] })
    await without.approvals.decide(approvalOf(waiting), { verdict: 'approve', by: without.kernel.actor() })
    expect(await without.runs.settled(waiting.id)).toMatchObject({ state: 'failed' })
    expect(world.effects).toEqual([])
  })
})

describe('a budget that runs out in the middle of a loop', () => {
  it('denies the items that it does not pay for, counts what ran, and the rest goes on when there is more', async () => {
    const root = mkdtempSync(join(tmpdir(), 'cloned-budget-'))
    initKilled(root)
    const effects = () => readFileSync(join(root, 'effects.log'), 'utf8').trim().split('\n').length
    const opened = await openKilled(root, 3)
    try {
      const runs = opened.service(runsSlot)
      const { id } = await runs.start({ pipeline: PIPELINE, inputs: { name: 'x' } })
      const failed = await runs.settled(id)
      expect(failed).toMatchObject({ state: 'failed', error: { code: 'BUDGET_EXCEEDED', effect: 'none' } })
      expect(failed.steps[1]?.steps?.map(({ state }) => state).sort()).toEqual(['denied', 'done', 'done'])
      expect(effects()).toBe(3)
      await opened.stop()
      const richer = await openKilled(root, 6)
      expect(await richer.service(runsSlot).resume(id, { retry: true })).toMatchObject([{ state: 'done' }])
      expect(effects()).toBe(6)
      await richer.stop()
    } finally {
      await opened.stop()
      rmSync(root, { recursive: true, force: true })
    }
  })
})

describe('how many runs are in hand', () => {
  it.each([
    ['all runs', { maxRuns: 2 }, ['one', 'two']],
    ['one pipeline', { maxRunsOfPipeline: 2 }, ['one', 'one']],
  ])('is bounded for %s, in all processes together, and the others follow', async (_, limits, names) => {
    const processes = [await world.open(limits), await world.open(limits)]
    let [busy, most] = [0, 0]
    const full = gatePromise()
    world.effect = async () => {
      most = Math.max(most, ++busy)
      if (busy === 2) full.open()
      await full.opened
      // Long enough for another one to slip in, if it could.
      for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate)
      busy--
      return null
    }
    const ids = names.map((name) => world.pipeline(name, [{ id: 's', tool: 'other' }]))
    const started = await Promise.all(
      [0, 1, 2, 3, 4].map((n) => {
        const at = processes[n % 2] ?? processes[0]
        return at?.runs.start({ pipeline: ids[n % ids.length] ?? '', inputs: {} })
      }),
    )
    for (const begun of started)
      expect(await processes[0]?.runs.settled(begun?.id ?? '')).toMatchObject({ state: 'done' })
    expect(most).toBe(2)
    expect(world.effects).toHaveLength(5)
  })
})
