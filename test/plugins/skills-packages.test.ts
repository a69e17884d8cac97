// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of pipelines are spelled like those of JavaScript
// A pack from its first file to an installed package, on the command line, with real signatures; and what is refused on the way.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packagePlugin } from 'cloned/plugins/package'
import { registryPlugin } from 'cloned/plugins/registry'
import { skillsPlugin } from 'cloned/plugins/skills'
import { trustPlugin } from 'cloned/plugins/trust'
import { initWorkspace } from 'cloned/plugins/workspace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { distributionWith, runIn } from './cli-fixture.js'
import { publisherDocument, type Vendor, vendor } from './package-fixture.js'

const distribution = distributionWith(packagePlugin, trustPlugin, registryPlugin, skillsPlugin)
let root: string
let acme: Vendor

const run = (...argv: readonly string[]) => runIn(distribution, root, ['--workspace', root, ...argv])
const at = (...parts: string[]) => join(root, ...parts)

async function approved(...argv: readonly string[]): Promise<string> {
  const waiting = await run(...argv, '--json')
  expect([argv, waiting.code, waiting.err]).toEqual([argv, 4, ''])
  const { approval, reason } = JSON.parse(waiting.out)
  const ran = await run('approvals', 'approve', approval.id)
  expect([argv, ran.code, ran.err]).toEqual([argv, 0, ''])
  return String(reason)
}

function edit(path: string, from: string, to: string): void {
  const text = readFileSync(path, 'utf8')
  expect(text).toContain(from)
  writeFileSync(path, text.replace(from, to))
}

/** Packs the directory and signs what comes of it. */
async function signed(directory: string, file: string): Promise<void> {
  const packed = await run('skills', 'pack', directory, '--out', file)
  expect([packed.code, packed.err]).toEqual([0, ''])
  expect((await run('connectors', 'sign', file, '--key', acme.write('acme.pem', acme.key.pem))).code).toBe(0)
}

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'cloned-skills-packages-')))
  initWorkspace(root, { type: 'personal', now: Date.now })
  acme = vendor()
  chmodSync(acme.write('acme.pem', acme.key.pem), 0o600)
})
afterAll(async () => {
  acme.close()
  await rm(root, { recursive: true, force: true })
})

describe("a vendor's and a user's way", () => {
  it('a new pack is valid as it is written', async () => {
    expect((await run('skills', 'init', 'report', '--id', 'acme.report')).code).toBe(0)
    expect((await run('skills', 'init', 'report', '--id', 'acme.report')).code).toBe(2)
    expect((await run('skills', 'init', 'Other Name', '--id', 'acme.report')).code).toBe(2)
    expect((await run('skills', 'init', 'other-name', '--id', 'acme.report')).code).toBe(2)
    expect(await run('skills', 'validate', 'report')).toMatchObject({
      code: 0,
      out: expect.stringContaining('1 pipeline(s), all valid'),
    })
  })

  it('validate names every problem of every file', async () => {
    edit(at('report/SKILL.md'), 'name: report', 'name: other')
    edit(
      at('report/pipelines/list.yaml'),
      'path: ${{ inputs.directory }}',
      'path: ${{ inputs.folder }}\n      depth: nine',
    )
    const { code, err } = await run('skills', 'validate', 'report')
    expect(code).toBe(1)
    expect(err).toContain('SKILL.md:2:1: /name (line 2, column 1) must be "report", the name of its directory')
    expect(err).toContain('must be "report" or "acme-report", from the id of its pack')
    expect(err).toContain('(line 17, column 7) ${{ inputs.folder }}: the inputs do not declare "folder"')
    edit(at('report/SKILL.md'), 'name: other', 'name: report')
    edit(at('report/pipelines/list.yaml'), 'inputs.folder', 'inputs.directory')
    expect((await run('skills', 'validate', 'report')).err).toContain(
      '/steps/0/input/depth (line 18, column 7) is not a known key',
    )
    edit(at('report/pipelines/list.yaml'), '\n      depth: nine', '')
  })

  it('is packed, signed, installed in words about what it may call, and off until it is enabled', async () => {
    await signed('report', 'report.tgz')
    acme.write('publisher.json', publisherDocument([acme.key]))
    await approved('trust', 'add', join(acme.directory, 'publisher.json'))
    const reason = await approved('skills', 'install', 'report.tgz')
    expect(reason).toContain('calls cloned.internal.fs.list@v1')
    expect(reason).toContain('capabilities: fs.read; files: any; hosts: any; cost: any; duration: up to 60000 ms')
    expect((await run('skills', 'list')).out).toMatch(/acme\.report .*disabled/)
    expect(JSON.parse((await run('skills', 'list', '--json')).out)).toMatchObject({
      packs: [],
      off: [{ id: 'acme.report', version: '0.1.0', publisher: 'acme', status: 'disabled' }],
    })
    expect(await run('skills', 'show', 'acme.report')).toMatchObject({
      code: 3,
      err: expect.stringContaining('disabled'),
    })
    await approved('skills', 'enable', 'acme.report')
    const list = JSON.parse((await run('skills', 'list', '--json')).out)
    expect(list.packs).toEqual([
      expect.objectContaining({ id: 'acme.report', publisher: 'acme', origin: 'installed', lacking: [] }),
    ])
    expect(JSON.parse((await run('connectors', 'list', '--json')).out)).toEqual({ connectors: [] })
    expect((await run('skills', 'show', 'acme.report')).out).toContain('may call   cloned.internal.fs.list@v1')
    expect((await run('skills', 'show', 'acme.other')).code).toBe(1)
  })

  it('is drawn', async () => {
    const mermaid = await run('skills', 'graph', 'acme.report')
    expect(mermaid.out).toBe('flowchart TD\n  n0["list<br/>cloned.internal.fs.list@v1"]\n')
    expect((await run('skills', 'graph', 'acme.report', '--format', 'svg')).out).toMatch(/^<svg [\s\S]*<\/svg>\n$/)
    expect((await run('skills', 'graph', 'acme.gone')).code).toBe(2)
    expect((await run('skills', 'graph', 'acme.report', '--format', 'png')).code).toBe(2)
  })

  it('gives out nothing once a byte of it was changed, and says which', async () => {
    const { directory } = JSON.parse((await run('skills', 'list', '--json')).out).packs[0]
    const path = join(directory, 'pipelines/list.yaml')
    chmodSync(path, 0o600)
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace('**/*.md', '**/.env'))
    expect((await run('skills', 'list')).out).toMatch(/acme\.report .*quarantined: .*pipelines\/list.yaml/)
    expect((await run('connectors', 'list')).out).toContain('pipelines/list.yaml')
    writeFileSync(path, text)
    chmodSync(path, 0o444)
    expect((await run('skills', 'list')).out).toContain('acme.report')
  })

  it('an update that may call more is off until it is enabled anew', async () => {
    edit(at('report/pack.yaml'), 'version: 0.1.0', 'version: 0.2.0')
    edit(
      at('report/pack.yaml'),
      '  - cloned.internal.fs.list@v1',
      '  - cloned.internal.fs.list@v1\n  - cloned.internal.fs.read@v1',
    )
    await signed('report', 'report2.tgz')
    const reason = await approved('skills', 'install', 'report2.tgz')
    expect(reason).toContain('adds tools calls cloned.internal.fs.read@v1')
    expect((await run('skills', 'list')).out).toMatch(/acme\.report +0\.2\.0 .*disabled/)
    await approved('skills', 'enable', 'acme.report')
  })

  it.each([
    ['0.3.0', 'max_duration_ms: 60000', 'data_sources: [notes]\n  egress: []\n  max_cost: { calls: 10 }'],
    ['0.4.0', 'data_sources: [notes]\n  egress: []\n  max_cost: { calls: 10 }', 'max_cost: { calls: 20 }'],
  ])('an update to %s that drops a limit says so, and is off until it is enabled anew', async (version, from, to) => {
    edit(
      at('report/pack.yaml'),
      /version: .*/.exec(readFileSync(at('report/pack.yaml'), 'utf8'))?.[0] ?? '',
      `version: ${version}`,
    )
    edit(at('report/pack.yaml'), from, to)
    await signed('report', `report-${version}.tgz`)
    const reason = await approved('skills', 'install', `report-${version}.tgz`)
    const changes: Readonly<Record<string, readonly string[]>> = {
      '0.3.0': ['adds duration any', 'removes duration up to 60000 ms', 'adds files notes', 'adds hosts none'],
      '0.4.0': ['adds files any', 'removes files notes', 'adds hosts any', 'adds cost calls up to 20'],
    }
    for (const change of changes[version] ?? []) expect(reason).toContain(change)
    expect(JSON.parse((await run('skills', 'list', '--json')).out)).toMatchObject({ packs: [], off: [{ version }] })
    await approved('skills', 'enable', 'acme.report')
    expect((await run('skills', 'show', 'acme.report')).out).toContain('acme.report')
  })

  it('what it is held to stands in what was signed', async () => {
    const { packs } = JSON.parse((await run('skills', 'list', '--json')).out)
    expect(packs[0].constitution).toMatchObject({ capabilities: ['fs.read'], maxCost: { calls: 20 } })
    const manifest = JSON.parse(readFileSync(join(packs[0].directory, 'package.manifest.json'), 'utf8'))
    expect(manifest.runtime.constitution).toEqual({ capabilities: ['fs.read'], max_cost: { calls: 20 } })
  })

  it('is switched off and removed', async () => {
    // Less may run: nobody is asked.
    expect((await run('skills', 'disable', 'acme.report')).code).toBe(0)
    expect((await run('skills', 'list')).out).toMatch(/acme\.report .*disabled/)
    await approved('skills', 'remove', 'acme.report')
    expect(existsSync(at('.cloned/registry.yaml'))).toBe(true)
    expect((await run('skills', 'remove', 'acme.report')).code).toBe(1)
  })
})

describe('refused', () => {
  it('a pack that lacks a connector, in one line before anything runs', async () => {
    expect((await run('skills', 'init', '.cloned/skills/needy', '--id', 'acme.needy')).code).toBe(0)
    edit(
      at('.cloned/skills/needy/pack.yaml'),
      'allowed_tools:',
      'requires:\n  connectors: { acme.crm: ^2.1.0 }\nallowed_tools:',
    )
    expect((await run('skills', 'validate', '.cloned/skills/needy')).err).toContain(
      'needs the connector acme.crm ^2.1.0, which is not installed',
    )
    expect((await run('skills', 'list', '--json')).out).toContain('which is not installed and enabled')
    await rm(at('.cloned/skills/needy'), { recursive: true })
  })

  it('to pack what has a problem, no publisher or no SKILL.md', async () => {
    await run('skills', 'init', 'bad', '--id', 'acme.bad')
    edit(at('bad/pack.yaml'), 'publisher: acme\n', '')
    expect(await run('skills', 'pack', 'bad')).toMatchObject({
      code: 5,
      err: expect.stringContaining('names no publisher'),
    })
    edit(at('bad/pack.yaml'), 'version: 0.1.0', 'version: 0.1.0\npublisher: acme')
    edit(at('bad/pipelines/list.yaml'), 'glob:', 'glob: ${{ steps.gone.output }} #')
    expect(await run('skills', 'pack', 'bad')).toMatchObject({
      code: 6,
      err: expect.stringContaining('there is no step "gone"'),
    })
    edit(at('bad/pipelines/list.yaml'), '${{ steps.gone.output }} #', '')
    await rm(at('bad/SKILL.md'))
    expect(await run('skills', 'pack', 'bad')).toMatchObject({
      code: 5,
      err: expect.stringContaining('there is no SKILL.md'),
    })
  })

  const signedAs =
    'format: 1\nid: acme.sly\nversion: 1.0.0\npublisher: acme\ntitle: Sly\ndescription: Sly\nallowed_tools: []\n'
  const held = { egress: ['api.example.com'] }
  it.each([
    [
      '1.1.0',
      'tools',
      'allowed_tools: []',
      'allowed_tools: [cloned.internal.fs.write@v1]',
      'allows or needs something else',
    ],
    ['1.2.0', 'no constitution', '', '', 'allows or needs something else', held],
    [
      '1.6.0',
      'another constitution',
      '$',
      'constitution: { egress: ["*.example.com"] }\n',
      'allows or needs something else',
      held,
    ],
    [
      '1.3.0',
      'a constitution that was not signed',
      '$',
      'constitution: { egress: [] }\n',
      'allows or needs something else',
    ],
    ['1.4.0', 'another title', 'title: Sly', 'title: Signed by your bank', 'another title'],
    ['1.5.0', 'another description', 'description: Sly', 'description: Harmless', 'another title or description'],
  ])(
    'a signed package whose pack.yaml says something else than its manifest (%s): %s',
    async (version, _, from, to, problem, constitution?: object) => {
      const runtime = {
        kind: 'skills',
        allowed_tools: [],
        connectors: {},
        ...(constitution ? { constitution } : {}),
      } as const
      const manifest = { id: 'acme.sly', title: 'Sly', description: 'Sly', runtime, tools: [] } as const
      const text = from === '$' ? signedAs + to : signedAs.replace(from, to)
      const { path } = await acme.make(
        { ...manifest, version },
        { files: { 'pack.yaml': text.replace('1.0.0', version) } },
      )
      await approved('skills', 'install', path)
      await approved('skills', 'enable', 'acme.sly')
      const { code, err, out } = await run('skills', 'list')
      expect(code).toBe(6)
      expect(err).toContain(problem)
      expect(out).not.toContain('acme.sly')
      await approved('skills', 'remove', 'acme.sly')
    },
  )

  it('a connector by the commands of skills, and the other way round', async () => {
    const { path } = await acme.make()
    expect(await run('skills', 'install', path)).toMatchObject({
      code: 3,
      err: expect.stringContaining('cloned connectors install FILE'),
    })
    expect(await run('connectors', 'install', at('report2.tgz'))).toMatchObject({
      code: 3,
      err: expect.stringContaining('cloned skills install FILE'),
    })
  })

  it.each([
    [
      'tools of its own',
      { runtime: { kind: 'skills', allowed_tools: [], connectors: {} } } as const,
      { 'pack.yaml': '' },
    ],
    [
      'no pack.yaml',
      { runtime: { kind: 'skills', allowed_tools: [], connectors: {} }, tools: [] } as const,
      { 'a.md': '' },
    ],
    ['no tools and a program', { tools: [] }, { 'index.js': '' }],
  ])('a package with %s', async (_, change, files) => {
    await expect(acme.make(change, { files })).rejects.toMatchObject({ code: 'PACKAGE_INVALID' })
  })
})
