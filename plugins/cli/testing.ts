// The rules that every command line keeps, as cases for any test runner; must never rely on how one words or draws anything.
import assert from 'node:assert/strict'
import { approvalsSlot, definePlugin, fail, type Kernel, scrubberSlot } from 'cloned/kernel'
import { type Bench, benchRules, benchTool, benchTools, type ContractCase, type OpenReplaced } from 'cloned/testing'
import { type Command, type CommandResult, cliSlot, commandsCollection } from './slot.js'

const CANARY = 'canary-9d2f66-4711'
/** What steers a terminal or hides text: C0 but the line feed, DEL, C1, and the marks of direction. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/
const AGENT = ['--actor', 'agent:bench']

/** The contract of slot `cloned.cli`, and of the command line of the same distribution, which is run through it. */
export function cliSuite(open: OpenReplaced): readonly ContractCase[] {
  const rule = benchRules(open, bench)
  return [
    rule('lists every command with the plugin that it came from', async ({ kernel }) => {
      const commands = kernel.service(cliSlot).commands()
      assert.equal(commands.find(({ item }) => item.name === 'bench hello')?.plugin, 'bench.commands')
      const names = commands.map(({ item }) => item.name)
      assert.equal(new Set(names).size, names.length, 'two commands have one name')
      for (const { item, plugin } of commands) {
        assert.match(item.name, /^[a-z][a-z0-9-]*( [a-z][a-z0-9-]*)?$/, plugin)
        assert.ok(item.examples.length > 0 && item.summary !== '', `${item.name} has no example or summary`)
      }
    }),
    rule('shows a request where a terminal is attached, and nowhere else', async ({ kernel }) => {
      const cli = kernel.service(cliSlot)
      const owner = kernel.plan().owners[cliSlot.id]
      const shown: string[] = []
      const ask = async (n: number) => {
        const outcome = await kernel.call({ tool: benchTool('asked'), input: { n }, actor: 'agent:bench' })
        assert.ok(outcome.status === 'pending')
        return { id: outcome.approval.id, delivered: outcome.delivered.includes(owner ?? '') }
      }
      assert.equal((await ask(1)).delivered, false)
      cli.attach({ write: (text) => void shown.push(text) })
      const { id, delivered } = await ask(2)
      assert.equal(delivered, true)
      assert.ok(shown.join('\n').includes(id), `the request is not named: ${shown}`)
      cli.attach(undefined)
      assert.equal((await ask(3)).delivered, false)
    }),
    rule('nothing that a request quotes steers the terminal', async ({ kernel }) => {
      const shown: string[] = []
      kernel.service(cliSlot).attach({ write: (text) => void shown.push(text) })
      const hostile = '\u001b[2J\u001b]0;x\u0007\r\u009b31m\u202eevil\u2066\u0000'
      const input = { [hostile]: hostile, note: hostile }
      await kernel.call({ tool: benchTool('asked'), input, actor: 'agent:bench' })
      assert.ok(shown.length > 0)
      // Colours are the command line's own.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are made of them
      const text = shown.join('\n').replaceAll(/\u001b\[\d{1,2}m/g, '')
      assert.doesNotMatch(text, UNSAFE)
    }),
    rule('says who decides a request and what they type', async ({ kernel }) => {
      const text = kernel.service(cliSlot).howToDecide({ id: 'ap_bench', osUser: 'ada' })
      assert.match(text, /ap_bench/)
      assert.match(text, /approve/)
    }),
    {
      name: 'offers no decision to who asked, where the policy takes none from them',
      async run() {
        const shared = await open({ type: 'shared' })
        try {
          const text = shared.kernel.service(cliSlot).howToDecide({ id: 'ap_bench', osUser: 'ada' })
          assert.match(text, /ada/)
          assert.doesNotMatch(text, /approvals approve/)
        } finally {
          await shared.close()
        }
      },
    },
    rule('takes secrets out of whatever it writes', async ({ kernel }) => {
      kernel.service(scrubberSlot).register('bench', Buffer.from(CANARY))
      const text = kernel.service(cliSlot).scrub(`before ${CANARY} after`)
      assert.ok(!text.includes(CANARY) && text.startsWith('before ') && text.endsWith(' after'), text)
    }),
    rule(
      'a command gets its words, and its result is text for people or one document for machines',
      async ({ run }) => {
        const told = await run('bench', 'hello', 'world', '--loud')
        assert.deepEqual([told.exit, told.out.trim()], [0, 'hello world!'])
        const { exit, out } = await run('bench', 'hello', 'world', '--json')
        assert.deepEqual([exit, JSON.parse(out)], [0, { said: 'hello world' }])
      },
    ),
    rule('a command that fails exits by its error, and says so in JSON too', async ({ run }) => {
      const rows: [words: string[], exit: number][] = [
        [['bench', 'fail'], 1],
        [['bench', 'code'], 5],
        [['bench', 'unheard-of'], 2],
        [['bench', 'hello'], 2],
        [['bench', 'hello', 'you', '--unheard-of'], 2],
      ]
      for (const [words, exit] of rows) {
        const told = await run(...words)
        assert.deepEqual([told.exit, told.out], [exit, ''], words.join(' '))
        assert.notEqual(told.err, '', `${words.join(' ')}: nothing was said`)
        const { exit: same, out } = await run(...words, '--json')
        assert.equal(same, exit)
        assert.doesNotThrow(() => JSON.parse(out), `${words.join(' ')} --json: ${out}`)
      }
      assert.ok(!(await run('bench', 'fail')).err.includes('    at '), 'a person is shown a stack')
    }),
    rule(
      'a call exits by how it ended: 0 done, 3 denied, 4 waiting, and runs once it is approved',
      async ({ run, kernel }) => {
        const call = async (tool: Parameters<typeof benchTool>[0], ...more: string[]) => {
          const { exit, out } = await run('call', benchTool(tool), '--input', '{"n":1}', '--json', ...AGENT, ...more)
          return { exit, json: JSON.parse(out) }
        }
        const done = await call('free')
        assert.deepEqual([done.exit, done.json.status, done.json.output], [0, 'done', { n: 1 }])
        const denied = await call('refused')
        assert.deepEqual([denied.exit, denied.json.status, denied.json.code], [3, 'denied', 'BENCH_REFUSED'])
        const waits = await call('asked')
        assert.deepEqual([waits.exit, waits.json.status], [4, 'pending'])
        assert.equal((await call('asked', '--yes')).exit, 4, '--yes answered an approval')
        await approve(kernel, waits.json.approval.id)
        assert.deepEqual((await call('asked')).exit, 0)
        assert.equal((await call('asked')).exit, 4, 'one approval let two calls through')
      },
    ),
    rule('a dry run judges and runs nothing', async ({ run }, { ran }) => {
      const { exit, out } = await run('call', benchTool('asked'), '--dry-run', '--json', ...AGENT)
      assert.deepEqual([exit, JSON.parse(out).status, JSON.parse(out).verdict], [0, 'dry-run', 'ask'])
      assert.deepEqual(ran, [])
    }),
  ]
}

async function approve(kernel: Kernel, id: string): Promise<void> {
  const approvals = kernel.service(approvalsSlot)
  const request = await approvals.get(id)
  assert.ok(request, `there is no request ${id}`)
  await approvals.decide(id, { verdict: 'approve', by: request.action.actor })
}

/** Tools, and commands that greet and fail. */
function bench(): Bench {
  const command = (name: string, run: Command['run'], more: Partial<Command> = {}): Command => ({
    name,
    summary: 'Belongs to the suite',
    examples: [`cloned ${name}`],
    needs: 'nothing',
    run,
    ...more,
  })
  const commands = [
    command(
      'bench hello',
      async ({ args, options }): Promise<CommandResult> => {
        const said = `hello ${args['whom']}`
        return { json: { said }, text: options['loud'] ? `${said}!` : said }
      },
      {
        args: [{ name: 'whom', description: 'Who is greeted', required: true }],
        options: [{ flags: '--loud', description: 'Greets aloud' }],
      },
    ),
    command('bench fail', async () => {
      throw fail('the suite lets it fail')
    }),
    command('bench code', async () => ({ exit: 5, json: { ok: false }, text: '', problem: 'it does not hold' })),
  ]
  const plugin = definePlugin({
    id: 'bench.commands',
    version: '1.0.0',
    kernel: '^0.1.0',
    stability: 'stable',
    contributes: { commands: commandsCollection },
    setup: () => ({ commands }),
  })
  return benchTools(plugin)
}
