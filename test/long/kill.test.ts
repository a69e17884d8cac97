import { describe, expect, it } from 'vitest'
import { PHASES, type Phase } from '../faults/chaos-phases.js'
import { DEATHS, killRounds } from '../faults/chaos-rounds.js'

const KILLS = Number(process.env['CLONED_KILLS'] ?? 60)
// A fresh workspace now and then: a longer log only makes the looking slower.
const ROUNDS = 10

describe('processes that are killed again and again', () => {
  it(`break no rule, at ${KILLS} kills in every phase`, async () => {
    const landed = new Map<Phase, number>()
    let kills = 0
    for (let first = 0; kills < KILLS; first += 3) {
      // Shifted each time, so that every death meets every kind of leftover of another.
      const deaths = Array.from({ length: ROUNDS }, (_, i) => DEATHS[(first + i * 7) % DEATHS.length] ?? 'at random')
      const some = await killRounds(deaths, 500)
      kills += some.kills
      for (const phase of PHASES) landed.set(phase, (landed.get(phase) ?? 0) + some.landed[phase])
    }
    process.stdout.write(`${kills} kills landed: ${JSON.stringify(Object.fromEntries(landed))}\n`)
    expect(kills).toBeGreaterThanOrEqual(KILLS)
    expect([...landed].filter(([, count]) => count === 0)).toEqual([])
  })
})
