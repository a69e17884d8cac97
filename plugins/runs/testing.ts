// The rules that every runner of pipelines keeps, as cases for any test runner; must never rely on how one stores its runs.
import assert from 'node:assert/strict'
import { type ActorInput, approvalsSlot, auditSlot, type Json, type JsonObject, type Kernel } from 'cloned/kernel'
import { benchRules, benchTool, benchTools, type ContractCase, codeOf, type OpenReplaced } from 'cloned/testing'
import { type Run, runsSlot } from './slot.js'
import { benchPack } from './testing-pipelines.js'

/** The contract of slot `cloned.runs`. */
export function runsSuite(open: OpenReplaced): readonly ContractCase[] {
  const rule = benchRules(open, () => benchTools(benchPack))
  return [
    rule(
      'steps are governed calls of the run, one after the other, each with what came before',
      async ({ kernel }, bench) => {
        bench.effect = ({ n }) => ({ n: Number(n) + 1 })
        const run = await ended(kernel, 'bench.pack/chain', { n: 1 })
        assert.deepEqual([run.state, run.output, run.error], ['done', { last: 3, text: 'n is 2' }, undefined])
        assert.deepEqual(
          bench.ran.map(({ actor, input }) => [actor, input]),
          [
            [`run:${run.id}`, { n: 1 }],
            [`run:${run.id}`, { n: 2 }],
          ],
        )
        assert.deepEqual(steps(run), { first: 'done', second: 'done' })
        for (const { callId = '' } of run.steps) {
          const [intent] = await kernel.service(auditSlot).find(callId)
          assert.equal((intent?.record['actor'] as JsonObject | undefined)?.['claimed'], false)
        }
      },
    ),
    rule('a run that was started is kept with who started it, and the newest is listed first', async (subject) => {
      const { kernel } = subject
      const first = await ended(kernel, 'bench.pack/one', { n: 1 }, { id: 'agent:bench', claimed: true })
      subject.advance(1_000)
      const second = await ended(kernel, 'bench.pack/one', { n: 2 })
      assert.deepEqual([first.actor.id, first.actor.claimed, first.inputs], ['agent:bench', true, { n: 1 }])
      assert.match(first.pipelineDigest, /^[0-9a-f]{64}$/)
      const again = (await subject.reopen()).service(runsSlot)
      assert.deepEqual(await again.get(first.id), first)
      assert.deepEqual(await again.list(), [second, first])
      assert.deepEqual(await again.list({ limit: 1 }), [second])
      assert.equal(await again.get('run_0000000000000000'), undefined)
    }),
    rule('what cannot be run is refused before anything runs', async ({ kernel }, { ran }) => {
      const runs = kernel.service(runsSlot)
      const rows: [code: string, pipeline: string, inputs: Json, actor?: ActorInput][] = [
        ['PIPELINE_UNKNOWN', 'bench.pack/unheard-of', {}],
        ['RUN_INPUTS_INVALID', 'bench.pack/one', { n: 'one' }],
        ['RUN_INPUTS_INVALID', 'bench.pack/one', null],
        ['RUN_CLAIMED', 'bench.pack/one', { n: 1 }, { id: 'run:run_0000000000000000', claimed: true }],
      ]
      for (const [code, pipeline, inputs, actor] of rows) {
        assert.equal(await codeOf(() => runs.start({ pipeline, inputs, actor })), code)
        assert.equal(await codeOf(() => runs.preview({ pipeline, inputs, actor })), code)
      }
      assert.deepEqual([ran, await runs.list()], [[], []])
    }),
    rule('nobody acts as a run: not by a claim, and not as one that is over', async ({ kernel }, bench) => {
      const { id } = await ended(kernel, 'bench.pack/one', { n: 1 })
      const { length } = bench.ran
      for (const actor of [`run:${id}`, { id: `run:${id}`, claimed: false }, 'run:run_0000000000000000']) {
        const outcome = await kernel.call({ tool: benchTool('free'), input: {}, actor })
        assert.equal(outcome.status, 'denied', JSON.stringify(actor))
      }
      assert.equal(bench.ran.length, length)
    }),
    rule('a call inside a step is held to the pipeline too', async ({ kernel }, bench) => {
      let inner: string | undefined
      bench.effect = async (input, ctx) => {
        if (input['n'] !== 1) return input
        inner = (await ctx.call(benchTool('asked'), { n: 9 })).status
        return {}
      }
      const run = await ended(kernel, 'bench.pack/one', { n: 1 })
      assert.deepEqual([inner, run.state], ['denied', 'failed'])
      assert.ok(!bench.ran.some(({ tool }) => tool === 'asked'))
    }),
    rule('a step that asks waits for a person, over a restart, and its call is made once', async (subject, { ran }) => {
      const waiting = await ended(subject.kernel, 'bench.pack/asked', { n: 1 })
      const [step] = waiting.steps
      assert.deepEqual([waiting.state, step?.state, ran.length], ['waiting', 'waiting', 0])
      await subject.reopen()
      const runs = subject.kernel.service(runsSlot)
      assert.equal((await runs.resume(waiting.id))[0]?.state, 'waiting')
      await decide(subject.kernel, step?.approval, 'approve')
      const [run] = await runs.resume(waiting.id)
      assert.deepEqual([run?.state, ran.map(({ tool }) => tool)], ['done', ['asked', 'free']])
    }),
    rule('a person who says no ends the run where it stands', async ({ kernel }, { ran }) => {
      const waiting = await ended(kernel, 'bench.pack/asked', { n: 1 })
      await decide(kernel, waiting.steps[0]?.approval, 'deny')
      const [run] = await kernel.service(runsSlot).resume(waiting.id)
      assert.deepEqual([run?.state, run && steps(run).ask, ran], ['failed', 'denied', []])
      assert.equal(await codeOf(() => kernel.service(runsSlot).resume(waiting.id)), 'RUN_ENDED')
    }),
    rule(
      'a pipeline asks a person itself, whatever the policy allows, and shows what it was told to',
      async ({ kernel }) => {
        const waiting = await ended(kernel, 'bench.pack/question', { n: 1 })
        assert.equal(waiting.state, 'waiting')
        const approval = waiting.steps[0]?.approval
        const { action } = (await kernel.service(approvalsSlot).get(approval ?? '')) ?? {}
        const { message, show } = (action?.input ?? {}) as JsonObject
        assert.deepEqual([message, show, action?.actor.id], ['Is 1 right?', { n: 1 }, `run:${waiting.id}`])
        await decide(kernel, approval, 'approve')
        const [run] = await kernel.service(runsSlot).resume(waiting.id)
        assert.deepEqual([run?.state, run?.output], ['done', { said: { approved: true } }])
      },
    ),
    rule('a denied step fails the run, or is skipped where the pipeline says so', async ({ kernel }, { ran }) => {
      const failed = await ended(kernel, 'bench.pack/refused', { n: 1 })
      assert.deepEqual([failed.state, steps(failed), ran], ['failed', { no: 'denied' }, []])
      assert.deepEqual([failed.error?.code, failed.error?.effect], ['BENCH_REFUSED', 'none'])
      const skipped = await ended(kernel, 'bench.pack/skips', { n: 1 })
      assert.deepEqual([skipped.state, steps(skipped)], ['done', { no: 'skipped', last: 'done' }])
      assert.deepEqual(skipped.output, { no: null })
    }),
    rule('a step that failed ends the run, and is repeated only when a person says so', async ({ kernel }, bench) => {
      bench.effect = () => {
        throw new Error('not now')
      }
      const failed = await ended(kernel, 'bench.pack/chain', { n: 1 })
      assert.deepEqual([failed.state, steps(failed), bench.ran.length], ['failed', { first: 'failed' }, 1])
      const runs = kernel.service(runsSlot)
      await codeOf(() => runs.resume())
      assert.equal(bench.ran.length, 1)
      bench.effect = ({ n }) => ({ n: Number(n) + 1 })
      const [run] = await runs.resume(failed.id, { retry: true })
      assert.deepEqual([run?.state, run?.output], ['done', { last: 3, text: 'n is 2' }])
      assert.equal(bench.ran.length, 3)
    }),
    rule('conditions skip, loops keep the order of their items', async ({ kernel }, bench) => {
      bench.effect = ({ n }) => ({ n: Number(n) * 10 })
      const run = await ended(kernel, 'bench.pack/loop', { items: [3, 1, 2] })
      assert.deepEqual(run.output, { all: [{ n: 30 }, { n: 10 }, { n: 20 }], never: null })
      assert.deepEqual(steps(run), { all: 'done', never: 'skipped' })
    }),
    rule('a preview judges every step, and runs, writes and records nothing', async ({ kernel }, { ran }) => {
      const runs = kernel.service(runsSlot)
      const before = await recorded(kernel)
      const plan = await runs.preview({ pipeline: 'bench.pack/asked', inputs: { n: 1 } })
      assert.deepEqual(
        plan.map(({ path, verdict }) => [path, verdict]),
        [
          ['ask', 'ask'],
          ['last', 'allow'],
        ],
      )
      const [denied] = await runs.preview({ pipeline: 'bench.pack/refused', inputs: { n: 1 } })
      assert.equal(denied?.verdict, 'deny')
      assert.deepEqual([ran, await runs.list(), await recorded(kernel)], [[], [], before])
    }),
    rule('a cancelled run ends for good, and what waits for it is withdrawn', async ({ kernel }, { ran }) => {
      const runs = kernel.service(runsSlot)
      const waiting = await ended(kernel, 'bench.pack/asked', { n: 1 })
      assert.equal((await runs.cancel(waiting.id)).state, 'cancelled')
      const request = await kernel.service(approvalsSlot).get(waiting.steps[0]?.approval ?? '')
      assert.notEqual(request?.state, 'pending')
      for (const change of [runs.resume, runs.pause, runs.cancel])
        assert.equal(await codeOf(() => change(waiting.id)), 'RUN_ENDED')
      assert.deepEqual(ran, [])
    }),
    rule('a paused run begins nothing until it is resumed', async ({ kernel }, bench) => {
      const runs = kernel.service(runsSlot)
      const paused: Promise<Run>[] = []
      bench.effect = ({ n }, { actor }) => {
        if (paused.length === 0) paused.push(runs.pause(actor.id.slice('run:'.length)))
        return { n: Number(n) + 1 }
      }
      const { id } = await runs.start({ pipeline: 'bench.pack/chain', inputs: { n: 1 } })
      const stopped = await runs.settled(id)
      await Promise.all(paused)
      assert.deepEqual([stopped.state, bench.ran.length], ['paused', 1])
      await runs.resume()
      assert.equal(bench.ran.length, 1)
      const [run] = await runs.resume(id)
      assert.deepEqual([run?.state, bench.ran.length], ['done', 2])
    }),
    rule('a rerun takes over what came before the step that it begins with', async ({ kernel }, bench) => {
      bench.effect = ({ n }) => ({ n: Number(n) + 1 })
      const runs = kernel.service(runsSlot)
      const run = await ended(kernel, 'bench.pack/chain', { n: 1 })
      const again = await runs.settled((await runs.rerun(run.id, { from: 'second' })).id)
      assert.deepEqual([again.state, again.output, again.rerunOf], ['done', run.output, run.id])
      assert.notEqual(again.id, run.id)
      assert.deepEqual(
        bench.ran.map(({ input }) => input['n']),
        [1, 2, 2],
      )
      assert.equal(await codeOf(() => runs.rerun(run.id, { from: 'unheard-of' })), 'RUN_STEP_UNKNOWN')
    }),
    rule('a run that is not there is an error that says so', async ({ kernel }) => {
      const { resume, pause, cancel, rerun, settled } = kernel.service(runsSlot)
      for (const work of [resume, pause, cancel, rerun, settled])
        assert.equal(await codeOf(() => work('run_0000000000000000')), 'RUN_UNKNOWN')
    }),
  ]
}

/** Starts a run, and follows it to its end or wait. */
async function ended(kernel: Kernel, pipeline: string, inputs: Json, actor?: ActorInput): Promise<Run> {
  const runs = kernel.service(runsSlot)
  const { id } = await runs.start({ pipeline, inputs, actor })
  return runs.settled(id)
}

function steps(run: Run): Record<string, string> {
  return Object.fromEntries(run.steps.filter(({ state }) => state !== 'pending').map(({ id, state }) => [id, state]))
}

async function decide(kernel: Kernel, approval: string | undefined, verdict: 'approve' | 'deny'): Promise<void> {
  const by = kernel.actor()
  await kernel.service(approvalsSlot).decide(approval ?? '', { verdict, by })
}

async function recorded(kernel: Kernel): Promise<number> {
  let last = 0
  for await (const { seq } of kernel.service(auditSlot).scan()) last = seq
  return last
}
