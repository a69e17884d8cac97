// Kills callers round after round, each round elsewhere, and holds the rules after every kill; counts where kills landed.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { POINTS, type Point } from '../fixtures/chaos/options.js'
import { inspect, inWorkspace, killAtRandom, type Process, startCaller } from './chaos.js'
import { PHASES, type Phase, phasesOf } from './chaos-phases.js'
import { type Evidence, readEffects, violations } from './chaos-rules.js'

/** More than any of these tests calls. */
export const PLENTY = 100_000

/** How a caller of a round dies. */
export type Death = 'at random' | 'two at random' | 'while it starts' | Point
export const DEATHS: readonly Death[] = ['at random', 'two at random', 'while it starts', ...POINTS]

/** Where the kills of some rounds landed. */
export type Landed = Readonly<Record<Phase, number>>

/** One workspace with a process in it that lives through all the rounds, a call of its own in flight. */
export async function killRounds(deaths: readonly Death[], ms: number): Promise<{ landed: Landed; kills: number }> {
  const landed = Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Record<Phase, number>
  let kills = 0
  await inWorkspace(async (root) => {
    const bystander = startCaller({ root, limit: PLENTY, mode: 'hold' })
    const said: string[] = []
    const rules = async (living: Evidence['living'], resume: boolean, last: string) => {
      const checked = await inspect({ root, limit: PLENTY, resume })
      said.push(...checked.said)
      const effects = readEffects(join(root, 'effects.log'))
      const { found } = checked
      const all = [...said, ...bystander.said]
      const evidence: Evidence = { found, said: all, effects, limit: PLENTY, resumed: resume }
      expect(violations(living ? { ...evidence, living } : evidence), last).toEqual([])
    }
    try {
      const living = await holding(bystander)
      for (const [round, death] of deaths.entries()) {
        for (const dead of await die(root, death, ms)) {
          kills++
          for (const phase of phasesOf(root, dead)) landed[phase]++
          said.push(...dead)
        }
        // The living go on at once, whoever has just died beside them.
        bystander.tell('call')
        await bystander.heard('done', round + 1)
        await rules(living, round % 3 === 2, `after a death ${death}`)
      }
      bystander.tell('finish')
      const { code, errors } = await bystander.ended
      expect({ code, errors }).toEqual({ code: 0, errors: '' })
      expect(bystander.said).toContain(`done ${living.call} -`)
      await rules(undefined, true, 'at the end')
    } finally {
      await bystander.end()
    }
  })
  return { landed, kills }
}

/** Waits until a process holds its call, whose intent is in the log by then. */
export async function holding(bystander: Process): Promise<{ instance: string; call: string }> {
  const second = async (word: string) => (await bystander.heard(`${word} `)).split(' ')[1] ?? ''
  const living = { instance: await second('ready'), call: await second('judging') }
  await bystander.heard('ack ')
  return living
}

/** One round: who died, and what each had said. */
async function die(root: string, death: Death, ms: number): Promise<readonly (readonly string[])[]> {
  const options = { root, limit: PLENTY }
  switch (death) {
    case 'at random':
      return [await killAtRandom(options, ms)]
    case 'two at random':
      return Promise.all([killAtRandom(options, ms), killAtRandom(options, ms)])
    case 'while it starts': {
      const caller = startCaller(options)
      await sleep(Math.random() * ms)
      await caller.kill()
      return [caller.said]
    }
    case 'recovering':
      // Somebody must have died in the middle of a call, or there is nothing to recover.
      return [await dieAt(root, 'intended'), await dieAt(root, 'recovering', 1)]
    default:
      return [await dieAt(root, death)]
  }
}

async function dieAt(root: string, at: Point, nth = 1 + Math.floor(Math.random() * 8)): Promise<readonly string[]> {
  const caller = startCaller({ root, limit: PLENTY, pause: { at, nth } })
  await caller.heard(`at ${at}`)
  await caller.kill()
  return caller.said
}
