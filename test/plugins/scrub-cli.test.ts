import { tmpdir } from 'node:os'
import { defineDistribution, definePlugin, scrubberSlot } from 'cloned/kernel'
import { type Command, cliPlugin, commandsCollection } from 'cloned/plugins/cli'
import { scrubPlugin } from 'cloned/plugins/scrub'
import { describe, expect, it } from 'vitest'
import { auditPlugin } from '../kernel/support.js'
import { runIn } from './cli-fixture.js'

const SECRET = 'gh_aZ3.x9/Q+7"zz'
const MARKER = '[REDACTED:vault:github]'

/** A command that has got hold of a secret and does with it what its argument says. */
const leaky = definePlugin({
  id: 'test.leaky',
  version: '1.0.0',
  kernel: '^0.1.0',
  requires: { scrubber: scrubberSlot },
  contributes: { commands: commandsCollection },
  setup: ({ deps, log }) => ({
    commands: [
      {
        name: 'leak',
        summary: 'Leak',
        args: [{ name: 'how', description: 'How', required: true }],
        examples: ['cloned leak result'],
        needs: 'nothing',
        async run(ctx) {
          deps.scrubber.register('github', Buffer.from(SECRET))
          if (ctx.args['how'] === 'throw') throw new Error(`refused: ${SECRET}`)
          if (ctx.args['how'] === 'log') log.warn(`sending ${SECRET}`, { header: SECRET })
          ctx.note(`note ${SECRET}`)
          ctx.tell(`tell ${SECRET}`)
          ctx.print(`print ${SECRET}`)
          return { json: { token: SECRET }, text: `token ${SECRET}`, problem: `problem ${SECRET}` }
        },
      } satisfies Command,
    ],
  }),
})

describe('a command line', () => {
  const run = (argv: readonly string[], env: Record<string, string> = {}) =>
    runIn(
      defineDistribution({ name: 'test', version: '1.0.0', plugins: [auditPlugin(), scrubPlugin, cliPlugin, leaky] }),
      tmpdir(),
      argv,
      { env },
    )

  it.each([
    [['leak', 'result'], 5],
    [['leak', 'result', '--json'], 1],
    [['leak', 'throw'], 1],
    [['leak', 'throw', '--json'], 1],
    [['leak', 'log'], 7],
  ])('writes no secret with %j', async (argv, atLeast) => {
    const { out, err } = await run(argv)
    const written = out + err
    expect(written.split(MARKER).length - 1).toBeGreaterThanOrEqual(atLeast)
    expect(written).not.toContain(SECRET)
    expect(written).not.toContain(JSON.stringify(SECRET).slice(1, -1))
  })

  it('writes no secret when it shows stacks', async () => {
    const { out, err } = await run(['leak', 'throw'], { CLONED_DEBUG: '1' })
    expect(err).toContain('at ')
    expect(out + err).not.toContain(SECRET)
  })
})
