// Provenance as others read it: Sigstore's own verifier, openssl and a shell decide here, besides our own code.
import { spawnSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleFromJSON } from '@sigstore/bundle'
import { toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify'
import { sha256 } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openBundle, sealBundle } from '../../plugins/artifacts/bundle.js'
import { type ArtifactsWorld, artifactsWorld, NOW, run } from './artifacts-fixture.js'

let world: ArtifactsWorld
beforeEach(() => {
  world = artifactsWorld()
})
afterEach(() => world.close())

const DOCS = new URL('../../docs/artifacts.md', import.meta.url)
const PACKAGE = { id: 'acme.x', version: '1.2.3', digest: 'd'.repeat(64) }

/** An artifact that a run saved after three calls, one of a connector and one that was denied. */
async function savedByRun() {
  world.levers.known = { run: 'run_1', pipeline: 'acme.report', pipeline_digest: 'e'.repeat(64) }
  await world.call('cloned.internal.fs.read@v1')
  await world.call('connector.acme.x.do@v1', run, { package: PACKAGE })
  await world.audit.append({
    type: 'tool.outcome',
    ts: new Date(NOW).toISOString(),
    call_id: 'call_denied',
    target: 'acme.no@v1',
    status: 'denied',
    actor: { id: run.id, claimed: false, os_user: 'ada' },
  })
  // What somebody did who only called himself by the name of the run.
  await world.call('acme.evil@v1', { ...run, claimed: true })
  return world.save({ sources: [{ uri: 'file:a.md', sha256: sha256('a') }] }, run)
}

const bundleOf = (id: string) => readFileSync(world.manifest(id), 'utf8')
const checksOf = async (id: string) => {
  const { checks } = await world.artifacts.verify(id)
  return Object.fromEntries(checks.map(({ name, ok }) => [name, ok]))
}

function replace(path: string, text: string): void {
  chmodSync(path, 0o600)
  writeFileSync(path, text)
}

function sigstoreVerify(text: string, publicKey: KeyObject): void {
  const nobodyElse = { mediaType: '', tlogs: [], certificateAuthorities: [], ctlogs: [], timestampAuthorities: [] }
  const trust = toTrustMaterial(nobodyElse, () => ({ publicKey, validFor: () => true }))
  const entity = toSignedEntity(bundleFromJSON(JSON.parse(text)))
  new Verifier(trust, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 }).verify(entity)
}

describe('the manifest', () => {
  it('names the pipeline, every call with its record, the packages and the sources', async () => {
    const { id } = await savedByRun()
    const statement = JSON.parse(openBundle(bundleOf(id)).payload.toString()) as {
      predicate: {
        buildDefinition: { buildType: string; externalParameters: unknown; resolvedDependencies: unknown[] }
      }
    }
    const { buildType, externalParameters, resolvedDependencies } = statement.predicate.buildDefinition
    expect(buildType).toBe('https://cloned.dev/buildtypes/pipeline/v1')
    expect(externalParameters).toEqual(world.levers.known)
    const hash = (seq: number) => world.audit.records()[seq - 1]?.hash
    expect(resolvedDependencies).toMatchObject([
      { uri: 'cloned:package/acme.x@1.2.3', digest: { sha256: PACKAGE.digest } },
      {
        name: 'cloned.internal.fs.read@v1',
        digest: { sha256: hash(1) },
        annotations: { seq: 1, status: 'done', outcome_seq: 2, outcome_sha256: hash(2) },
      },
      { name: 'connector.acme.x.do@v1', digest: { sha256: hash(3) }, annotations: { outcome_seq: 4 } },
      { name: 'acme.no@v1', digest: { sha256: hash(5) }, annotations: { status: 'denied' } },
      { name: 'cloned.internal.artifact.save@v1', digest: { sha256: hash(8) }, annotations: { status: 'running' } },
      { uri: 'file:a.md', digest: { sha256: sha256('a') }, annotations: { declared_by: 'run:run_1' } },
    ])
    expect(resolvedDependencies).toHaveLength(6)
  })

  it('reads back as it was saved', async () => {
    const saved = await savedByRun()
    expect(await world.artifacts.get(saved.id)).toMatchObject({ manifest: saved, intact: true })
  })

  it('of a call outside of a run names the calls that it is nested in, and no others', async () => {
    await world.call('acme.before@v1')
    const outer = await world.begin('acme.outer@v1')
    const inner = await world.begin(
      'cloned.internal.artifact.save@v1',
      { ...run, id: 'user:ada' },
      { parent: outer.callId },
    )
    const { calls } = await world.artifacts.save({ filename: 'a.md', content: '' }, inner)
    expect(calls.map(({ tool }) => tool)).toEqual(['acme.outer@v1', 'cloned.internal.artifact.save@v1'])
  })
})

describe('others verify it', () => {
  it('Sigstore takes the bundle, and none of its forgeries', async () => {
    const { id } = await savedByRun()
    const text = bundleOf(id)
    const key = (await world.keys.signer('artifacts')).publicKey
    expect(() => sigstoreVerify(text, key)).not.toThrow()
    const { payload } = openBundle(text)
    const other = Buffer.from(payload.toString().replace('report.md', 'Report.md')).toString('base64')
    const forged = text.replace(payload.toString('base64'), other)
    expect(forged).not.toBe(text)
    expect(() => sigstoreVerify(forged, key)).toThrow()
    expect(() => sigstoreVerify(text, generateKeyPairSync('ed25519').publicKey)).toThrow()
  })

  it('openssl and a shell take it by the words of the docs, and nothing that was changed', async () => {
    const { id } = await savedByRun()
    const key = (await world.keys.signer('artifacts')).publicKey
    writeFileSync(join(world.state, 'key.pem'), key.export({ format: 'pem', type: 'spki' }))
    mkdirSync(join(world.state, 'content'))
    cpSync(world.manifest(id), join(world.state, 'manifest.sigstore.json'))
    cpSync(world.content(id), join(world.state, 'content', 'report.md'))
    const [, script = ''] = /^```sh verify\n([\s\S]*?)^```$/m.exec(readFileSync(DOCS, 'utf8')) ?? []
    const verify = () => spawnSync('bash', ['-c', script], { cwd: world.state, encoding: 'utf8' })
    const good = verify()
    expect([good.status, good.stderr]).toEqual([0, ''])
    expect(sha256(readFileSync(join(world.state, 'payload'))).slice(0, 24)).toBe(id.slice(4))
    replace(join(world.state, 'content', 'report.md'), '# Gruesse\n')
    expect(verify().status).not.toBe(0)
    cpSync(world.content(id), join(world.state, 'content', 'report.md'), { force: true })
    const forged = bundleOf(id).replace(/"sig":"./, (sig) => (sig.endsWith('A') ? '"sig":"B' : '"sig":"A'))
    replace(join(world.state, 'manifest.sigstore.json'), forged)
    expect(verify().status).not.toBe(0)
  })
})

describe('an attack', () => {
  const all = { signature: true, content: true, record: true, calls: true }
  const edited = (text: string, change: (payload: string) => string) => {
    const { payload } = openBundle(text)
    return Buffer.from(change(payload.toString()))
  }
  /** A bundle over other bytes with the old signature, as an attacker without a key can make it. */
  const unsigned = (text: string, payload: Buffer) =>
    text.replace(openBundle(text).payload.toString('base64'), payload.toString('base64'))
  const moveTo = (id: string, payload: Buffer, text: string) => {
    const forgedId = `art_${sha256(payload).slice(0, 24)}`
    cpSync(join(world.directory, id), join(world.directory, forgedId), { recursive: true })
    replace(world.manifest(forgedId), text)
    return forgedId
  }
  const lie = (text: string) =>
    edited(text, (payload) => payload.replace('"pipeline":"acme.report"', '"pipeline":"acme.r3port"'))

  it('none: everything is as it was saved', async () => {
    expect(await checksOf((await savedByRun()).id)).toEqual(all)
  })

  it('on the content is seen', async () => {
    const { id } = await savedByRun()
    replace(world.content(id), '# Gruesse\n')
    expect(await checksOf(id)).toEqual({ ...all, content: false })
  })

  it('on the manifest in its place is seen, for its id is its hash', async () => {
    const { id } = await savedByRun()
    replace(world.manifest(id), unsigned(bundleOf(id), lie(bundleOf(id))))
    await expect(world.artifacts.get(id)).rejects.toMatchObject({ code: 'FILE_INVALID' })
  })

  it('with a forged manifest under its own id fails the signature and the record', async () => {
    const { id } = await savedByRun()
    const payload = lie(bundleOf(id))
    const forged = moveTo(id, payload, unsigned(bundleOf(id), payload))
    expect(await checksOf(forged)).toEqual({ ...all, signature: false, record: false })
    expect(await world.artifacts.get(forged)).toMatchObject({ intact: false })
  })

  it.each([
    ['that names itself', true],
    ['that names the key of the workspace', false],
  ])('with another key %s fails the signature', async (_, honest) => {
    const { id } = await savedByRun()
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const { kid } = await world.keys.signer('artifacts')
    const key = { kid: honest ? '0'.repeat(16) : kid, publicKey, sign: (data: Buffer) => sign(null, data, privateKey) }
    replace(world.manifest(id), sealBundle(openBundle(bundleOf(id)).payload, key))
    expect(await checksOf(id)).toEqual({ ...all, signature: false })
    expect(await world.artifacts.get(id)).toMatchObject({ intact: false })
  })

  it('with the bundle of another artifact is seen', async () => {
    const [first, second] = [await savedByRun(), await world.save({ content: 'other' }, run)]
    replace(world.manifest(first.id), bundleOf(second.id))
    await expect(world.artifacts.verify(first.id)).rejects.toMatchObject({ code: 'FILE_INVALID' })
  })

  it('with another artifact under this name is seen', async () => {
    const [first, second] = [await savedByRun(), await world.save({ content: 'other' }, run)]
    renameSync(join(world.directory, first.id), join(world.directory, 'away'))
    renameSync(join(world.directory, second.id), join(world.directory, first.id))
    await expect(world.artifacts.get(first.id)).rejects.toMatchObject({ code: 'FILE_INVALID' })
  })

  const STOLEN: readonly [string, (payload: string) => string, object][] = [
    ['leaves a call out', (text) => text.replace(/{"name":"connector.acme[^}]*}[^}]*}},/, ''), { calls: false }],
    ['changes how a call ended', (text) => text.replace('"status":"denied"', '"status":"done"'), { calls: false }],
    ['changes the tool of a call', (text) => text.replace('acme.no@v1', 'acme.ok@v1'), { calls: false }],
    ['reads less of the log', (text) => text.replace(/"audit_seq":\d+/, '"audit_seq":2'), { calls: false }],
    ['changes the pipeline', (text) => text.replace('acme.report', 'acme.r3port'), {}],
  ]
  it.each(STOLEN)('with the stolen key that %s is seen in the log', async (_, change, found) => {
    const { id } = await savedByRun()
    const payload = edited(bundleOf(id), change)
    expect(payload.toString()).not.toBe(openBundle(bundleOf(id)).payload.toString())
    const forged = moveTo(id, payload, sealBundle(payload, await world.keys.signer('artifacts')))
    expect(await checksOf(forged)).toEqual({ ...all, record: false, ...found })
  })

  it('is not what a rotated key is: what the old one signed stays good', async () => {
    const { id } = await savedByRun()
    await world.keys.rotate('artifacts', 'signer')
    expect(await checksOf(id)).toEqual(all)
    expect(await checksOf((await world.save()).id)).toEqual(all)
  })

  it('cannot be told where the log is not: of another workspace, signature and content are all there is', async () => {
    const { id } = await savedByRun()
    world.levers.workspace = 'w2'
    expect(await checksOf(id)).toEqual({ signature: true, content: true, record: undefined, calls: undefined })
  })

  it('is not told from pruning: what the log no longer has is not checked', async () => {
    const { id } = await savedByRun()
    const later = 100
    const pruned = {
      ...world.audit,
      find: async () => [],
      scan: async function* () {
        yield { seq: later, hash: '', record: {} }
      },
    }
    Object.assign(world.audit, pruned)
    expect(await checksOf(id)).toEqual({ signature: true, content: true, record: undefined, calls: undefined })
  })
})
