import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openKeys } from 'cloned/plugins/keys'
import { memoryAudit } from 'cloned/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createShelf } from '../../plugins/artifacts/shelf.js'
import { startChild } from '../child.js'

let state: string
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), 'cloned-artifacts-kill-'))
  mkdirSync(join(state, 'home'))
})
afterEach(() => rmSync(state, { recursive: true, force: true }))

const AT_ONCE = 4

/** What stands after a save that was killed at this step: whether it went through, and the artifacts. */
async function killedAt(step: number): Promise<{ finished: boolean; intact: readonly (boolean | undefined)[] }> {
  const home = join(state, `${step}`)
  mkdirSync(join(home, 'home'), { recursive: true })
  const child = startChild('artifact-saver', home, String(step))
  const said = await child.rest()
  await child.ended()
  const keys = openKeys({ home: join(home, 'home'), workspace: 'w1', marker: join(home, 'keys.json'), now: Date.now })
  const shelf = createShelf({
    directory: () => join(home, 'artifacts'),
    workspace: () => 'w1',
    keys,
    audit: memoryAudit(),
  })
  const intact = await Promise.all((await shelf.list()).map(async ({ id }) => (await shelf.get(id))?.intact))
  return { finished: said.length > 0, intact }
}

it('a save that is killed between any two steps leaves the whole artifact or none', { timeout: 60_000 }, async () => {
  const whole = await killedAt(0)
  expect(whole).toEqual({ finished: true, intact: [true] })
  const outcomes: string[] = []
  let finished = false
  for (let first = 1; !finished; first += AT_ONCE) {
    const some = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => killedAt(first + i)))
    for (const each of some) {
      expect(each.intact).not.toContain(false)
      expect(each.intact.length).toBeLessThanOrEqual(1)
      outcomes.push(each.finished ? 'finished' : each.intact.length === 1 ? 'whole' : 'nothing')
    }
    finished = some.some((each) => each.finished)
  }
  // Nothing up to the one step that makes it stand, and all of it from there on.
  const [nothing, rest] = [outcomes.filter((each) => each === 'nothing'), outcomes.filter((each) => each !== 'nothing')]
  expect(outcomes).toEqual([...nothing, ...rest])
  expect(nothing.length).toBeGreaterThan(15)
  expect(rest).toContain('whole')
  expect(readdirSync(state)).toHaveLength(outcomes.length + 2)
})
