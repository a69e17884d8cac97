// The rules by themselves, on projects that are written down here; the host is played.
import { runTool } from 'cloned/connector/testing'
import { expect, it } from 'vitest'
import { connector } from './connector.js'
import { isAllowed } from './licences.js'
import { compareVersions, versionOf } from './version.js'

type Files = Readonly<Record<string, string>>
const PACKAGE = { name: 'a', version: '1.2.0', license: 'MIT', main: './lib/index.js', files: ['lib'] }
const LOCK = {
  name: 'a',
  version: '1.2.0',
  packages: {
    '': { name: 'a', version: '1.2.0' },
    'node_modules/b': { version: '1.0.0', license: 'ISC' },
    'node_modules/c': { version: '2.0.0', license: 'GPL-3.0-only', dev: true },
  },
}
const CHANGELOG = '# Changelog\n\n## [1.2.0] - 2026-01-01\n\n- New.\n\n## 1.1.0\n\n- Old.\n'
const GOOD: Files = {
  'package.json': JSON.stringify(PACKAGE),
  'package-lock.json': JSON.stringify(LOCK),
  'CHANGELOG.md': CHANGELOG,
  LICENSE: 'MIT',
  'lib/index.js': '',
  '.git/packed-refs': `# pack-refs\n${'a'.repeat(40)} refs/tags/v1.1.0\n^${'b'.repeat(40)}\n${'c'.repeat(40)} refs/heads/v9.0.0\n`,
  '.git/refs/tags/v1.2.0': 'd'.repeat(40),
}

interface Checked {
  readonly report: string
  readonly errors: number
  readonly warnings: number
  readonly findings: readonly { rule: string; message: string }[]
  readonly fix: { path: string; content: string } | null
  readonly sources: readonly { uri: string }[]
}

/** Plays the host: every file is found and read as the pipeline would. */
async function check(files: Files, directory = '.', more: object = {}): Promise<Checked> {
  const at = (path: string) => (directory === '.' ? path : `${directory}/${path}`)
  const directories = new Set(Object.keys(files).flatMap((path) => path.split('/').slice(0, -1)))
  const entries = [
    ...Object.keys(files).map((path) => ({ path: at(path), kind: 'file' })),
    ...[...directories].map((path) => ({ path: at(path), kind: 'directory' })),
  ]
  const found = [{ entries: entries.slice(0, 2) }, { entries: entries.slice(2) }]
  const read = (path: string) => ({ path: at(path), content: files[path] ?? '', sha256: 'e'.repeat(64) })
  const { output: wanted } = await runTool(connector, 'acme.release.files@v1', { directory, found })
  const inner = (path: string) => (directory === '.' ? path : path.slice(directory.length + 1))
  const texts = (wanted as { read: string[] }).read.map((path) => read(inner(path)))
  const input = { directory, package: read('package.json'), found, texts, ...more }
  return (await runTool(connector, 'acme.release.check@v1', input)).output as Checked
}

const about = (change: object) => ({ 'package.json': JSON.stringify({ ...PACKAGE, ...change }) })
const lock = (change: object) => ({ 'package-lock.json': JSON.stringify({ ...LOCK, ...change }) })
const without = (name: string) => Object.fromEntries(Object.entries(GOOD).filter(([path]) => path !== name))

it('a project in which everything fits together has nothing to be found', async () => {
  expect(await check(GOOD)).toMatchObject({ errors: 0, warnings: 0, findings: [], fix: null })
  expect((await check(GOOD, 'packages/a')).findings).toEqual([])
})

const RULES: readonly [string, Files, string, RegExp][] = [
  [
    'no version',
    { ...GOOD, ...about({ version: 'next' }), ...lock({ packages: { '': { name: 'a', version: 'next' } } }) },
    'version',
    /no semantic version: "next"/,
  ],
  ['no changelog', without('CHANGELOG.md'), 'changelog', /no changelog/],
  ['no entry', { ...GOOD, 'CHANGELOG.md': '## 1.1.0\n' }, 'changelog', /no entry for 1\.2\.0; its newest is 1\.1\.0/],
  [
    'an entry that is not on top',
    { ...GOOD, 'CHANGELOG.md': '## 2.0.0\n## 1.2.0\n' },
    'changelog',
    /newest entry .* is 2\.0\.0/,
  ],
  [
    'unreleased changes',
    { ...GOOD, 'CHANGELOG.md': '## Unreleased\n\n- More.\n\n## 1.2.0\n' },
    'changelog',
    /unreleased changes above 1\.2\.0/,
  ],
  ['a newer tag', { ...GOOD, '.git/refs/tags/v1.10.0': '' }, 'tag', /behind the newest tag, 1\.10\.0/],
  ['no lock file', without('package-lock.json'), 'lock', /no package-lock/],
  [
    'a lock file of another version',
    { ...GOOD, ...lock({ packages: { '': { name: 'a', version: '1.1.0' } } }) },
    'lock',
    /"1\.1\.0"/,
  ],
  ['a lock file that is none', { ...GOOD, 'package-lock.json': '[' }, 'lock', /is not JSON/],
  [
    'a missing file',
    { ...without('lib/index.js'), 'lib/other.js': '' },
    'files',
    /"lib\/index\.js", which is not there/,
  ],
  ['a file outside', { ...GOOD, ...about({ main: '../x.js' }) }, 'files', /outside of the project/],
  ['no licence', { ...GOOD, ...about({ license: '' }) }, 'licence', /names no licence/],
  ['no text of the licence', without('LICENSE'), 'licence', /no file with its text/],
  [
    'a dependency without a licence',
    {
      ...GOOD,
      ...lock({ packages: { '': LOCK.packages[''], 'node_modules/x/node_modules/y': { version: '3.0.0' } } }),
    },
    'dependencies',
    /^y@3\.0\.0 names no licence$/,
  ],
  [
    'a licence that is not allowed',
    {
      ...GOOD,
      ...lock({ packages: { '': LOCK.packages[''], 'node_modules/x': { version: '1.0.0', license: 'AGPL-3.0' } } }),
    },
    'dependencies',
    /AGPL-3\.0/,
  ],
]
it.each(RULES)('%s is found, and nothing else', async (_, files, rule, words) => {
  const { findings } = await check(files)
  expect(findings.map((finding) => finding.rule)).toEqual([rule])
  expect(findings[0]?.message).toMatch(words)
})

it('proposes the entry that the changelog lacks, above the newest one, and after that finds it', async () => {
  const { fix } = await check({ ...GOOD, 'CHANGELOG.md': '# Changes\n\n### v1.1.0\n\n- Old.\n' })
  expect(fix).toMatchObject({
    path: 'CHANGELOG.md',
    content: '# Changes\n\n### 1.2.0\n\n- Not described yet.\n\n### v1.1.0\n\n- Old.\n',
  })
  expect(await check({ ...GOOD, 'CHANGELOG.md': fix?.content ?? '' })).toMatchObject({ findings: [], fix: null })
  expect((await check({ ...GOOD, 'CHANGELOG.md': '' })).fix?.content).toBe(
    '# Changelog\n\n## 1.2.0\n\n- Not described yet.\n',
  )
})

it('the same project has the same report, in whatever order the host answers', async () => {
  const turned = Object.fromEntries(Object.entries(GOOD).reverse())
  expect((await check(turned)).report).toBe((await check(GOOD)).report)
})

it('text of the project stays text in the report', async () => {
  const { report } = await check({ ...GOOD, ...about({ name: 'a |\n# x', main: '<img src=x>.js' }) })
  expect(report.split('\n').filter((line) => line.startsWith('# '))).toHaveLength(1)
  expect(report).not.toContain('<img')
})

it('names what it was made from', async () => {
  const { sources } = await check(GOOD)
  expect(sources.map(({ uri }) => uri)).toEqual([
    'file:package.json',
    'file:CHANGELOG.md',
    'file:package-lock.json',
    'file:.git/packed-refs',
  ])
})

it.each(['', '[]', '{', 'null', '{"files":{"a":{"b":{"c":{}}}},"exports":[[[["x"]]]],"bin":7}'])(
  'package.json that is %j is refused or judged, never a crash',
  async (content) => {
    const checked = await check({ ...GOOD, 'package.json': content }).catch((error: unknown) => error)
    expect(checked instanceof Error ? (checked as Error & { code?: string }).code : 'judged').toMatch(
      /^(PACKAGE_JSON|judged)$/,
    )
  },
)

it('asks for globs that the file tool takes, whatever package.json names', async () => {
  const many = Array.from({ length: 700 }, (_, i) => `lib/some/longer/name-${i}.js`)
  const content = JSON.stringify({ ...PACKAGE, files: [...many, 'a{b,c}', '!x', '../y', 'z'.repeat(400), 'a/**'] })
  const { output } = await runTool(connector, 'acme.release.globs@v1', { package: content })
  const { globs } = output as { globs: string[] }
  expect(globs.length).toBeLessThan(100)
  for (const glob of globs) expect(glob).toMatch(/^(\{[\w@.*/,-]+\}|[\w@.*/-]+)$/)
  expect(Math.max(...globs.map((glob) => glob.length))).toBeLessThanOrEqual(256)
})

const ORDER = [
  '0.9.0',
  '1.0.0-alpha',
  '1.0.0-alpha.1',
  '1.0.0-alpha.beta',
  '1.0.0-beta.2',
  '1.0.0-beta.11',
  '1.0.0',
  '1.10.0',
]
it('versions are ordered as semver orders them', () => {
  const versions = ORDER.map((text) => versionOf(text))
  for (const [i, a] of versions.entries()) {
    for (const [j, b] of versions.entries()) {
      if (a && b) expect(Math.sign(compareVersions(a, b))).toBe(Math.sign(i - j))
    }
  }
})

it.each([
  ['MIT', true],
  ['mit', false],
  ['(MIT OR GPL-3.0)', true],
  ['GPL-3.0 OR MIT', true],
  ['MIT AND GPL-3.0', false],
  ['MIT AND (ISC OR GPL-3.0)', true],
  ['(MIT', false],
  ['MIT)', false],
  ['MIT WITH x', false],
  ['', false],
  ['SEE LICENSE IN x', false],
  ['('.repeat(50_000), false],
])('the licence %.40j is allowed: %s', (expression, allowed) => {
  expect(isAllowed(expression, ['MIT', 'ISC'])).toBe(allowed)
})
