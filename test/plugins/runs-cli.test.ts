// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of pipelines are spelled like those of JavaScript
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCli } from '../../plugins/cli/run.js'
import { runsDistribution, toolId } from '../fixtures/runs-tools.js'
import { memoryIo, person, type Ran, runIn, type Terminal } from './cli-fixture.js'
import { gatePromise, type RunsWorld, runsWorld } from './runs-fixture.js'

let world: RunsWorld
beforeEach(async () => {
  world = await runsWorld()
})
afterEach(() => world.close())

const distribution = () =>
  runsDistribution((name, input, ctx) => {
    world.effects.push(name)
    return world.effect(name, input, ctx)
  })

const cloned = (argv: readonly string[], terminal?: Terminal): Promise<Ran> =>
  runIn(distribution(), world.root, ['--workspace', world.root, ...argv], terminal)

async function json(argv: readonly string[]) {
  const { code, out } = await cloned([...argv, '--json'])
  return { code, document: JSON.parse(out) }
}

describe('cloned run', () => {
  it.each([
    ['ends 0 when the run is done', 'echo', 0, 'done'],
    ['ends 3 when a step was denied', 'refused', 3, 'failed'],
    ['ends 4 when a step waits for a person', 'risky', 4, 'waiting'],
    ['ends 1 when a step failed', 'other', 1, 'failed'],
  ] as const)('%s', async (_, tool, exit, state) => {
    world.effect = (name) => {
      if (name === 'other') throw new Error('broken')
      return {}
    }
    const pipeline = world.pipeline('p', [{ id: 's', tool }])
    const { code, document } = await json(['run', pipeline, '--input', '{"a":1}'])
    expect(code).toBe(exit)
    expect(document).toMatchObject({ pipeline, state, inputs: { a: 1 } })
    const people = await cloned(['run', pipeline])
    expect(people.code).toBe(exit)
    expect(people.out).toContain(document.id.slice(0, 4))
    expect(/^ {2}\S/m.test(people.err)).toBe(exit !== 0)
  })

  it.each([
    ['goes on when the person at the terminal approves', '\x1b[B\r', 0, ['risky', 'echo']],
    ['ends when that person denies', '\x1b[B\x1b[B\r', 3, []],
    ['waits when that person leaves it for later', '\r', 4, []],
  ])('%s', async (_, keys, exit, effects) => {
    const pipeline = world.pipeline('p', [
      { id: 'a', tool: 'risky' },
      { id: 'b', tool: 'echo' },
    ])
    const { code, err } = await cloned(['run', pipeline], person(keys))
    expect({ code, effects: world.effects }).toEqual({ code: exit, effects })
    expect(err).toContain(toolId('risky'))
  })

  it('is not approved by --yes', async () => {
    const pipeline = world.pipeline('p', [{ id: 'a', tool: 'risky' }])
    expect(await cloned(['run', pipeline, '--yes'], person('\x03'))).toMatchObject({ code: 4 })
    expect(world.effects).toEqual([])
  })

  it('reads its inputs from a file and from standard input, and refuses what is not JSON', async () => {
    const pipeline = world.pipeline('p', [{ id: 's', tool: 'echo' }])
    writeFileSync(join(world.root, 'in.json'), '{"from":"file"}')
    expect((await json(['run', pipeline, '--input', '@in.json'])).document).toMatchObject({ inputs: { from: 'file' } })
    const piped = await cloned(['run', pipeline, '--input', '-', '--json'], { stdin: '{"from":"pipe"}' })
    expect(JSON.parse(piped.out)).toMatchObject({ inputs: { from: 'pipe' } })
    for (const bad of ['{', '@missing.json', '@.']) {
      expect((await cloned(['run', pipeline, '--input', bad])).code).toBe(2)
    }
  })

  it.each([
    ['a pipeline that is not there', ['run', 'no.such'], 2, 'PIPELINE_UNKNOWN'],
    ['inputs that do not fit', ['run', 'test.pack/strict', '--input', '{}'], 2, 'RUN_INPUTS_INVALID'],
    [
      'an actor that claims to be a run',
      ['run', 'test.pack/strict', '--input', '{"x":1}', '--actor', 'run:x'],
      3,
      'RUN_CLAIMED',
    ],
    ['a run that is not there', ['runs', 'show', 'run_x'], 1, 'RUN_UNKNOWN'],
    ['--retry without a run', ['runs', 'resume', '--retry'], 2, 'COMMAND_USAGE'],
    ['two answers to one question', ['runs', 'resume', 'run_x', '--retry', '--happened'], 2, 'COMMAND_USAGE'],
    ['an output without --happened', ['runs', 'resume', 'run_x', '--output', '1'], 2, 'COMMAND_USAGE'],
    ['a limit that is no count', ['runs', 'list', '--limit', '0'], 2, 'COMMAND_USAGE'],
  ] as const)('refuses %s', async (_, argv, exit, code) => {
    world.pipeline('strict', [{ id: 's', tool: 'echo' }], {
      inputs: { type: 'object', required: ['x'], properties: { x: { type: 'integer' } } },
    })
    const refused = await json(argv)
    expect(refused).toMatchObject({ code: exit, document: { error: { code } } })
    expect(world.effects).toEqual([])
  })

  it('shows verdicts with --dry-run and runs nothing', async () => {
    const pipeline = world.pipeline('p', [
      { id: 'a', tool: 'echo' },
      { id: 'b', tool: 'risky' },
      { id: 'c', tool: 'refused' },
    ])
    const { code, document } = await json(['run', pipeline, '--dry-run'])
    expect(code).toBe(0)
    expect(document.steps.map(({ verdict }: { verdict: string }) => verdict)).toEqual(['allow', 'ask', 'deny'])
    expect((await json(['runs', 'list'])).document).toEqual({ runs: [] })
    expect(world.effects).toEqual([])
  })

  it('is cancelled by Ctrl-C, and its call is told to stop', async () => {
    const pipeline = world.pipeline('p', [{ id: 's', tool: 'other' }])
    const entered = gatePromise()
    world.effect = async (_, __, ctx) => {
      entered.open()
      await new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(new Error('stopped'))))
      return null
    }
    const { io, interrupt } = memoryIo()
    const argv = ['--workspace', world.root, 'run', pipeline]
    const ended = runCli({ distribution: distribution(), argv, io, cwd: world.root, env: {} })
    await entered.opened
    interrupt()
    expect(await ended).toBe(1)
    expect((await json(['runs', 'list'])).document.runs).toMatchObject([{ state: 'cancelled' }])
  })
})

describe('inputs that a pipeline needs', () => {
  const needs = () =>
    world.pipeline('needs', [{ id: 's', tool: 'echo' }], {
      inputs: {
        type: 'object',
        required: ['name', 'count', 'kind', 'given'],
        properties: {
          name: { type: 'string', description: 'What to call it' },
          count: { type: 'integer' },
          kind: { enum: ['small', 'large'] },
          given: { type: 'string' },
          other: { type: 'string' },
        },
        additionalProperties: false,
      },
    })

  it('are asked for on a terminal, each as its schema says', async () => {
    const answers: [RegExp, string][] = [
      [/name: What to call it/, 'Ada\r'],
      [/count \(JSON\)/, '3\r'],
      [/kind/, '\x1b[B\r'],
    ]
    const onStderr = (piece: string, type: (keys: string) => void) => {
      const [question, keys] = answers[0] ?? []
      if (keys === undefined || !question?.test(piece)) return
      answers.shift()
      type(keys)
    }
    const env = { NO_COLOR: '1' }
    const { code, out } = await cloned(['run', needs(), '--input', '{"given":"x"}'], { tty: true, env, onStderr })
    expect({ code, left: answers }).toEqual({ code: 0, left: [] })
    expect(out).toContain('done')
    const { document } = await json(['runs', 'list'])
    expect(document.runs[0].inputs).toEqual({ name: 'Ada', count: 3, kind: 'large', given: 'x' })
  })

  it('are not asked for without one: every missing one is named', async () => {
    const { code, document } = await json(['run', needs(), '--input', '{"given":"x"}'])
    expect({ code, error: document.error.code }).toEqual({ code: 2, error: 'RUN_INPUTS_INVALID' })
    for (const name of ['name', 'count', 'kind']) expect(document.error.message).toContain(`/${name}`)
  })
})

describe('cloned run --wait', () => {
  it('ends when somebody else has decided and the run is over', async () => {
    const pipeline = world.pipeline('p', [
      { id: 'a', tool: 'risky' },
      { id: 'b', tool: 'echo' },
    ])
    world.now = Date.now()
    const waiting = json(['run', pipeline, '--wait'])
    const other = await world.open()
    let pending: string | undefined
    while (pending === undefined) {
      pending = (await other.approvals.list({ state: 'pending' }))[0]?.id
      await new Promise(setImmediate)
    }
    await other.approvals.decide(pending, { verdict: 'approve', by: other.kernel.actor() })
    expect(await waiting).toMatchObject({ code: 0, document: { state: 'done' } })
  })
})

describe('cloned runs', () => {
  it('pauses, resumes, watches and starts again from a step', async () => {
    const pipeline = world.pipeline('p', [
      { id: 'a', tool: 'echo' },
      { id: 'b', tool: 'risky' },
    ])
    const { document } = await json(['run', pipeline])
    const { id } = document
    expect(await json(['runs', 'pause', id])).toMatchObject({ code: 0, document: { state: 'paused' } })
    expect((await cloned(['runs', 'show', id])).err).toContain(`cloned runs resume ${id}`)
    expect(await json(['runs', 'resume', id])).toMatchObject({ code: 4, document: { state: 'waiting' } })
    expect((await cloned(['approvals', 'approve', document.steps[1].approval])).code).toBe(0)
    const watched = await cloned(['runs', 'watch', id, '--json'])
    expect(watched.code).toBe(0)
    expect(
      watched.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).state),
    ).toEqual(['done'])
    expect((await cloned(['runs', 'watch', id])).out).toMatch(/^a +done.*\nb +done/)
    const again = await json(['runs', 'rerun', id, '--from', 'b'])
    expect(again).toMatchObject({
      code: 4,
      document: { rerun_of: id, steps: [{ state: 'done' }, { state: 'waiting' }] },
    })
    expect(world.effects).toEqual(['echo', 'risky'])
  })

  it('shows a tree of what goes on, with durations and approvals', async () => {
    const { tree } = await import('../../plugins/runs/tree.js')
    const here = await world.open()
    const pipeline = world.pipeline('p', [
      { id: 'a', tool: 'echo' },
      { id: 'each', tool: 'risky', for_each: { items: [1, 2], concurrency: 2 }, input: { n: '${{ item }}' } },
      { id: 'c', tool: 'echo' },
    ])
    const { id } = await here.runs.start({ pipeline, inputs: {} })
    const waiting = await here.runs.settled(id)
    const [first, second] = waiting.steps[1]?.steps ?? []
    expect(tree(waiting, world.now + 65_000)).toEqual([
      'test.pack/p  waiting',
      '  ✓ a  done  0.0 s',
      '  ? each  waiting  1 min 5 s',
      `    ? [0]  waiting  ${first?.approval}  1 min 5 s`,
      `    ? [1]  waiting  ${second?.approval}  1 min 5 s`,
      '  · c  pending',
    ])
  })

  it('lists, shows, resumes and cancels', async () => {
    const pipeline = world.pipeline('p', [{ id: 's', tool: 'risky' }])
    const { document } = await json(['run', pipeline])
    const { id } = document
    const [{ approval }] = document.steps
    expect((await cloned(['runs', 'list'])).out).toContain(id)
    expect(await json(['runs', 'show', id])).toMatchObject({ code: 0, document: { id, state: 'waiting' } })
    expect(await json(['runs', 'resume'])).toMatchObject({ code: 4, document: { runs: [{ id, state: 'waiting' }] } })
    expect((await cloned(['approvals', 'approve', approval])).code).toBe(0)
    expect((await json(['runs', 'show', id])).document).toMatchObject({ state: 'done' })
    expect(await json(['runs', 'resume', id])).toMatchObject({ code: 1, document: { error: { code: 'RUN_ENDED' } } })
    const other = await json(['run', pipeline])
    expect(await json(['runs', 'cancel', other.document.id, '--dry-run'])).toMatchObject({
      document: { state: 'waiting' },
    })
    expect(await json(['runs', 'cancel', other.document.id])).toMatchObject({
      code: 0,
      document: { state: 'cancelled' },
    })
    expect(world.effects).toEqual(['risky'])
  })

  it('lets nothing that a tool answered steer the terminal', async () => {
    world.effect = () => ({ text: 'red \u001b[31m and \u202e back' })
    const { out } = await cloned(['run', world.pipeline('p', [{ id: 's', tool: 'echo' }])])
    expect(out).toContain('red ')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
  })
})
