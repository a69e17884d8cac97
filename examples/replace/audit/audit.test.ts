import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { defaultDistribution, initWorkspace } from 'cloned'
import { createKernel, type JsonObject, type Kernel, plan, use } from 'cloned/kernel'
import { runCli } from 'cloned/plugins/cli'
import { workspacePlugin } from 'cloned/plugins/workspace'
import { auditSuite, pluginContract } from 'cloned/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import acmeAudit from './index.js'
import { JsonlLog } from './log.js'

const SAVE = {
  tool: 'cloned.internal.artifact.save@v1',
  input: { filename: 'a.md', content: 'x' },
  actor: 'agent:tester',
}
const silent = { debug() {}, info() {}, warn() {}, error() {} }

let root: string
let file: string
let kernel: Kernel | undefined

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'replace-audit-'))
  file = join(root, 'agents.jsonl')
})
afterEach(async () => {
  await kernel?.stop()
  kernel = undefined
  rmSync(root, { recursive: true, force: true })
})

const distribution = () =>
  defaultDistribution({ plugins: [use(acmeAudit, { file })], replace: { 'cloned.audit': 'acme.audit' } })

async function start(): Promise<Kernel> {
  const workspace = join(root, 'work')
  if (!existsSync(workspace)) initWorkspace(workspace, { type: 'personal', now: Date.now })
  kernel = createKernel(distribution(), { config: { 'cloned.workspace': { root: workspace } }, log: () => silent })
  await kernel.start()
  return kernel
}

async function stopped(): Promise<void> {
  await kernel?.stop()
  kernel = undefined
}

const state = () => readdirSync(join(root, 'work', '.cloned'))
const lines = () => readFileSync(file, 'utf8').split('\n').slice(0, -1)
const records = () => lines().map((line) => (JSON.parse(line) as { record: JsonObject }).record)

async function cloned(...argv: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const io = { stdin: new PassThrough().end(), stdout, stderr, onInterrupt: () => () => undefined }
  const code = await runCli({ distribution: distribution(), argv, io, cwd: join(root, 'work') })
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
}

describe('the contract of an audit log', () => {
  const subject = async () => {
    let log = await JsonlLog.open(file)
    return {
      log,
      reopen: async () => {
        await log.close()
        log = await JsonlLog.open(file)
        return log
      },
      breakIt: () => rmSync(file),
      close: () => log.close(),
    }
  }
  const note = { type: 'acme.note', ts: '-', text: '\ufffd' }

  it.each(auditSuite(subject))('it $name', ({ run }) => run())

  it.each([
    ['removed', () => rmSync(file)],
    ['written to by somebody else', () => appendFileSync(file, '{}\n')],
    ['cut', () => writeFileSync(file, '')],
  ])('it accepts nothing more once its file was %s', async (_, breakIt) => {
    const log = await JsonlLog.open(file)
    await log.append(note)
    breakIt()
    for (let n = 0; n < 3; n++) await expect(log.append(note)).rejects.toThrow(/nothing more/)
    await log.close()
  })

  it('it refuses bytes that only read the same', async () => {
    const { log, reopen } = await subject()
    await log.append(note)
    const bytes = readFileSync(file).toString('latin1')
    writeFileSync(file, bytes.replace('\u00ef\u00bf\u00bd', '\u00ff'), 'latin1')
    await expect(reopen()).rejects.toThrow(/not UTF-8/)
  })

  it('it belongs to one holder at a time', async () => {
    const log = await JsonlLog.open(file)
    await log.append(note)
    await expect(JsonlLog.open(file)).rejects.toThrow(/in use by another process/)
    await log.close()
    await expect(log.append(note)).rejects.toThrow('the log is closed')
    await (await JsonlLog.open(file)).close()
  })
})

describe('the contract of a plugin', () => {
  const rules = pluginContract(acmeAudit, {
    needs: [workspacePlugin],
    badConfigs: [
      [{ file: 'relative.jsonl' }, '/file'],
      [{ file: 7 }, '/file'],
    ],
    setting: () => {
      const dir = mkdtempSync(join(tmpdir(), 'acme-audit-'))
      const { root } = initWorkspace(join(dir, 'work'), { type: 'personal', now: Date.now })
      const config = { 'cloned.workspace': { root }, 'acme.audit': { file: join(dir, 'agents.jsonl') } }
      return { config, dispose: () => rmSync(dir, { recursive: true }) }
    },
  })
  it.each(rules)('$name', ({ run }) => run())
})

describe('in the default distribution', () => {
  it('two owners are a boot error that prints the line to paste', () => {
    const [problem, ...more] = plan(defaultDistribution({ plugins: [use(acmeAudit, { file })] })).problems
    expect(problem).toMatchObject({
      code: 'SLOT_CONFLICT',
      help: expect.stringContaining("replace: { 'cloned.audit': 'acme.audit' }"),
    })
    expect(more).toEqual([])
  })

  it('the replaced plugin is gone with everything it registered', () => {
    const { owners, plugins, problems } = plan(distribution())
    expect(problems).toEqual([])
    expect(owners['cloned.audit']).toBe('acme.audit')
    expect(plugins.map(({ id }) => id)).not.toContain('cloned.audit')
  })

  it('intent and outcome of a call land here, and the built-in log is never made', async () => {
    const { call } = await start()
    const outcome = await call(SAVE)
    expect(outcome).toMatchObject({ status: 'done', record: { seq: lines().length } })
    expect(records().slice(-3)).toMatchObject([
      { type: 'tool.intent', target: SAVE.tool, call_id: outcome.callId },
      { type: 'artifact.saved', call_id: outcome.callId },
      { type: 'tool.outcome', status: 'done', call_id: outcome.callId },
    ])
    expect(statSync(file).mode & 0o777).toBe(0o600)
    await stopped()
    expect(state().filter((name) => name.startsWith('audit'))).toEqual([])
  })

  it('when the sink fails nothing runs', async () => {
    const { call } = await start()
    rmSync(file)
    for (let n = 0; n < 2; n++) {
      expect(await call(SAVE)).toMatchObject({ status: 'denied', code: 'AUDIT_UNWRITABLE' })
    }
    expect(state()).not.toContain('artifacts')
  })

  it('a log that was changed keeps the kernel from starting, and the line is named', async () => {
    await (await start()).call(SAVE)
    await stopped()
    writeFileSync(file, readFileSync(file, 'utf8').replace('"agent:tester"', '"agent:nobody"'))
    // The actor stands in the intent, and the record behind it no longer follows.
    await expect(start()).rejects.toThrow(`agents.jsonl: the chain breaks at line ${lines().length - 1}`)
  })

  it('half a line of a writer that died is dropped, and the chain goes on', async () => {
    await (await start()).call(SAVE)
    await stopped()
    const whole = lines().length
    appendFileSync(file, `{"seq":${whole + 1},"prev":"`)
    await (await start()).call({ ...SAVE, input: { filename: 'b.md', content: 'x' } })
    expect(lines().map((line) => JSON.parse(line).seq)).toEqual(lines().map((_, n) => n + 1))
    expect(lines().length).toBeGreaterThan(whole)
  })
})

describe('the commands', () => {
  it('"audit tail" went with the built-in log; "audit verify" is the one of the sink', async () => {
    await (await start()).call(SAVE)
    await stopped()
    expect(await cloned('audit', 'tail')).toMatchObject({ code: 2, err: expect.stringContaining('audit tail') })
    expect(await cloned('audit', 'verify')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^ok: \d+ records, unbroken\nlast hash: [0-9a-f]{64}\n$/),
    })
    const checks = await cloned('doctor', '--json')
    expect(checks.out).toContain('"policy.')
    expect(checks.out).not.toContain('"audit.')
  })

  it.each([
    ['a byte', (text: string) => text.replace('agent:tester', 'agent:nobody')],
    ['the order of two lines', (text: string) => text.replace(/^(.*\n)(.*\n)/, '$2$1')],
    ['a line that is missing', (text: string) => text.replace(/^.*\n/, '')],
    ['the spelling of a line', (text: string) => text.replace('"seq":1', '"seq": 1')],
    ['a repeated key', (text: string) => text.replace('"seq":1', '"seq":9,"seq":1')],
    ['a line that is no JSON', (text: string) => text.replace('{', '')],
    ['a line that is null', (text: string) => text.replace(/^.*/, 'null')],
  ])('"audit verify" exits 5 on %s', async (_, change) => {
    await (await start()).call(SAVE)
    await stopped()
    writeFileSync(file, change(readFileSync(file, 'utf8')))
    expect(await cloned('audit', 'verify')).toMatchObject({
      code: 5,
      err: expect.stringMatching(/the chain breaks at line \d+/),
    })
  })
})
