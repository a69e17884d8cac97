import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { firewallPlugin } from 'cloned/plugins/firewall'
import { packagePlugin } from 'cloned/plugins/package'
import { registryPlugin } from 'cloned/plugins/registry'
import { trustPlugin } from 'cloned/plugins/trust'
import { initWorkspace } from 'cloned/plugins/workspace'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { pemSigner, signDetached } from '../../plugins/trust/jws.js'
import { distributionWith, runIn } from './cli-fixture.js'
import { newKey, type Vendor, vendor } from './package-fixture.js'

const distribution = {
  ...distributionWith(firewallPlugin, packagePlugin, trustPlugin, registryPlugin),
  mayAllow: ['cloned.policy', 'cloned.firewall'],
}
let root: string
let acme: Vendor
let key: string
let catalogPem: string

const run = (argv: readonly string[]) => runIn(distribution, root, ['--workspace', root, ...argv])
const catalog = () => join(root, 'catalog')
const index = () => join(catalog(), 'index.json')

async function approved(argv: readonly string[]) {
  const waiting = await run([...argv, '--json'])
  expect([argv, waiting.code]).toEqual([argv, 4])
  const found = JSON.parse(waiting.out)
  const id = (found.approval ?? found.updates[0].approval).id
  const ran = await run(['approvals', 'approve', id])
  // An overlay that is being adopted is not in force yet, and that is said.
  expect([ran.code, ran.err.replace(/^warning cloned\.policy: .*\n/, '')]).toEqual([0, ''])
}

/** Puts versions into the catalog and signs its index. */
async function publish(...versions: readonly string[]) {
  for (const version of versions) {
    const { archive } = await acme.make({ version })
    const path = join(catalog(), 'packages', 'acme.weather', version, `acme.weather-${version}.tgz`)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, archive)
  }
  expect(await run(['connectors', 'index', catalog(), '--key', catalogPem])).toMatchObject({ code: 0, err: '' })
}

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'cloned-catalog-')))
  initWorkspace(root, { type: 'personal', now: Date.now })
  acme = vendor()
  key = join(root, 'acme.pem')
  catalogPem = join(root, 'catalog.pem')
  await run(['connectors', 'key', key, '--publisher', 'acme'])
  await run(['connectors', 'key', catalogPem, '--into', `${key}.json`, '--catalog'])
  Object.assign(acme.key, { pem: readFileSync(key, 'utf8') })
  await approved(['trust', 'add', `${key}.json`])
  await publish('1.0.0', '1.1.0')
})
afterAll(async () => {
  acme.close()
  await rm(root, { recursive: true, force: true })
})

describe('a catalog in a directory', () => {
  it('is searched by id, title, tool and capability', async () => {
    for (const word of ['weather', 'WEATHER', 'today', 'net.fetch', '']) {
      const { code, out } = await run([
        'connectors',
        'search',
        ...(word ? [word] : []),
        '--catalog',
        'catalog',
        '--json',
      ])
      expect([code, JSON.parse(out).packages.length]).toEqual([0, 2])
    }
    expect((await run(['connectors', 'search', 'nothing', '--catalog', 'catalog'])).out).toContain('Nothing found')
    expect((await run(['connectors', 'search'])).code).toBe(2)
  })

  it('installs a version, says what is outdated, and updates it, each by an approval', async () => {
    await approved(['connectors', 'install', 'acme.weather@1.0.0', '--catalog', 'catalog'])
    const { out } = await run(['connectors', 'outdated', '--catalog', 'catalog', '--json'])
    expect(JSON.parse(out).outdated).toEqual([{ id: 'acme.weather', installed: '1.0.0', offered: '1.1.0' }])
    await approved(['connectors', 'update', 'acme.weather', '--catalog', 'catalog'])
    expect((await run(['connectors', 'outdated', '--catalog', 'catalog'])).out).toContain('Nothing is outdated')
    expect((await run(['connectors', 'list'])).out).toContain('1.1.0')
  })

  it('stays with whoever kept it first: another publisher that is trusted cannot take its place', async () => {
    const [other, otherCatalog] = [join(root, 'beta.pem'), join(root, 'beta-catalog.pem')]
    await run(['connectors', 'key', other, '--publisher', 'beta'])
    await run(['connectors', 'key', otherCatalog, '--into', `${other}.json`, '--catalog'])
    await approved(['trust', 'add', `${other}.json`])
    const [text, signature] = [readFileSync(index()), readFileSync(`${index()}.sig`)]
    const payload = Buffer.from(String(text).replace(/"version": (\d+)/, (_, n) => `"version": ${Number(n) + 1}`))
    const sign = (pem: string, existing?: Buffer) =>
      signDetached(payload, 'catalog', pemSigner(readFileSync(pem, 'utf8')), existing)
    writeFileSync(index(), payload)
    writeFileSync(`${index()}.sig`, sign(otherCatalog))
    const search = (where: string) => run(['connectors', 'search', '--catalog', where])
    expect(await search('catalog')).toMatchObject({
      code: 5,
      err: expect.stringContaining('signed by beta, and this location was kept by acme'),
    })
    // At a location of its own it may.
    cpSync(catalog(), join(root, 'elsewhere'), { recursive: true })
    expect((await search('elsewhere')).code).toBe(0)
    writeFileSync(`${index()}.sig`, sign(catalogPem, Buffer.from(sign(otherCatalog))))
    expect((await search('catalog')).code).toBe(0)
    // What both have signed does not make the second one a keeper.
    writeFileSync(`${index()}.sig`, sign(otherCatalog))
    expect((await search('catalog')).code).toBe(5)
    writeFileSync(index(), text)
    writeFileSync(`${index()}.sig`, signature)
    await publish()
    await publish()
  })

  describe('is refused', () => {
    const kept = () => join(root, 'kept')
    const search = () => run(['connectors', 'search', '--catalog', 'catalog'])
    const signed = (text: string, pem = readFileSync(catalogPem, 'utf8')) => {
      writeFileSync(index(), text)
      writeFileSync(`${index()}.sig`, signDetached(Buffer.from(text), 'catalog', pemSigner(pem)))
    }
    const bent = (change: (found: Record<string, unknown>) => object) => {
      const found = JSON.parse(readFileSync(index(), 'utf8'))
      return `${JSON.stringify({ ...found, ...change(found) }, null, 2)}\n`
    }
    beforeAll(() => cpSync(catalog(), kept(), { recursive: true }))
    afterEach(() => {
      rmSync(catalog(), { recursive: true })
      cpSync(kept(), catalog(), { recursive: true })
    })

    it.each<[string, () => void]>([
      ['without an index', () => rmSync(index())],
      ['without a signature', () => rmSync(`${index()}.sig`)],
      [
        'edited after it was signed',
        () =>
          writeFileSync(
            index(),
            bent(() => ({ expires: '2999-01-01T00:00:00Z' })),
          ),
      ],
      ['signed by a stranger', () => signed(readFileSync(index(), 'utf8'), newKey().pem)],
      ['signed with a key for packages', () => signed(readFileSync(index(), 'utf8'), readFileSync(key, 'utf8'))],
      ['expired', () => signed(bent(() => ({ expires: '2020-01-01T00:00:00Z' })))],
      ['older than one that was seen', () => signed(bent(() => ({ version: 0 })))],
      [
        'with a path that leaves it',
        () =>
          signed(
            bent(({ packages }) => ({
              packages: (packages as object[]).map((each) => ({
                ...each,
                archive: { path: 'packages/../../x.tgz', size: 1, sha256: 'a'.repeat(64) },
              })),
            })),
          ),
      ],
      ['with a member that nobody knows', () => signed(bent(() => ({ verified: true })))],
      ['larger than 5 MiB', () => writeFileSync(index(), Buffer.alloc(5 * 1024 * 1024 + 1, 32))],
    ])('%s', async (_, touch) => {
      touch()
      const { code, out } = await search()
      expect([code, out]).toEqual([5, ''])
    })

    it('when its version falls back, and not when it stays', async () => {
      const before = readFileSync(index(), 'utf8')
      const beforeSignature = readFileSync(`${index()}.sig`, 'utf8')
      await publish('1.2.0')
      expect((await search()).code).toBe(0)
      expect((await search()).code).toBe(0)
      writeFileSync(index(), before)
      writeFileSync(`${index()}.sig`, beforeSignature)
      expect(await search()).toMatchObject({ code: 5, err: expect.stringContaining('was seen before') })
      await publish('1.2.0', '1.3.0')
      cpSync(catalog(), kept(), { recursive: true })
    })

    it('as to an archive that is of another version than the index says', async () => {
      const text = readFileSync(index(), 'utf8').replace('"version": "1.3.0"', '"version": "1.4.0"')
      const { signature } = {
        signature: signDetached(Buffer.from(text), 'catalog', pemSigner(readFileSync(catalogPem, 'utf8'))),
      }
      writeFileSync(index(), text)
      writeFileSync(`${index()}.sig`, signature)
      const { code, err } = await run(['connectors', 'install', 'acme.weather@1.4.0', '--catalog', 'catalog'])
      expect([code, err]).toEqual([
        5,
        expect.stringContaining('its archive of acme.weather 1.4.0 holds acme.weather 1.3.0'),
      ])
    })

    it('as to an archive that is not the one in its index', async () => {
      writeFileSync(index().replace('index.json', 'packages/acme.weather/1.3.0/acme.weather-1.3.0.tgz'), 'x')
      const { code, err } = await run(['connectors', 'update', 'acme.weather', '--catalog', 'catalog'])
      expect([code, err]).toEqual([5, expect.stringContaining('is not the one in its index')])
    })
  })
})

describe('a catalog behind a URL', () => {
  let server: Server
  let url: string
  beforeAll(async () => {
    server = createServer((request, response) => {
      try {
        response.end(readFileSync(join(catalog(), String(request.url))))
      } catch {
        // Whatever is not there.
        response.writeHead(404).end()
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => server.close())

  it('is fetched by a governed action, which is asked for, and only where the firewall lets it', async () => {
    const asked = await run(['connectors', 'search', '--catalog', url])
    expect([asked.code, asked.err]).toEqual([4, expect.stringContaining('Then repeat this command')])
    const port = Number(new URL(url).port)
    writeFileSync(join(root, '.cloned', 'policy', 'personal.yaml'), overlay(port), { mode: 0o600 })
    await approved(['policy', 'adopt'])
    const found = await run(['connectors', 'search', '--catalog', url, '--json'])
    expect([found.code, found.code === 0 || found.out]).toEqual([0, true])
    expect(JSON.parse(found.out).packages).toHaveLength(4)
    await approved(['connectors', 'update', 'acme.weather', '--catalog', url])
    expect((await run(['connectors', 'list'])).out).toContain('1.3.0')
    const elsewhere = await run(['connectors', 'search', '--catalog', 'https://catalog.example.com'])
    expect([elsewhere.code, elsewhere.err]).toEqual([1, expect.stringContaining('catalog.example.com')])
    const missing = await run(['connectors', 'search', '--catalog', `${url}/none`])
    expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('status 404')])
  })

  const overlay = (port: number) => {
    mkdirSync(join(root, '.cloned', 'policy'), { recursive: true, mode: 0o700 })
    return `version: 1
pack: personal
actions:
  catalog.fetch: allow
egress:
  global:
    allow:
      - host: 127.0.0.1
        schemes: [http]
        ports: [${port}]
        addresses: [127.0.0.0/8]
`
  }
})
