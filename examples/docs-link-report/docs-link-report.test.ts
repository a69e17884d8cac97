import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { initWorkspace, open } from 'cloned'
import type { Kernel, Outcome } from 'cloned/kernel'
import { artifactsSlot } from 'cloned/plugins/artifacts'
import { runsSlot } from 'cloned/plugins/runs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { checkLinks } from './check.js'
import { askExternal } from './external.js'
import { docsLinkReport } from './index.js'

const FILES = fileURLToPath(new URL('../../test/fixtures/files/', import.meta.url))
let root: string
let kernel: Kernel

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'docs-link-report-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  cpSync(join(FILES, 'docs'), join(root, 'docs'), { recursive: true })
  kernel = await open({ root, plugins: [docsLinkReport], config: { 'cloned.audit': { thread: 'inline' } } })
})
afterEach(async () => {
  await kernel.stop()
  rmSync(root, { recursive: true, force: true })
})

async function report(directory: string) {
  const runs = kernel.service(runsSlot)
  const run = await runs.settled((await runs.start({ pipeline: 'docs.link-report', inputs: { directory } })).id)
  expect(run).toMatchObject({ state: 'done' })
  const output = run.output as { artifact: string; [key: string]: unknown }
  const artifact = await kernel.service(artifactsSlot).get(output.artifact)
  if (!artifact) throw new Error('the artifact is not there')
  return { run, output, artifact, text: readFileSync(artifact.path, 'utf8') }
}

it('reports every broken link of a directory, and nothing else, in an artifact that says where it came from', async () => {
  const { run, output, artifact, text } = await report('docs')
  expect(text).toBe(readFileSync(join(FILES, 'docs-link-report.expected.md'), 'utf8'))
  expect(output).toMatchObject({
    path: `.cloned/artifacts/${output.artifact}/content/link-report.md`,
    files: 4,
    broken: 14,
    external_hosts: [
      { host: 'example.org', links: 2 },
      { host: 'cdn.example.net', links: 1 },
      { host: 'example.com:8080', links: 1 },
    ],
    blocked: [
      {
        origin: 'http://example.com:8080',
        links: 1,
        propose: expect.stringMatching(/^cloned firewall allow example\.com /),
      },
      { origin: 'https://cdn.example.net', links: 1 },
      { origin: 'https://example.org', links: 2 },
    ],
  })
  expect(artifact).toMatchObject({
    intact: true,
    manifest: {
      filename: 'link-report.md',
      created_by: `run:${run.id}`,
      provenance: { run: run.id, pipeline: 'docs.link-report' },
    },
  })
})

it('the same files give the same bytes', async () => {
  const [first, second] = [await report('docs'), await report('./docs/')]
  expect(second.text.replaceAll('./docs/', 'docs')).toBe(first.text)
})

it('an empty directory has an empty report', async () => {
  const { output, text } = await report('docs/guide/img')
  expect(output).toMatchObject({ files: 0, links: 0, broken: 0, external_hosts: [] })
  expect(text).toContain('None.')
})

it('every file is read by a governed call of the run', async () => {
  const { run } = await report('docs')
  const lines = readFileSync(join(root, '.cloned', 'audit.log'), 'utf8')
    .trimEnd()
    .split('\n')
  const intents = lines
    .map((line) => JSON.parse(line) as { type: string; target?: string; actor?: { id: string }; parent?: string })
    .filter((record) => record.type === 'tool.intent')
  const reads = intents.filter((record) => record.target === 'cloned.internal.fs.read@v1')
  expect(reads).toHaveLength(4)
  expect(reads.every((record) => record.actor?.id === `run:${run.id}` && record.parent !== undefined)).toBe(true)
})

interface Checked {
  readonly status: string
  readonly output: { readonly report: string; readonly [key: string]: unknown }
}
const check = async (files: string[]): Promise<Checked> => {
  const outcome: Outcome = await kernel.call({
    tool: 'example.markdown.links@v2',
    input: { root: 'docs', files },
    actor: 'agent:tester',
  })
  expect(outcome).toMatchObject({ status: 'done' })
  return outcome as Checked & Outcome
}

it('a file that cannot be read is named as not checked', async () => {
  const { output } = await check(['docs/index.md', 'docs/gone.md', '../outside.md'])
  expect(output).toMatchObject({ files: 3, unchecked: 2 })
  expect(output.report).toContain(
    '## Not checked\n\n- `../outside.md`: FS_PATH_REFUSED\n- `docs/gone.md`: it is gone\n',
  )
})

it('a text made to keep the parser busy is given up on, and the others are checked', async () => {
  writeFileSync(join(root, 'docs', 'hostile.md'), '*a_'.repeat(60_000))
  const ctx = { call: (tool: string, input: unknown) => kernel.call({ tool, input }) }
  const parsing = { fileMs: 500, allMs: 20_000 }
  expect(await checkLinks(['docs/hostile.md', 'docs/notes.txt'], ctx, { parsing })).toMatchObject({
    files: 2,
    unchecked: [{ file: 'docs/hostile.md', reason: expect.stringContaining('could not be parsed') }],
  })
  expect(
    await checkLinks(['docs/index.md', 'docs/notes.txt'], ctx, { parsing: { ...parsing, allMs: 0 } }),
  ).toMatchObject({
    unchecked: [{ file: 'docs/index.md' }, { file: 'docs/notes.txt' }],
  })
})

it('nothing that a link says breaks out of its place in the report', async () => {
  writeFileSync(join(root, 'docs', 'hostile.md'), '[x](<a`b``c | # d.md>) [z](a&#10;b.md) [y](<&#8238;e.md>)\n')
  const { output } = await check(['docs/hostile.md'])
  expect(output.report).toContain(
    [
      '- `docs/hostile.md:1` → ``` a`b``c | # d.md ```: no such file',
      '- `docs/hostile.md:1` → `a\\u{a}b.md`: no such file',
      '- `docs/hostile.md:1` → `\\u{202e}e.md`: no such file',
    ].join('\n'),
  )
})

interface Asked {
  readonly url: string
  readonly method?: string
}

/** A gate that answers fetches as `answer` says, and remembers them. */
function played(answer: (asked: Asked) => object) {
  const asked: Asked[] = []
  const call = async (_: string, input: unknown) => {
    asked.push(input as Asked)
    return answer(input as Asked) as Outcome
  }
  return { asked, ctx: { call } }
}

const done = (status: number) => ({ status: 'done', output: { status } })
const denied = {
  status: 'failed',
  code: 'EGRESS_DENIED',
  help: 'Propose to allow it: cloned firewall allow a.test (an agent …)',
}

it('an external link is broken when its host says so, and unchecked when that is not clear', async () => {
  const answers: Record<string, object> = {
    'https://a.test/ok': done(204),
    'https://a.test/gone': done(404),
    'https://a.test/shut': done(403),
    'https://b.test/': { status: 'failed', code: 'EGRESS_FAILED', help: '' },
    'https://c.test/': { status: 'pending' },
  }
  const { ctx } = played(({ url }) => answers[url] ?? {})
  expect(Object.fromEntries((await askExternal(Object.keys(answers), ctx)).answers)).toEqual({
    'https://a.test/ok': { kind: 'fine', reason: '' },
    'https://a.test/gone': { kind: 'broken', reason: 'answered with status 404' },
    'https://a.test/shut': { kind: 'unchecked', reason: 'answered with status 403' },
    'https://b.test/': { kind: 'unchecked', reason: 'EGRESS_FAILED' },
    'https://c.test/': { kind: 'unchecked', reason: 'asking it needs an approval' },
  })
})

it('a host that knows no HEAD is asked with GET', async () => {
  const { ctx, asked } = played(({ method }) => done(method === 'HEAD' ? 405 : 200))
  expect((await askExternal(['https://a.test/'], ctx)).answers.get('https://a.test/')?.kind).toBe('fine')
  expect(asked.map(({ method = 'GET' }) => method)).toEqual(['HEAD', 'GET'])
})

it('a host that is not allowed is asked once, and reported with the command that proposes it', async () => {
  const { ctx, asked } = played(() => denied)
  const urls = ['https://a.test/1', 'https://a.test/2', 'https://a.test/2', 'https://a.test/3']
  expect(await askExternal(urls, ctx)).toEqual({
    answers: new Map(),
    blocked: [{ origin: 'https://a.test', links: 3, propose: 'cloned firewall allow a.test' }],
  })
  expect(asked).toHaveLength(1)
})

it('hosts, links and time are limited, and what was not asked is unchecked', async () => {
  const limits = { origins: 2, urls: 3, atOnce: 1, eachMs: 100, allMs: 10_000 }
  const urls = ['a', 'b', 'c'].flatMap((host) => [1, 2].map((n) => `https://${host}.test/${n}`))
  const { ctx, asked } = played(() => done(200))
  const { answers } = await askExternal(urls, ctx, { limits })
  expect(asked).toHaveLength(3)
  expect(urls.map((url) => answers.get(url)?.reason)).toEqual([
    '',
    '',
    '',
    'too many links to ask',
    'too many hosts to ask',
    'too many hosts to ask',
  ])
  const late = played(() => done(200))
  const none = await askExternal(urls, late.ctx, { limits: { ...limits, allMs: -1 } })
  expect(late.asked).toEqual([])
  expect(none.answers.get('https://a.test/1')).toEqual({ kind: 'unchecked', reason: 'no time was left to ask' })
})

it('the hosts of a connector are asked by it, and what it has no status for is asked as ever', async () => {
  const urls = ['https://a.test/gone', 'https://a.test/lost', 'https://b.test/', 'http://a.test/']
  const ofConnector = {
    checked: [
      { url: urls[0], ok: false, status: 404 },
      { url: urls[1], ok: false, problem: 'late' },
    ],
  }
  const called: [string, unknown][] = []
  const call = async (tool: string, input: unknown) => {
    called.push([tool, input])
    return (tool.startsWith('connector.') ? { status: 'done', output: ofConnector } : done(200)) as unknown as Outcome
  }
  const { answers } = await askExternal(urls, { call }, { connectorHosts: new Set(['a.test']) })
  expect([...answers].map(([url, { kind }]) => [url, kind]).sort()).toEqual([
    ['http://a.test/', 'fine'],
    ['https://a.test/gone', 'broken'],
    ['https://a.test/lost', 'fine'],
    ['https://b.test/', 'fine'],
  ])
  expect(called.filter(([tool]) => tool.startsWith('connector.'))).toEqual([
    ['connector.acme.http-status.check@v1', { urls: urls.slice(0, 2) }],
  ])
})

it.each(['denied', 'failed', 'pending'])(
  'a connector whose call ends as %s leaves the links to the built-in tool',
  async (status) => {
    const call = async (tool: string) => (tool.startsWith('connector.') ? { status } : done(204)) as unknown as Outcome
    const asked = await askExternal(['https://a.test/'], { call }, { connectorHosts: new Set(['a.test']) })
    expect(asked.answers.get('https://a.test/')).toEqual({ kind: 'fine', reason: '' })
  },
)
