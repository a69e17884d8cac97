import { existsSync, readFileSync, statSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packagePlugin } from 'cloned/plugins/package'
import { registryPlugin } from 'cloned/plugins/registry'
import { trustPlugin } from 'cloned/plugins/trust'
import { initWorkspace } from 'cloned/plugins/workspace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { distributionWith, runIn } from './cli-fixture.js'
import { draft, publisherDocument, tool, type Vendor, vendor } from './package-fixture.js'

const distribution = distributionWith(packagePlugin, trustPlugin, registryPlugin)
let root: string
let acme: Vendor

const run = (argv: readonly string[]) => runIn(distribution, root, ['--workspace', root, ...argv])

/** Runs a change and decides the approval it waits for, as a person at this machine would. */
async function approved(argv: readonly string[]) {
  const waiting = await run([...argv, '--json'])
  expect([argv, waiting.code, waiting.err]).toEqual([argv, 4, ''])
  const { approval, reason } = JSON.parse(waiting.out)
  const ran = await run(['approvals', 'approve', approval.id])
  if (ran.code !== 0) console.log(ran)
  return { ...ran, reason: String(reason) }
}

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'cloned-registry-cli-')))
  initWorkspace(root, { type: 'personal', now: Date.now })
  acme = vendor()
})
afterAll(async () => {
  acme.close()
  await rm(root, { recursive: true, force: true })
})

describe("a vendor's and a user's way on the command line", () => {
  it('a key is made once, private, with the document that others add', async () => {
    const made = await run(['connectors', 'key', 'acme.pem', '--publisher', 'acme'])
    expect([made.code, made.err]).toEqual([0, ''])
    expect(statSync(join(root, 'acme.pem')).mode & 0o777).toBe(0o600)
    expect((await run(['connectors', 'key', 'acme.pem', '--publisher', 'acme'])).code).toBe(2)
  })

  it('a directory is packed and signed', async () => {
    acme.write('src/connector.json', JSON.stringify(draft()))
    acme.write('src/index.js', 'export {}\n')
    const packed = await run(['connectors', 'pack', join(acme.directory, 'src'), '--out', 'weather.tgz', '--json'])
    expect([packed.code, packed.err]).toEqual([0, ''])
    expect(JSON.parse(packed.out)).toMatchObject({ id: 'acme.weather', version: '1.0.0', files: 1 })
    const signed = await run(['connectors', 'sign', 'weather.tgz', '--key', 'acme.pem'])
    expect([signed.code, signed.err]).toEqual([0, ''])
  })

  it('nothing counts before a publisher is trusted, and then it installs', async () => {
    expect(await run(['connectors', 'install', 'weather.tgz'])).toMatchObject({
      code: 5,
      err: expect.stringContaining('no root of trust'),
    })
    const { code, reason } = await approved(['trust', 'add', 'acme.pem.json'])
    expect([code, reason]).toEqual([0, expect.stringContaining('trusts publisher acme for ids under acme')])
    const verified = await run(['connectors', 'verify', 'weather.tgz'])
    expect([verified.code, verified.err]).toEqual([0, ''])
    expect(verified.out).toMatch(/^acme.weather 1.0.0 {2}verified\npublisher {2}acme, by key /)
  })

  it('an installation is asked for with everything that the package may do', async () => {
    const { code, reason } = await approved(['connectors', 'install', 'weather.tgz'])
    expect(code).toBe(0)
    for (const part of [
      'install acme.weather 1.0.0 of publisher acme',
      'tools: acme.weather.today@v1 (low)',
      'capabilities: net.fetch',
      'hosts: api.example.com',
      'secrets: weather to api.example.com',
    ]) {
      expect(reason).toContain(part)
    }
    const { connectors } = JSON.parse((await run(['connectors', 'list', '--json'])).out)
    expect(connectors).toMatchObject([{ id: 'acme.weather', version: '1.0.0', status: 'disabled' }])
    const file = readFileSync(join(root, '.cloned', 'registry.yaml'), 'utf8')
    expect(file).toContain('enabled: false')
    expect(existsSync(join(root, '.cloned', 'packages', `sha256-${connectors[0].package_digest}`, 'index.js'))).toBe(
      true,
    )
  })

  it('is enabled by an approval, shown, and disabled without one', async () => {
    expect((await approved(['connectors', 'enable', 'acme.weather'])).code).toBe(0)
    expect((await run(['connectors', 'show', 'acme.weather'])).out).toContain('acme.weather 1.0.0  enabled')
    expect((await run(['doctor', '--json'])).out).toContain('1 connectors installed, 1 enabled')
    expect((await run(['connectors', 'disable', 'acme.weather'])).code).toBe(0)
    expect((await run(['connectors', 'list'])).out).toContain('disabled')
    expect((await approved(['connectors', 'enable', 'acme.weather'])).code).toBe(0)
  })

  it('a version that may do more is shown line by line to whoever decides, and by verify', async () => {
    const wider = tool({
      id: 'acme.weather.today@v2',
      title: 'Weather\nhost       none',
      risk: 'medium',
      egress_hosts: ['api.example.com', 'b.example.com'],
    })
    acme.write('src/connector.json', JSON.stringify(draft({ version: '1.1.0', tools: [wider] })))
    await run(['connectors', 'pack', join(acme.directory, 'src'), '--out', 'wider.tgz'])
    await run(['connectors', 'sign', 'wider.tgz', '--key', 'acme.pem'])
    const { out: verified } = await run(['connectors', 'verify', 'wider.tgz'])
    expect(verified).toMatch(/^installed {2}1\.0\.0; this one adds tools acme\.weather\.today@v2 \(medium\)/m)
    const waiting = JSON.parse((await run(['connectors', 'install', 'wider.tgz', '--json'])).out)
    const { change } = JSON.parse((await run(['approvals', 'show', waiting.approval.id, '--json'])).out)
    expect(change.diff.filter((line: string) => /^[-+]/.test(line))).toEqual([
      '- tool       acme.weather.today@v1 (low, net.fetch): Weather today',
      '+ tool       acme.weather.today@v2 (medium, net.fetch): Weather host       none',
      '+ host       b.example.com',
    ])
    expect((await run(['approvals', 'deny', waiting.approval.id])).code).toBe(0)
  })

  it('a revoked publisher is seen at once, and its connector is quarantined with a record', async () => {
    const asked = await run(['trust', 'revoke', 'publisher', 'acme', '--reason', 'key leaked', '--json'])
    const { approval } = JSON.parse(asked.out)
    const { change } = JSON.parse((await run(['approvals', 'show', approval.id, '--json'])).out)
    expect([change.what, change.diff.filter((line: string) => /^[-+]/.test(line))]).toEqual([
      'installed packages that may run',
      ['- acme.weather 1.0.0', '+ nothing'],
    ])
    expect((await run(['approvals', 'approve', approval.id])).code).toBe(0)
    const shown = await run(['connectors', 'show', 'acme.weather'])
    expect([shown.code, shown.out]).toEqual([5, expect.stringContaining('publisher acme was revoked: key leaked')])
    const log = readFileSync(join(root, '.cloned', 'audit.log'), 'utf8')
    expect(log.split('\n').filter((line) => line.includes('"type":"registry.quarantine"'))).toHaveLength(1)
    expect((await run(['connectors', 'verify', 'weather.tgz'])).code).toBe(5)
    expect((await run(['trust', 'list'])).out).toContain('publisher acme: key leaked')
  })

  it('is removed with its files', async () => {
    expect((await approved(['connectors', 'remove', 'acme.weather'])).code).toBe(0)
    expect((await run(['connectors', 'list'])).out).toContain('No connectors')
    expect((await run(['connectors', 'show', 'acme.weather'])).code).toBe(1)
  })

  it('a publisher that was removed is not added again under an older version', async () => {
    expect((await approved(['trust', 'remove', 'acme'])).code).toBe(0)
    acme.write('acme.json', publisherDocument([acme.key]))
    expect(await run(['trust', 'add', join(acme.directory, 'acme.json')])).toMatchObject({
      code: 3,
      err: expect.stringContaining('version 2 was here already'),
    })
  })
})
