import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { ClonedError, definePlugin } from 'cloned/kernel'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../plugins/cli/run.js'
import { type Command, type CommandContext, cliSlot, commandsCollection } from '../../plugins/cli/slot.js'
import { type CliWorld, cliWorld, distributionWith, memoryIo, runIn } from './cli-fixture.js'

const stopped: string[] = []

/** A plugin with one command per way to end. */
function endings(run: Record<string, (ctx: CommandContext) => Promise<Awaited<ReturnType<Command['run']>>>>) {
  return definePlugin({
    id: 'test.endings',
    version: '1.0.0',
    kernel: '^0.1.0',
    contributes: { commands: commandsCollection },
    setup({ onStop }) {
      onStop(() => {
        stopped.push('test.endings')
      })
      const commands = Object.entries(run).map(
        ([name, command]): Command => ({
          name: `end ${name}`,
          summary: 'Ends in its way',
          examples: [`cloned end ${name}`],
          needs: 'nothing',
          run: command,
        }),
      )
      return { commands }
    },
  })
}

const ok = { json: { ok: true }, text: 'fine' }
const hostile = 'bad\x1b[2J\u202e news'
const plugin = endings({
  well: async (ctx) => {
    ctx.note('a note')
    ctx.progress('half way')
    ctx.print('a line')
    return ok
  },
  waiting: async () => ({ ...ok, exit: 4, text: '', problem: 'waits' }),
  verification: async () => ({ ...ok, exit: 5, text: 'tampered' }),
  table: async () => {
    throw new ClonedError('FILE_INVALID', { path: hostile, line: ':3', problem: 'is odd' }, { plugin: 'test.endings' })
  },
  badly: async () => {
    throw new Error(hostile)
  },
  asking: async (ctx) => ({ ...ok, text: `${await ctx.confirm('Sure?')}` }),
  until: (ctx) =>
    new Promise((_, reject) => {
      ctx.signal.addEventListener('abort', () => reject(new Error('aborted')))
    }),
  never: () => new Promise(() => {}),
})
const distribution = distributionWith(plugin)

let world: CliWorld
beforeAll(async () => {
  world = await cliWorld(plugin)
})
afterAll(() => world.close())

describe('a command', () => {
  it.each<[string, number, string, RegExp]>([
    ['well', 0, 'a line\nfine\n', /^a note\n$/],
    ['waiting', 4, '', /^waits\n$/],
    ['verification', 5, 'tampered\n', /^$/],
    ['table', 6, '', /FILE_INVALID bad.u001b.*:3: is odd[\s\S]*Where: plugin test\.endings\n {2}Mend the file/],
    [
      'badly',
      1,
      '',
      /COMMAND_FAILED "cloned end badly" failed[\s\S]*\n {2}Show where: CLONED_DEBUG=1 cloned end badly/,
    ],
  ])('that ends %s exits %i with its text on the right stream', async (name, code, out, err) => {
    const ran = await world.run(['end', name])
    expect(ran).toMatchObject({ code, out, err: expect.stringMatching(err) })
    for (const raw of ['\x1b', '\u202e', '\n    at ']) expect(ran.err).not.toContain(raw)
  })

  it.each(['well', 'waiting', 'verification', 'table', 'badly', 'asking', 'unknown'])(
    'that ends %s prints exactly one JSON document with --json',
    async (name) => {
      const plain = await world.run(['end', name])
      const { code, out } = await world.run(['end', name, '--json'])
      expect(code).toBe(plain.code)
      const document: unknown = JSON.parse(out)
      if (code === 0 || name === 'waiting' || name === 'verification') expect(document).toEqual({ ok: true })
      else
        expect(document).toEqual({
          error: expect.objectContaining({ code: expect.any(String), help: expect.any(String) }),
        })
    },
  )

  it('stops its kernel however it ends', async () => {
    for (const name of ['well', 'table', 'badly', 'unknown']) {
      stopped.length = 0
      await world.run(['end', name])
      expect(stopped).toEqual(['test.endings'])
    }
  })

  it('is silent on standard error with --quiet, errors excepted', async () => {
    expect((await world.run(['end', 'well', '--quiet'])).err).toBe('')
    expect((await world.run(['end', 'badly', '--quiet'])).err).toContain('COMMAND_FAILED')
  })

  it('shows a stack only with CLONED_DEBUG', async () => {
    expect((await world.run(['end', 'badly'], { env: { CLONED_DEBUG: '1' } })).err).toMatch(/\n {4}at /)
  })

  it('is colourful on a terminal only, and not where the person said no', async () => {
    const coloured = async (argv: string[], env: Record<string, string> = {}, tty = true) =>
      (await world.run(argv, { tty, env })).err.includes('\x1b[31m')
    expect(await coloured(['end', 'badly'])).toBe(true)
    expect(await coloured(['end', 'badly'], {}, false)).toBe(false)
    expect(await coloured(['end', 'badly', '--no-color'])).toBe(false)
    expect(await coloured(['end', 'badly'], { NO_COLOR: '1' })).toBe(false)
    expect(await coloured(['end', 'badly'], { TERM: 'dumb' })).toBe(false)
  })

  it('takes no for an answer where nobody can be asked, and yes with --yes', async () => {
    expect((await world.run(['end', 'asking'])).out).toBe('false\n')
    expect((await world.run(['end', 'asking', '--yes'])).out).toBe('true\n')
  })

  it('gives a terminal that obeys no escape codes none, and asks nobody there', async () => {
    const ran = await world.run(['end', 'asking'], { tty: true, env: { TERM: 'dumb' } })
    expect(ran).toEqual({ code: 0, out: 'false\n', err: '' })
    const failed = await world.run(['end', 'badly'], { tty: true, env: { TERM: 'dumb' } })
    expect(failed.out + failed.err).not.toContain('\x1b')
  })

  it('hears of the first Ctrl-C and is left behind at the second', async () => {
    for (const [name, code] of [
      ['until', 1],
      ['never', 130],
    ] as const) {
      const { io, texts, interrupt } = memoryIo()
      const ended = runCli({ distribution, argv: ['end', name], io, cwd: world.root, env: {} })
      await new Promise((resolve) => setImmediate(resolve))
      interrupt()
      if (code === 130) interrupt()
      expect(await ended).toBe(code)
      expect(texts.err).toContain(code === 1 ? 'COMMAND_INTERRUPTED' : 'Stopping.')
    }
  })

  it('ends quietly when nobody reads its output any more', async () => {
    const { io, texts } = memoryIo()
    const closed = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })),
    })
    const code = await runCli({
      distribution,
      argv: ['end', 'verification'],
      io: { ...io, stdout: closed },
      cwd: world.root,
      env: {},
    })
    expect({ code, err: texts.err }).toEqual({ code: 5, err: '' })
  })

  it('fails when its output cannot be written', async () => {
    const { io } = memoryIo()
    const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error('ENOSPC')) })
    const run = runCli({ distribution, argv: ['end', 'well'], io: { ...io, stdout: full }, cwd: world.root, env: {} })
    await expect(run).rejects.toMatchObject({ code: 'COMMAND_OUTPUT', exit: 1, params: { cause: 'ENOSPC' } })
  })
})

describe('help', () => {
  it('needs no workspace', async () => {
    const nowhere = await mkdtemp(join(tmpdir(), 'cloned-nowhere-'))
    try {
      for (const argv of [
        [],
        ['--help'],
        ['-h'],
        ['help'],
        ['audit', '--help'],
        ['help', 'audit', 'verify'],
        ['--version'],
      ]) {
        expect(await runIn(distribution, nowhere, argv)).toMatchObject({
          code: 0,
          err: '',
          out: expect.stringMatching(/\S/),
        })
      }
      expect((await runIn(distribution, nowhere, ['--workspace', nowhere, 'tools', 'list'])).code).toBe(6)
    } finally {
      await rm(nowhere, { recursive: true, force: true })
    }
  })

  it('has summary, usage and an example for every command of every plugin', async () => {
    const { commands } = JSON.parse((await world.run(['--help', '--json'])).out) as {
      commands: { name: string; usage: string; summary: string; examples: string[] }[]
    }
    expect(commands.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['call', 'tools list', 'plugins list', 'doctor', 'audit verify']),
    )
    const overview = (await world.run(['--help'])).out
    for (const flags of ['-h, --help', '-v, --version']) expect(overview).toContain(flags)
    for (const { name, usage, summary, examples } of commands) {
      const { out, code } = await world.run([...name.split(' '), '--help'])
      expect(code).toBe(0)
      expect(out).toContain(`Usage: ${usage}`)
      expect(examples.length).toBeGreaterThan(0)
      for (const example of examples) {
        expect(example.startsWith(`cloned ${name}`)).toBe(true)
        expect(out).toContain(example)
      }
      expect(summary.endsWith('.')).toBe(false)
      expect(overview).toContain(`  ${name} `)
    }
  })

  it('shows the commands of an area, and one command in two words', async () => {
    const area = (await world.run(['audit', '--help'])).out
    expect(area).toContain('cloned audit verify')
    expect(area).not.toContain('cloned tools')
    expect((await world.run(['audit', 'verify', '--help'])).out).toContain('Usage: cloned audit verify')
  })

  it('is refused for a command that does not exist', async () => {
    for (const argv of [
      ['adit', '--help'],
      ['audit', 'nothing', '--help'],
      ['help', 'frobnicate'],
    ]) {
      expect((await world.run(argv)).code).toBe(2)
    }
  })
})

describe('contributed commands', () => {
  const contributing = (id: string, command: Partial<Command>) =>
    definePlugin({
      id,
      version: '1.0.0',
      kernel: '^0.1.0',
      contributes: { commands: commandsCollection },
      setup: () => ({
        commands: [
          {
            name: 'one',
            summary: 'One',
            examples: ['cloned one'],
            needs: 'nothing' as const,
            run: async () => ok,
            ...command,
          },
        ],
      }),
    })

  it.each<[string, Partial<Command>, RegExp]>([
    ['a name of three words', { name: 'a b c' }, /its name is not one or two/],
    ['a name that looks like an option', { name: '--json' }, /its name is not one or two/],
    ['no example', { examples: [] }, /it has no example/],
    [
      'an option that every command has',
      { options: [{ flags: '--json', description: '' }] },
      /is one that every command has/,
    ],
    ['an option that nobody can read', { options: [{ flags: 'json', description: '' }] }, /is not of the form/],
    [
      'a required argument after an optional one',
      {
        args: [
          { name: 'a', description: '' },
          { name: 'b', description: '', required: true },
        ],
      },
      /a required argument follows/,
    ],
  ])('are refused with %s', async (_, command, problem) => {
    const ran = await runIn(distributionWith(contributing('test.one', command)), world.root, ['--help'])
    expect(ran).toMatchObject({ code: 1, err: expect.stringMatching(problem) })
    expect(ran.err).toContain('test.one')
  })

  it('are refused when two plugins contribute one name', async () => {
    const two = distributionWith(contributing('test.one', {}), contributing('test.two', {}))
    const { code, err } = await runIn(two, world.root, ['one'])
    expect(code).toBe(1)
    expect(err).toContain('"one" is contributed by "test.one" and "test.two"')
  })
})

describe('the plugin', () => {
  it('shows no approval request without a terminal', async () => {
    const { createKernel } = await import('cloned/kernel')
    const kernel = createKernel(distribution)
    const { terminalChannel } = await import('../../plugins/cli/terminal-channel.js')
    expect(kernel.service(cliSlot).commands().length).toBeGreaterThan(0)
    const request = {
      id: 'ap_1',
      state: 'pending',
      asks: [],
      createdAt: 0,
      expiresAt: 0,
      action: {
        kind: 'tool.call',
        target: 't',
        input: { text: hostile },
        actor: { id: 'agent:x', claimed: true, osUser: 'u' },
        digest: '',
        contract: '',
        about: {},
      },
    } as const
    const channel = terminalChannel()
    expect(channel.deliver(request)).toBe(false)
    let shown = ''
    channel.attach({
      write: (text) => {
        shown += text
      },
    })
    expect(channel.deliver(request)).toBe(true)
    expect(shown).toContain('ap_1')
    for (const raw of ['\x1b', '\u202e']) expect(shown).not.toContain(raw)
    await kernel.stop()
  })
})
