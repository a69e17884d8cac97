// The pack as a signed package with the signed connector that it uses, installed, judged and run as a user would do it.
import { chmodSync, cpSync, writeFileSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defaultDistribution } from 'cloned'
import { initWorkspace } from 'cloned/plugins/workspace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runIn } from '../../test/plugins/cli-fixture.js'
import { canConfine, NO_SANDBOX } from '../../test/plugins/connectors-fixture.js'
import { newKey, publisherDocument } from '../../test/plugins/package-fixture.js'
import { markdownLinks } from './index.js'

const distribution = defaultDistribution({ plugins: [markdownLinks] })
const CONNECTOR = join(process.cwd(), 'dist/examples/connector-http-status')
let root = ''
const run = (...argv: readonly string[]) => runIn(distribution, root, ['--workspace', root, ...argv])

async function approved(...argv: readonly string[]): Promise<void> {
  const waiting = await run(...argv, '--json')
  expect([argv, waiting.code, waiting.err]).toEqual([argv, 4, ''])
  expect(await run('approvals', 'approve', JSON.parse(waiting.out).approval.id)).toMatchObject({ code: 0 })
}

async function installed(family: 'connectors' | 'skills', source: string, id: string): Promise<void> {
  const file = join(root, `${id}.tgz`)
  expect(await run(family, 'pack', source, '--out', file)).toMatchObject({ code: 0, err: '' })
  expect(await run('connectors', 'sign', file, '--key', join(root, 'acme.pem'))).toMatchObject({ code: 0 })
  await approved(family, 'install', file)
  await approved(family, 'enable', id)
}

describe.skipIf(!canConfine)(`the signed pack (skipped only where ${NO_SANDBOX})`, () => {
  beforeAll(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), 'cloned-signed-pack-')))
    initWorkspace(root, { type: 'personal', now: Date.now })
    cpSync(fileURLToPath(new URL('../../test/fixtures/files/docs', import.meta.url)), join(root, 'docs'), {
      recursive: true,
    })
    const key = newKey()
    writeFileSync(join(root, 'acme.pem'), key.pem)
    chmodSync(join(root, 'acme.pem'), 0o600)
    writeFileSync(join(root, 'acme.json'), publisherDocument([key], { namespaces: ['acme', 'docs'] }))
    await approved('trust', 'add', 'acme.json')
    await installed('skills', fileURLToPath(new URL('./link-report', import.meta.url)), 'docs.link-report')
  })
  afterAll(() => rm(root, { recursive: true, force: true }))

  it('says what it lacks before anything runs', async () => {
    const { code, err } = await run('run', 'docs.link-report/hosts', '--input', '{"directory":"docs"}')
    expect([code, err]).toEqual([1, expect.stringContaining('needs the connector acme.http-status ^1.0.0')])
    expect((await run('runs', 'list', '--json')).out).not.toContain('run_')
  })

  it('runs with the connector, each host asked by it and reported', async () => {
    await installed('connectors', CONNECTOR, 'acme.http-status')
    expect((await run('skills', 'list')).out).toMatch(/docs\.link-report .*acme .*ready/)
    const { code, out, err } = await run('run', 'docs.link-report/hosts', '--input', '{"directory":"docs"}', '--json')
    expect([code, err, code === 0 ? '' : out]).toEqual([0, '', ''])
    const { output } = JSON.parse(out)
    expect(output).toMatchObject({ broken: 14, artifact: expect.any(String), report: expect.any(String) })
    expect(output.hosts.map((answer: { checked: { url: string }[] }) => answer.checked[0])).toEqual([
      expect.objectContaining({ url: 'https://example.org/', ok: false }),
      expect.objectContaining({ url: 'https://cdn.example.net/', ok: false }),
      expect.objectContaining({ url: 'https://example.com:8080/', ok: false }),
    ])
  })
})
