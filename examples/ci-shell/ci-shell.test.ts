import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { initWorkspace, open } from 'cloned'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const BIN = at('../../dist/plugins/bin.js')
const missing = ['bash', 'jq'].filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0)
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(`CI needs ${missing.join(', ')}`)

describe.skipIf(missing.length > 0)('the gate of a CI job (needs bash, jq)', () => {
  let root: string
  beforeEach(() => {
    if (!existsSync(BIN)) throw new Error(`${BIN} is missing: run "npm run build" first`)
    root = mkdtempSync(join(tmpdir(), 'ci-shell-'))
    initWorkspace(root, { type: 'personal', now: Date.now })
    writeFileSync(join(root, 'note.md'), 'hello\n')
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  const gate = (tool: string, input: object) =>
    spawnSync('bash', [at('gate.sh'), tool, JSON.stringify(input)], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, CLONED: `${process.execPath} ${BIN}` },
    })

  it('goes on when the policy allows the call, the call is done and the log verifies', () => {
    const { status, stdout, stderr } = gate('cloned.internal.fs.read@v1', { path: 'note.md' })
    expect(status, stderr).toBe(0)
    expect(stdout).toMatch(/^done; \d+ records, unbroken$/m)
  })

  it.each([
    ['the policy denies it', 3, 'cloned.internal.fs.read@v1', { path: '../note.md' }, 'FS_PATH_REFUSED'],
    ['there is no such tool', 3, 'no.such.tool@v1', {}, 'TOOL_UNKNOWN'],
    ['a person has to approve it', 4, 'cloned.internal.fs.write@v1', { path: 'x', content: 'x' }, 'waits for a person'],
  ])('%s: ends with %i and does nothing', (_, expected, tool, input, said) => {
    const { status, stderr } = gate(tool, input)
    expect([status, existsSync(join(root, 'x'))]).toEqual([expected, false])
    expect(stderr).toContain(said)
  })

  it('ends with 5 when the audit log was changed', async () => {
    const kernel = await open({ root })
    await kernel.call({ tool: 'cloned.internal.fs.read@v1', input: { path: 'note.md' } })
    await kernel.stop()
    const log = join(root, '.cloned/audit.log')
    writeFileSync(log, readFileSync(log, 'utf8').replace('"risk":"low"', '"risk":"hig"'))
    const { status, stderr } = gate('cloned.internal.fs.read@v1', { path: 'note.md' })
    expect(status).toBe(5)
    expect(stderr).toContain('the audit log does not verify')
  })

  it('the commands of github.yml end well, one after the other', { timeout: 60_000 }, () => {
    expect(github()).toHaveLength(2)
    // As in a repository with the package and this example in it.
    const fresh = join(root, 'fresh')
    mkdirSync(join(fresh, 'bin'), { recursive: true })
    symlinkSync(at('..'), join(fresh, 'examples'))
    writeFileSync(join(fresh, 'README.md'), 'hello\n')
    writeFileSync(join(fresh, 'bin/npx'), `#!/bin/sh\nshift\nexec "${process.execPath}" "${BIN}" "$@"\n`, {
      mode: 0o755,
    })
    const env = { ...process.env, PATH: [join(fresh, 'bin'), process.env['PATH']].join(delimiter) }
    for (const command of github()) {
      const { status, stderr } = spawnSync('bash', ['-ec', command], { cwd: fresh, encoding: 'utf8', env })
      expect(status, `${command}: ${stderr}`).toBe(0)
    }
  })

  it('gitlab.yml runs the same commands', () => {
    const { governed } = parse(readFileSync(at('gitlab.yml'), 'utf8')) as Workflow
    const commands = [...(governed?.before_script ?? []), ...(governed?.script ?? [])]
    expect(commands.filter((line) => !INSTALLS.test(line))).toEqual(github())
  })
})

/** What the workflow runs once everything is installed. */
function github(): readonly string[] {
  const { jobs } = parse(readFileSync(at('github.yml'), 'utf8')) as Workflow
  return (jobs?.governed.steps ?? []).flatMap(({ run }) => run ?? []).filter((line) => !INSTALLS.test(line))
}
const INSTALLS = /^(npm ci|apt-get )/
interface Workflow {
  readonly jobs?: { readonly governed: { readonly steps: readonly { readonly run?: string }[] } }
  readonly governed?: { readonly before_script: readonly string[]; readonly script: readonly string[] }
}
