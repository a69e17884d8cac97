// The pack as its users get it: signed, installed and enabled with its connector, then run on three projects and on this one.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { initWorkspace } from 'cloned/plugins/workspace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultDistribution } from '../../plugins/default.js'
import { mustFitSchema } from './audit-records.js'
import { runIn } from './cli-fixture.js'
import { canConfine, NO_SANDBOX } from './connectors-fixture.js'

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url))
const BUILT = join(REPOSITORY, 'dist', 'examples', 'repo-release-check')
const distribution = defaultDistribution()
let root = ''
const cloned = (...argv: string[]) => runIn(distribution, root, ['--workspace', root, ...argv])

async function approved(...argv: string[]): Promise<void> {
  const waiting = await cloned(...argv, '--json')
  expect([argv, waiting.code, waiting.err]).toEqual([argv, 4, ''])
  const { approval } = JSON.parse(waiting.out) as { approval: { id: string } }
  expect(await cloned('approvals', 'approve', approval.id)).toMatchObject({ code: 0 })
}

async function install(kind: 'connectors' | 'skills', source: string, file: string, id: string): Promise<void> {
  expect(await cloned(kind, 'pack', source, '--out', file)).toMatchObject({ code: 0, err: '' })
  expect(await cloned('connectors', 'sign', file, '--key', 'acme.pem')).toMatchObject({ code: 0 })
  await approved(kind, 'install', file)
  await approved(kind, 'enable', id)
}

function project(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, directory, path)), { recursive: true })
    writeFileSync(join(root, directory, path), content)
  }
}

function git(directory: string, ...argv: string[]): void {
  const who = ['-c', 'user.name=a', '-c', 'user.email=a@example.com', '-c', 'commit.gpgsign=false']
  execFileSync('git', ['-C', join(root, directory), ...who, ...argv], { stdio: 'pipe' })
}

interface Ended {
  readonly id: string
  readonly state: string
  readonly output: {
    readonly artifact: string
    readonly path: string
    readonly errors: number
    readonly warnings: number
    readonly findings: readonly { readonly rule: string; readonly message: string }[]
    readonly fixed: boolean
  }
  readonly error?: object
}

/** Runs the pipeline to its end; whoever is asked answers with this verdict. */
async function check(directory: string, verdict: 'approve' | 'deny' = 'approve'): Promise<Ended & { asked: number }> {
  const first = await cloned('run', 'repo.release-check', '--input', JSON.stringify({ directory }), '--json')
  expect([first.code, first.err]).toEqual([expect.any(Number), ''])
  let run = JSON.parse(first.out) as Ended
  let asked = 0
  while (run.state === 'waiting' && asked < 3) {
    asked++
    const listed = JSON.parse((await cloned('approvals', 'list', '--json')).out) as {
      approvals: { id: string; state: string }[]
    }
    const open = listed.approvals.filter(({ state }) => state === 'pending')
    for (const { id } of open) expect(await cloned('approvals', verdict, id)).toMatchObject({ code: 0, err: '' })
    await cloned('runs', 'resume', run.id, '--json')
    run = JSON.parse((await cloned('runs', 'show', run.id, '--json')).out) as Ended
  }
  expect([run.state, run.error]).toEqual(['done', undefined])
  return { ...run, asked }
}

const about = { name: 'a', version: '1.2.0', license: 'MIT', main: './lib/index.js', files: ['lib'] }
const lock = { name: 'a', version: '1.2.0', lockfileVersion: 3, packages: { '': { name: 'a', version: '1.2.0' } } }
const GOOD = {
  'package.json': JSON.stringify(about),
  'package-lock.json': JSON.stringify(lock),
  'CHANGELOG.md': '# Changelog\n\n## 1.2.0\n\n- New.\n',
  LICENSE: 'MIT',
  'lib/index.js': '',
}

describe.skipIf(!canConfine)(`repo.release-check (skipped only where ${NO_SANDBOX})`, { timeout: 120_000 }, () => {
  beforeAll(async () => {
    root = realpathSync(await mkdtemp(join(tmpdir(), 'release-check-')))
    initWorkspace(root, { type: 'personal', now: Date.now })
    await cloned('connectors', 'key', 'acme.pem', '--publisher', 'acme', '--namespace', 'acme,repo')
    await approved('trust', 'add', 'acme.pem.json')
    await install('connectors', join(BUILT, 'connector'), 'connector.tgz', 'acme.release')
    await install('skills', join(BUILT, 'repo-release-check'), 'pack.tgz', 'repo.release-check')
  }, 120_000)
  afterAll(() => {
    mustFitSchema(join(root, '.cloned', 'audit.log'))
    rmSync(root, { recursive: true, force: true })
  })

  it('finds nothing in a project in which everything fits, and its artifact verifies', async () => {
    project('good', GOOD)
    git('good', 'init', '-q')
    git('good', 'add', '.')
    git('good', 'commit', '-qm', 'x')
    git('good', 'tag', 'v1.2.0')
    git('good', 'pack-refs', '--all')
    const { output, asked } = await check('good')
    expect(output).toMatchObject({ errors: 0, warnings: 0, findings: [], fixed: false })
    expect(asked).toBe(0)
    const verified = await cloned('artifacts', 'verify', output.artifact, '--json')
    expect([verified.code, JSON.parse(verified.out)]).toMatchObject([0, { verified: true }])
    const { manifest } = JSON.parse((await cloned('artifacts', 'show', output.artifact, '--json')).out) as {
      manifest: { calls: { tool: string }[]; packages: object[]; sources: { uri: string }[]; provenance: object }
    }
    expect(new Set(manifest.calls.map(({ tool }) => tool)).size).toBe(6)
    expect(manifest.packages).toMatchObject([{ id: 'acme.release', version: '1.0.0' }])
    expect(manifest.sources.map(({ uri }) => uri)).toContain('file:good/.git/packed-refs')
    expect(manifest.provenance).toMatchObject({ pipeline: 'repo.release-check' })
  })

  it('gives the same content for the same inputs and the same connector', async () => {
    project('same', GOOD)
    const hashOf = async () => {
      const { output } = await check('same')
      const { manifest } = JSON.parse((await cloned('artifacts', 'show', output.artifact, '--json')).out) as {
        manifest: { sha256: string }
      }
      return { hash: manifest.sha256, artifact: output.artifact }
    }
    const [first, second] = [await hashOf(), await hashOf()]
    expect(first.hash).toBe(second.hash)
    expect(first.artifact).not.toBe(second.artifact)
  })

  const WRONG = {
    ...GOOD,
    'package.json': JSON.stringify({ ...about, version: '1.1.0', license: undefined }),
    'CHANGELOG.md': '# Changelog\n\n## 1.0.0\n\n- Old.\n',
    '.git/refs/tags/v1.2.0': 'a'.repeat(40),
  }

  it('names what is wrong, and writes the missing entry only after a yes', async () => {
    project('wrong', WRONG)
    const refused = await check('wrong', 'deny')
    expect([refused.asked, refused.output.fixed]).toEqual([1, false])
    expect(refused.output.findings.map(({ rule }) => rule)).toEqual(['changelog', 'tag', 'lock', 'licence'])
    expect(readFileSync(join(root, 'wrong/CHANGELOG.md'), 'utf8')).toBe(WRONG['CHANGELOG.md'])
    const { asked, output } = await check('wrong')
    expect([asked, output.fixed]).toEqual([1, true])
    expect(readFileSync(join(root, 'wrong/CHANGELOG.md'), 'utf8')).toContain(
      '## 1.1.0\n\n- Not described yet.\n\n## 1.0.0',
    )
    expect(readFileSync(join(root, output.path), 'utf8')).toContain('gets an empty entry for 1.1.0')
  })

  it('runs on a bare project', async () => {
    project('bare', { 'package.json': '{"name":"b","version":"0.1.0","private":true}' })
    const { output } = await check('bare')
    expect(output.findings.map(({ rule }) => rule)).toEqual(['changelog', 'lock'])
  })

  it('runs on this repository', async () => {
    for (const name of ['package.json', 'package-lock.json', 'LICENSE', 'docs', 'schemas']) {
      cpSync(join(REPOSITORY, name), join(root, 'this', name), { recursive: true })
    }
    project('this', { 'node_modules/x/package.json': '{}', 'dist/plugins/bin.js': '', 'examples/x': '' })
    const { output } = await check('this')
    expect(output.findings.filter(({ rule }) => ['version', 'lock', 'licence', 'dependencies'].includes(rule))).toEqual(
      [],
    )
    expect(output.findings.map(({ message }) => message)).toContain('there is no changelog')
    expect(existsSync(join(root, output.path))).toBe(true)
  })

  it('is not begun without its connector, and says which one it needs', async () => {
    expect(await cloned('connectors', 'disable', 'acme.release')).toMatchObject({ code: 0 })
    const ran = await cloned('run', 'repo.release-check', '--input', '{"directory":"bare"}')
    expect([ran.code, ran.err]).toEqual([expect.any(Number), expect.stringContaining('acme.release')])
    expect(ran.code).not.toBe(0)
  })
})
