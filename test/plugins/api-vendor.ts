// A vendor with a signed catalog whose packages are installed in a served workspace; every change is asked for over the API.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Json } from 'cloned/kernel'
import { makeIndex } from '../../plugins/registry/catalog/make.js'
import { jwkOf } from '../../plugins/trust/jwk.js'
import { pemSigner, signDetached } from '../../plugins/trust/jws.js'
import type { Answer, ApiWorld } from './api-fixture.js'
import { type Made, newKey, publisherDocument, type Vendor, vendor } from './package-fixture.js'

export interface ApiVendor {
  readonly vendor: Vendor
  /** Packages of acme.weather, oldest first. */
  readonly made: readonly Made[]
  /** A package of the skill pack acme.hello. */
  readonly pack: Made
  /** For the configuration of the workspace. */
  readonly config: Readonly<Record<string, Json>>
  /** The document by which others trust the vendor. */
  readonly document: string
}

export const CONNECTOR = 'acme.weather'
export const PACK = 'acme.hello'

const PACK_FILES = {
  'SKILL.md': '---\nname: hello\ndescription: Says hello.\n---\n',
  'pack.yaml': JSON.stringify({
    ...{ format: 1, id: PACK, version: '1.0.0', title: 'Hello', description: 'Says hello.', publisher: 'acme' },
    allowed_tools: ['cloned.internal.fs.read@v1'],
  }),
  'pipelines/say.yaml': JSON.stringify({
    ...{ format: 1, id: `${PACK}/say`, title: 'Say', description: 'Reads a note.', inputs: { type: 'object' } },
    allowed_tools: ['cloned.internal.fs.read@v1'],
    steps: [{ id: 'read', tool: 'cloned.internal.fs.read@v1', input: { path: 'note.md' } }],
  }),
}

export async function apiVendor(): Promise<ApiVendor> {
  const acme = vendor()
  const index = newKey()
  const catalog = join(acme.directory, 'catalog')
  const made: Made[] = []
  for (const version of ['1.0.0', '1.1.0']) {
    const one = await acme.make({ version })
    const path = join(catalog, 'packages', CONNECTOR, version, `${CONNECTOR}-${version}.tgz`)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, one.archive)
    made.push(one)
  }
  const runtime = { kind: 'skills', allowed_tools: ['cloned.internal.fs.read@v1'], connectors: {} } as const
  const about = { id: PACK, title: 'Hello', description: 'Says hello.', runtime, tools: [] }
  const pack = await acme.make(about, { files: PACK_FILES })
  const keys = [
    { key: acme.key, use: 'package' },
    { key: index, use: 'catalog' },
  ].map(({ key: { kid, publicKey }, use }) => ({ kid, jwk: { ...jwkOf(publicKey) }, use, status: 'active' }))
  const sign = (payload: Uint8Array) => ({
    kid: index.kid,
    signature: signDetached(payload, 'catalog', pemSigner(index.pem)),
  })
  await makeIndex({ packages: acme.packages, trust: { sign } }, catalog, { pem: index.pem, now: Date.now(), days: 30 })
  return {
    vendor: acme,
    made,
    pack,
    config: { 'cloned.registry': { catalogs: [catalog] } },
    document: publisherDocument([acme.key], { keys }),
  }
}

/** Approves what waits; answers how it ended. */
export async function approve(world: ApiWorld, asked: Answer): Promise<Json> {
  if (asked.status !== 202) throw new Error(`it does not wait: ${asked.text}`)
  const { body } = await world.post(`/v1/approvals/${asked.body.approval_id}/decide`, { verdict: 'approve' })
  if (body.outcome?.status !== 'done') throw new Error(`it was not done: ${JSON.stringify(body)}`)
  return body.outcome.output
}

/** Trusts the vendor, once. */
export async function trusted(world: ApiWorld, { document }: ApiVendor): Promise<void> {
  const { publishers } = (await world.get('/v1/trust')).body
  if (publishers.length === 0) await approve(world, await world.post('/v1/trust/publishers', { document }))
}

/** Installs the older connector out of the catalog, and lets it run or not. */
export async function installed(world: ApiWorld, acme: ApiVendor, status: 'enabled' | 'disabled'): Promise<void> {
  await trusted(world, acme)
  const { status: found, body } = await world.get(`/v1/connectors/${CONNECTOR}`)
  if (found === 404) await approve(world, await world.post('/v1/connectors', { package: `${CONNECTOR}@1.0.0` }))
  await switched(world, `/v1/connectors/${CONNECTOR}`, found === 404 ? 'disabled' : body.status, status)
}

/** Installs the skill pack, and lets it run or not. */
export async function packInstalled(world: ApiWorld, acme: ApiVendor, status: 'enabled' | 'disabled'): Promise<void> {
  await trusted(world, acme)
  const archive = acme.pack.archive.toString('base64')
  const asked = await world.post('/v1/skills', { archive })
  if (asked.status === 202) await approve(world, asked)
  // A pack that may not run is not there for anybody who looks for pipelines.
  const found = await world.get(`/v1/skills/${PACK}`)
  await switched(world, `/v1/skills/${PACK}`, found.status === 200 ? 'enabled' : 'disabled', status)
}

async function switched(world: ApiWorld, path: string, now: string, wanted: 'enabled' | 'disabled'): Promise<void> {
  if (now === wanted) return
  const answer = await world.post(`${path}/${wanted === 'enabled' ? 'enable' : 'disable'}`)
  if (answer.status === 202) await approve(world, answer)
}
