import { type Action, allow, ask, deny, type GuardAnswer, type Outcome, type Plugin } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fakeApprovals } from '../kernel/fakes.js'
import { approvalsPlugin, auditPlugin, counter, guardPlugin, started, toolsPlugin } from '../kernel/support.js'

const RUNS = process.env['CLONED_LONG'] === '1' ? 5_000 : 250
const CALL = { tool: 'test.math.add@v1', input: { a: 1, b: 2 }, actor: 'agent:a' }

/** What a guard does: a vote, an abstention, or a failure. */
const VOTES: Readonly<Record<string, () => GuardAnswer>> = {
  allow: () => allow('rule'),
  ask: () => ask('really?', 'key'),
  deny: () => deny('no'),
  abstain: () => undefined,
  throw: () => {
    throw new Error('boom')
  },
  junk: () => ({ effect: 'perhaps' }) as unknown as GuardAnswer,
}

interface Guard {
  readonly vote: string
  readonly mayAllow: boolean
  /** How many turns of the event loop it takes; 0 answers at once. */
  readonly turns: number
}

const guards = fc.array(
  fc.record({ vote: fc.constantFrom(...Object.keys(VOTES)), mayAllow: fc.boolean(), turns: fc.nat({ max: 3 }) }),
  { maxLength: 8 },
)

function plugin({ vote, turns }: Guard, name: string): Plugin {
  const answer = VOTES[vote] ?? (() => undefined)
  const late = async (_: Action) => {
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
    return answer()
  }
  return guardPlugin(name, turns === 0 ? answer : late)
}

interface Seen {
  readonly status: Outcome['status']
  readonly code: string | undefined
  readonly ballot: unknown
  readonly ran: number
}

async function judged(listed: readonly (readonly [name: string, guard: Guard])[]): Promise<Seen> {
  const { tool, ran } = counter()
  const mayAllow = listed.filter(([, guard]) => guard.mayAllow).map(([name]) => name)
  const plugins = listed.map(([name, guard]) => plugin(guard, name))
  const kernel = await started([...plugins, auditPlugin(), approvalsPlugin(fakeApprovals()), toolsPlugin([tool])], {
    mayAllow,
  })
  const outcome = await kernel.call(CALL)
  await kernel.stop()
  return {
    status: outcome.status,
    code: 'code' in outcome ? outcome.code : undefined,
    ballot: outcome.ballot,
    ran: ran.length,
  }
}

const named = (all: readonly Guard[]) => all.map((guard, i): readonly [string, Guard] => [`test.guard${i}`, guard])

/** The rule, said once more in other words than the kernel's. */
function expected(all: readonly Guard[]): Outcome['status'] {
  if (all.some(({ vote }) => ['deny', 'throw', 'junk'].includes(vote))) return 'denied'
  if (!all.some(({ vote, mayAllow }) => mayAllow && (vote === 'allow' || vote === 'ask'))) return 'denied'
  return all.some(({ vote }) => vote === 'ask') ? 'pending' : 'done'
}

describe('the fold of a ballot', () => {
  it('is deny over ask over allow, whatever the guards and however late they answer', async () => {
    await fc.assert(
      fc.asyncProperty(guards, async (all) => {
        const seen = await judged(named(all))
        expect(seen.status).toBe(expected(all))
        expect(seen.ran).toBe(expected(all) === 'done' ? 1 : 0)
        expect(seen.ballot).toHaveLength(all.length)
      }),
      { numRuns: RUNS },
    )
  })

  it('is the same in every order of the guards', async () => {
    const shuffled = guards.chain((all) =>
      fc.tuple(fc.constant(named(all)), fc.shuffledSubarray(named(all), { minLength: all.length })),
    )
    await fc.assert(
      fc.asyncProperty(shuffled, async ([one, other]) => {
        expect(await judged(other)).toEqual(await judged(one))
      }),
      { numRuns: RUNS },
    )
  })

  it('is denied as soon as one more guard denies, and never runs for one more guard that fails', async () => {
    const worse = fc.record({
      vote: fc.constantFrom('deny', 'throw', 'junk'),
      mayAllow: fc.boolean(),
      turns: fc.nat({ max: 3 }),
    })
    await fc.assert(
      fc.asyncProperty(guards, worse, async (all, one) => {
        expect(await judged([...named(all), ['test.worse', one]])).toMatchObject({ status: 'denied', ran: 0 })
      }),
      { numRuns: RUNS },
    )
  })
})
