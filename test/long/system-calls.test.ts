import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { inspect, inWorkspace, startTraced } from '../faults/chaos.js'
import { PLENTY } from '../faults/chaos-rounds.js'
import { readEffects, violations } from '../faults/chaos-rules.js'

const traceable = spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0
if (!traceable && process.env['CI'] === 'true') throw new Error('strace is missing, and CI must not skip this')

// Everything by which a process changes the disk, how often a short life makes it, and over how many kills to spread.
const CALLS: readonly (readonly [systemCall: string, most: number])[] = [
  ['pwrite64', 120],
  ['write', 60],
  ['fdatasync', 30],
  ['fsync', 12],
  ['fcntl', 400],
  ['openat', 500],
  ['rename', 3],
  ['unlink', 4],
]
const PER_CALL = Number(process.env['CLONED_KILLS_PER_CALL'] ?? 4)

describe.skipIf(!traceable)(`a process that is killed by its n-th ${traceable ? '' : '(skipped: no strace) '}`, () => {
  it.each(CALLS)('%s, breaks no rule', async (systemCall, most) => {
    await inWorkspace(async (root) => {
      const said: string[] = []
      let killed = 0
      for (let i = 0; i < PER_CALL; i++) {
        const nth = 1 + Math.floor(((i + Math.random()) * most) / PER_CALL)
        const caller = startTraced({ root, limit: PLENTY, count: 40 }, systemCall, nth)
        const { code } = await caller.ended
        if (code === 'SIGKILL') killed++
        said.push(...caller.said)
        const checked = await inspect({ root, limit: PLENTY, resume: true })
        said.push(...checked.said)
        const effects = readEffects(join(root, 'effects.log'))
        const broken = violations({ found: checked.found, said, effects, limit: PLENTY, resumed: true })
        expect(broken, `${systemCall} ${nth}`).toEqual([])
      }
      expect(killed).toBeGreaterThan(0)
    })
  })
})
