import { existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { definePlugin, defineTool, fail, toolsCollection } from 'cloned/kernel'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../../plugins/cli/run.js'
import { type CliWorld, cliWorld, distributionWith, memoryIo, person, runIn } from './cli-fixture.js'

const READ = 'cloned.internal.fs.read@v1'
const WRITE = 'cloned.internal.fs.write@v1'

const text = { type: 'object', additionalProperties: false, properties: { text: { type: 'string' } } } as const
const failing = defineTool({
  id: 'test.always.fails@v1',
  title: 'Fails',
  description: 'Fails before doing anything',
  input: text,
  output: {},
  risk: 'low',
  capability: 'test',
  handler: () => {
    throw fail('no \x1b[2Jluck', { help: 'Try another tool' })
  },
})
const echo = defineTool({
  id: 'test.echo.say@v1',
  title: 'Echo',
  description: 'Answers its input',
  input: text,
  output: {},
  risk: 'low',
  capability: 'test',
  handler: (input) => input,
})
const testTools = definePlugin({
  id: 'test.tools',
  version: '1.0.0',
  kernel: '^0.1.0',
  contributes: { tools: toolsCollection },
  setup: () => ({ tools: [failing, echo] }),
})

let world: CliWorld
beforeAll(async () => {
  world = await cliWorld(testTools)
  await writeFile(join(world.root, 'a.txt'), 'hello')
  await writeFile(join(world.root, 'input.json'), '{"path":"a.txt"}')
})
afterAll(() => world.close())

const write = (path: string) => ['call', WRITE, '--input', JSON.stringify({ path, content: 'written' })]
const approvalIn = (err: string) => /cloned call --approval (\S+)/.exec(err)?.[1] ?? ''

describe('cloned call', () => {
  it.each<[string, string[], number]>([
    ['0 when it is done', ['call', READ, '--input', '{"path":"a.txt"}'], 0],
    ['0 for a dry run of what would be allowed', ['call', READ, '--input', '{"path":"a.txt"}', '--dry-run'], 0],
    ['0 for a dry run of what would be asked', [...write('x.txt'), '--dry-run'], 0],
    ['1 when the tool failed', ['call', 'test.always.fails@v1'], 1],
    ['2 without a tool', ['call'], 2],
    ['2 for input that is not JSON', ['call', READ, '--input', '{path}'], 2],
    ['2 for an input file that is not there', ['call', READ, '--input', '@none.json'], 2],
    ['2 for input beside an approval', ['call', '--approval', 'ap_000000000000', '--input', '{}'], 2],
    ['2 for an actor that nobody can be', ['call', READ, '--input', '{"path":"a.txt"}', '--actor', 'x y'], 2],
    ['3 for a path that the gate refuses', ['call', READ, '--input', '{"path":"../a"}'], 3],
    ['3 for a tool that does not exist', ['call', 'no.such.tool@v1'], 3],
    ['3 for input that does not fit the schema', ['call', READ, '--input', '{"path":1}'], 3],
    ['3 for an approval that does not exist', ['call', '--approval', 'ap_000000000000'], 3],
    ['4 when it has to be approved', write('x.txt'), 4],
  ])('exits %s', async (_, argv, code) => {
    const ran = await world.run(argv)
    expect({ code: ran.code, err: code === 0 ? '' : ran.err }).toEqual({
      code,
      err: code === 0 ? '' : expect.stringMatching(/\S/),
    })
    const asJson = await world.run([...argv, '--json'])
    expect(asJson.code).toBe(code)
    expect(JSON.parse(asJson.out)).toBeTypeOf('object')
  })

  it('prints the output, and nothing else, on standard output', async () => {
    const { out, err } = await world.run(['call', 'test.echo.say@v1', '--input', '{"text":"hi"}'])
    expect(out).toBe('{\n  "text": "hi"\n}\n')
    expect(err).toMatch(/number \d+ of the audit log/)
  })

  it.each([
    ['@FILE', '@input.json', undefined],
    ['standard input', '-', '{"path":"a.txt"}'],
  ])('reads its input from %s', async (_, input, stdin) => {
    const argv = ['call', READ, '--input', input, '--json']
    const ran = await world.run(argv, stdin === undefined ? {} : { stdin })
    expect(JSON.parse(ran.out)).toMatchObject({ status: 'done', output: { content: 'hello' } })
  })

  it('says where the input stops being JSON', async () => {
    const { err } = await world.run(['call', READ, '--input', '{\n  "path": }'])
    expect(err).toContain("Unexpected token '}', at line 2, column 11")
  })

  it('escapes what a tool says before it reaches the terminal', async () => {
    const failed = await world.run(['call', 'test.always.fails@v1'])
    expect(failed.err).toContain('no \\u001b[2Jluck')
    const said = await world.run(['call', 'test.echo.say@v1', '--input', '{"text":"\\u009b2J\\u202e"}'])
    expect(said.out).toContain('\\u009b2J\\u202e')
    for (const raw of ['\x1b', '\x9b', '\u202e']) expect(said.out + failed.err).not.toContain(raw)
  })

  it('does nothing in a dry run', async () => {
    const before = readFileSync(join(world.root, '.cloned', 'audit.log'), 'utf8')
    const { out } = await world.run([...write('dry.txt'), '--dry-run'])
    expect(out).toContain('cloned.policy')
    expect(out).toContain('Nothing was done.')
    expect(out).not.toContain('millionths')
    expect(readFileSync(join(world.root, '.cloned', 'audit.log'), 'utf8')).toBe(before)
  })

  it('records a claimed actor as claimed', async () => {
    await world.run(['call', READ, '--input', '{"path":"a.txt"}', '--actor', 'agent:researcher'])
    expect(readFileSync(join(world.root, '.cloned', 'audit.log'), 'utf8')).toContain(
      '"id":"agent:researcher","claimed":true',
    )
  })
})

describe('a call that waits for approval', () => {
  it('names the id and the commands that decide, and runs once with --approval', async () => {
    const asked = await world.run(write('once.txt'))
    const id = approvalIn(asked.err)
    expect(asked).toMatchObject({ code: 4, out: '' })
    expect(asked.err).toContain(`cloned approvals approve ${id}`)
    expect((await world.run(['call', '--approval', id])).code).toBe(4)
    expect((await world.run(['approvals', 'approve', id])).code).toBe(0)
    expect((await world.run(['call', READ, '--approval', id])).err).toContain(`it is for ${WRITE}`)
    expect(existsSync(join(world.root, 'once.txt'))).toBe(false)
    expect((await world.run(['call', '--approval', id])).code).toBe(0)
    expect(readFileSync(join(world.root, 'once.txt'), 'utf8')).toBe('written')
    expect((await world.run(['call', '--approval', id])).code).toBe(3)
  })

  it('is not approved by --yes, with a person there or not', async () => {
    const walkAway = {
      tty: true,
      onStderr: (piece: string, type: (keys: string) => void) => piece.includes('Approve ap_') && type('\x03'),
    }
    for (const terminal of [{}, walkAway]) {
      expect((await world.run([...write('yes.txt'), '--yes'], terminal)).code).toBe(4)
    }
    expect(existsSync(join(world.root, 'yes.txt'))).toBe(false)
  })

  it.each([
    ['approves', '\x1b[B\r', 0, true],
    ['denies', '\x1b[B\x1b[B\r', 3, false],
    ['leaves it for later', '\r', 4, false],
  ])('ends as the person at the terminal %s', async (answer, keys, code, exists) => {
    const file = `${answer.replaceAll(' ', '-')}.txt`
    const ran = await world.run(write(file), person(keys))
    expect(ran.err).toContain(`"path": "${file}"`)
    expect(ran.code).toBe(code)
    expect(existsSync(join(world.root, file))).toBe(exists)
  })

  it('is not offered to a person whose decision would not count', async () => {
    const shared = await mkdtemp(join(tmpdir(), 'cloned-cli-'))
    try {
      await mkdir(join(shared, 'w'))
      const root = join(shared, 'w')
      expect((await world.run(['init', root, '--type', 'shared'])).code).toBe(0)
      const ran = await runIn(distributionWith(testTools), root, ['--workspace', root, ...write('x.txt')], {
        tty: true,
      })
      expect(ran.code).toBe(4)
      expect(ran.err).not.toContain('Approve ap_')
      expect(ran.err).toContain('Decide: another operating-system user than')
      expect(ran.err).not.toContain('cloned approvals approve')
    } finally {
      await rm(shared, { recursive: true, force: true })
    }
  })

  it('says at once what --wait waits for, and after Ctrl-C that it is still waiting', async () => {
    const { io, texts, interrupt } = memoryIo()
    const argv = ['--workspace', world.root, ...write('interrupted.txt'), '--wait']
    const ended = runCli({ distribution: distributionWith(testTools), argv, io, cwd: world.root, env: {} })
    await expect.poll(() => texts.err).toMatch(/cloned approvals approve ap_/)
    const id = approvalIn(texts.err)
    interrupt()
    expect(await ended).toBe(4)
    expect(texts.err.split('Stopping.')[1]).toContain(`waiting for approval ${id}`)
    expect((await world.run(['approvals', 'show', id])).out).toMatch(/state\s+pending/)
  })

  it('asks on the spot with --wait too, where the person there may decide', async () => {
    const ran = await world.run([...write('spot.txt'), '--wait'], person('\x1b[B\r'))
    expect(ran.code).toBe(0)
    expect(ran.err).toContain('Wait: somebody else decides')
    expect(existsSync(join(world.root, 'spot.txt'))).toBe(true)
  })

  it('runs after --wait once somebody else approves', async () => {
    const id = approvalIn((await world.run(write('wait.txt'))).err)
    const waiting = world.run([...write('wait.txt'), '--wait'])
    expect((await world.run(['approvals', 'approve', id])).code).toBe(0)
    expect((await waiting).code).toBe(0)
    expect(readFileSync(join(world.root, 'wait.txt'), 'utf8')).toBe('written')
  })

  it('ends --wait with a denial once somebody else denies', async () => {
    const id = approvalIn((await world.run(write('deny.txt'))).err)
    const waiting = world.run([...write('deny.txt'), '--wait'])
    expect((await world.run(['approvals', 'deny', id])).code).toBe(0)
    expect(await waiting).toMatchObject({ code: 3, err: expect.stringContaining(`denied approval "${id}"`) })
  })
})
