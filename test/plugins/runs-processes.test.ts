// Needs the build: a real process carries the run out, and is killed.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyDir } from './audit-helpers.js'
import { type RunsWorld, runsWorld } from './runs-fixture.js'

const CHILD = fileURLToPath(new URL('../../dist/test/fixtures/runs-child.js', import.meta.url))

let world: RunsWorld
const children: ChildProcess[] = []
beforeEach(async () => {
  world = await runsWorld()
  world.now = Date.now()
})
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await world.close()
})

/** Starts a run in a process of its own, and kills it at the line that starts with `until`. */
async function killAt(pipeline: string, until: string, hangIn = ''): Promise<void> {
  expect(existsSync(CHILD), `${CHILD} is missing: run "npm run build" first`).toBe(true)
  const child = spawn(process.execPath, [CHILD, world.root, pipeline, hangIn], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const ended = once(child, 'exit')
  let seen = ''
  for await (const line of createInterface({ input: child.stdout })) {
    seen += `${line}\n`
    if (!line.startsWith(until)) continue
    child.kill('SIGKILL')
    await ended
    return
  }
  throw new Error(`the process ended before "${until}": ${seen}`)
}

/** The effects of all processes. */
function effects(): string[] {
  return [...readFileSync(join(world.root, 'effects.log'), 'utf8').trim().split('\n'), ...world.effects]
}

describe('a run whose process was killed', () => {
  const steps = [
    { id: 'a', tool: 'echo' },
    { id: 'b', tool: 'other' },
    { id: 'c', tool: 'again' },
  ] as const

  it('does not repeat a step that may have had its effect', async () => {
    await killAt(world.pipeline('p', steps), 'hangs', 'other')
    const here = await world.open()
    expect(await here.runs.resume()).toMatchObject([
      {
        state: 'waiting',
        steps: [{ state: 'done' }, { state: 'indeterminate', error: { code: 'RUN_STEP_INDETERMINATE' } }, {}],
      },
    ])
    expect(effects()).toEqual(['echo', 'other'])
    expect(await verifyDir(join(world.root, '.cloned'))).toMatchObject({ ok: true })
  })

  it('repeats a step that is idempotent, and goes on', async () => {
    await killAt(world.pipeline('p', steps), 'hangs', 'again')
    const here = await world.open()
    expect(await here.runs.resume()).toMatchObject([{ state: 'done' }])
    expect(effects()).toEqual(['echo', 'other', 'again', 'again'])
    expect(await verifyDir(join(world.root, '.cloned'))).toMatchObject({ ok: true })
  })

  it('goes on after the approval that it waited for, once', async () => {
    const asking = [steps[0], { id: 'r', tool: 'risky' }, steps[1]] as const
    await killAt(world.pipeline('p', asking), 'settled waiting')
    const here = await world.open()
    const [waiting] = await here.runs.list()
    const approval = waiting?.steps[1]?.approval ?? ''
    await here.approvals.decide(approval, { verdict: 'approve', by: here.kernel.actor() })
    expect(await here.runs.settled(waiting?.id ?? '')).toMatchObject({ state: 'done' })
    expect(effects()).toEqual(['echo', 'risky', 'other'])
    expect(await here.approvals.get(approval)).toMatchObject({ state: 'used' })
    expect(await verifyDir(join(world.root, '.cloned'))).toMatchObject({ ok: true })
  })
})
