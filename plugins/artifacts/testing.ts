// The rules that every store of artifacts keeps, as cases for any test runner; must never rely on how or where one keeps them.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { auditSlot, definePlugin, type JsonObject, type Kernel, type Outcome, sha256 } from 'cloned/kernel'
import {
  type Bench,
  benchRules,
  benchTool,
  benchTools,
  type ContractCase,
  codeOf,
  type OpenReplaced,
} from 'cloned/testing'
import { type ArtifactManifest, artifactsSlot, type NewArtifact, provenanceCollection } from './slot.js'

/** The contract of slot `cloned.artifacts`. */
export function artifactsSuite(open: OpenReplaced): readonly ContractCase[] {
  const rule = benchRules(open, knowing)
  return [
    rule('what was saved is found under its id, intact, with its bytes', async ({ kernel }, bench) => {
      const saved = await save(kernel, bench, { filename: 'report.md', content: '# Grüße\n' })
      const bytes = Buffer.from('# Grüße\n')
      assert.match(saved.id, /^art_[0-9a-f]{24}$/)
      assert.deepEqual([saved.filename, saved.size, saved.sha256], ['report.md', bytes.length, sha256(bytes)])
      const found = await kernel.service(artifactsSlot).get(saved.id)
      assert.deepEqual(found?.manifest, saved)
      assert.equal(found.intact, true)
      assert.deepEqual(readFileSync(found.path), bytes)
    }),
    rule('a text, its bytes and its pieces are the same content', async ({ kernel }, bench) => {
      async function* pieces() {
        yield Buffer.from('ab')
        yield Buffer.from('c')
      }
      for (const content of ['abc', Buffer.from('abc'), pieces()]) {
        const { sha256: hash, size } = await save(kernel, bench, { filename: 'a.bin', content })
        assert.deepEqual([hash, size], [sha256('abc'), 3])
      }
    }),
    rule(
      'the manifest says who saved, when, by which call, and what was named as its sources',
      async ({ kernel, now }, bench) => {
        const sources = [{ uri: 'file:docs/index.md', sha256: sha256('x') }]
        const before = now()
        const saved = await save(kernel, bench, { filename: 'a.txt', content: 'x', mediaType: 'text/x-bench', sources })
        const at = Date.parse(saved.created_at)
        assert.ok(at >= before && at <= now())
        assert.deepEqual([saved.created_by, saved.media_type], ['agent:bench', 'text/x-bench'])
        assert.deepEqual(saved.sources, sources)
        const saving = saved.calls.find(({ call_id: id }) => id === saved.call_id)
        const [intent] = await kernel.service(auditSlot).find(saved.call_id)
        assert.deepEqual(
          [saving?.tool, saving?.seq, saving?.sha256],
          [benchTool('free'), intent?.seq, intent?.hash],
          'the saving call is not among its calls',
        )
      },
    ),
    rule('it lists the newest first, after a restart too', async (subject, bench) => {
      const ids: string[] = []
      for (const content of ['1', '2', '3']) {
        ids.unshift((await save(subject.kernel, bench, { filename: 'same.txt', content })).id)
        subject.advance(1_000)
      }
      const listed = async () => (await subject.kernel.service(artifactsSlot).list()).map(({ id }) => id)
      assert.deepEqual(await listed(), ids)
      await subject.reopen()
      assert.deepEqual(await listed(), ids)
      for (const id of ids) assert.equal((await subject.kernel.service(artifactsSlot).get(id))?.intact, true)
    }),
    rule('the log knows the save, and everything about it is verified', async ({ kernel }, bench) => {
      const { id, call_id: callId, sha256: hash } = await save(kernel, bench, { filename: 'a.txt', content: 'x' })
      const records = await kernel.service(auditSlot).find(callId)
      const record = records.find(({ record }) => record['type'] === 'artifact.saved')?.record
      assert.deepEqual([record?.['artifact'], record?.['content_sha256']], [id, hash])
      const { checks } = await kernel.service(artifactsSlot).verify(id)
      assert.deepEqual(
        checks.map(({ name, ok }) => [name, ok]),
        ['signature', 'content', 'record', 'calls'].map((name) => [name, true]),
      )
    }),
    rule('a byte that is another one shows, and so does content that is gone', async ({ kernel }, bench) => {
      const artifacts = kernel.service(artifactsSlot)
      const { id } = await save(kernel, bench, { filename: 'a.txt', content: 'as it was' })
      const { path = '' } = (await artifacts.get(id)) ?? {}
      const changes = [
        () => writeFileSync(path, 'as it is!'),
        () => writeFileSync(path, 'as it was, and more'),
        () => rmSync(path),
      ]
      for (const change of changes) {
        chmodSync(path, 0o600)
        change()
        assert.equal((await artifacts.get(id))?.intact, false)
        const failed = (await artifacts.verify(id)).checks.filter(({ ok }) => ok !== true)
        assert.deepEqual(
          failed.map(({ name, ok }) => [name, ok]),
          [['content', false]],
        )
      }
    }),
    rule('another key has not signed it, and what is no key is refused', async ({ kernel }, bench) => {
      const { verify } = kernel.service(artifactsSlot)
      const { id } = await save(kernel, bench, { filename: 'a.txt', content: 'x' })
      const { publicKey } = generateKeyPairSync('ed25519')
      const { checks } = await verify(id, publicKey.export({ type: 'spki', format: 'pem' }).toString())
      assert.equal(checks.find(({ name }) => name === 'signature')?.ok, false)
      await assert.rejects(verify(id, 'no key'), { code: 'ARTIFACT_KEY' })
    }),
    rule('refuses a name that is a path, a device or nothing, and what is no media type', async ({ kernel }, bench) => {
      const names = ['', '.', '..', '../a', 'a/b', '/a', 'a\\b', 'a\0b', 'a\nb', 'a'.repeat(300), 'nul', ' ']
      const bad: NewArtifact[] = names.map((filename) => ({ filename, content: 'x' }))
      bad.push({ filename: 'a.txt', content: 'x', mediaType: 'nonsense' })
      for (const artifact of bad) {
        const { outcome } = await trySave(kernel, bench, artifact)
        const { status, code, effect } = outcome as { status: string; code?: string; effect?: string }
        assert.deepEqual([status, code, effect], ['failed', 'ARTIFACT_REFUSED', 'none'], JSON.stringify(artifact))
      }
      assert.deepEqual(await kernel.service(artifactsSlot).list(), [])
    }),
    rule('a save that fails half-way leaves nothing', async ({ kernel }, bench) => {
      async function* broken() {
        yield Buffer.from('half')
        throw new Error('the source is gone')
      }
      const { outcome } = await trySave(kernel, bench, { filename: 'a.txt', content: broken() })
      assert.equal((outcome as { code?: string }).code, 'ARTIFACT_UNSAVED')
      assert.deepEqual(await kernel.service(artifactsSlot).list(), [])
    }),
    rule(
      'what plugins know of the call joins the provenance; a source that throws or repeats fails the save',
      async ({ kernel }, bench) => {
        bench.known = () => ({ weather: 'fine' })
        const { provenance } = await save(kernel, bench, { filename: 'a.txt', content: 'x' })
        assert.equal(provenance['weather'], 'fine')
        assert.deepEqual((provenance['actor'] as { id?: unknown }).id, 'agent:bench')
        const sources = [
          () => ({ actor: { id: 'user:somebody-else', claimed: false } }),
          () => {
            throw new Error('no idea')
          },
        ]
        for (const source of sources) {
          bench.known = source
          const { outcome } = await trySave(kernel, bench, { filename: 'a.txt', content: 'x' })
          assert.equal((outcome as { code?: string }).code, 'ARTIFACT_UNSAVED')
        }
        assert.equal((await kernel.service(artifactsSlot).list()).length, 1)
      },
    ),
    rule('no other name than that of an artifact finds anything', async ({ kernel, root }, bench) => {
      const artifacts = kernel.service(artifactsSlot)
      const { id } = await save(kernel, bench, { filename: 'a.txt', content: 'x' })
      for (const name of [`art_${'0'.repeat(24)}`, '', '.', '..', `../artifacts/${id}`, `${id}/`, `${root}/nothing`]) {
        assert.equal(await artifacts.get(name), undefined, name)
        assert.equal(await codeOf(() => artifacts.verify(name)), 'ARTIFACT_UNKNOWN', name)
      }
    }),
  ]
}

interface Knowing extends Bench {
  /** What a plugin knows of the call that saves. */
  known: () => JsonObject | undefined
}

function knowing(): Knowing {
  const plugin = definePlugin({
    id: 'bench.provenance',
    version: '1.0.0',
    kernel: '^0.1.0',
    stability: 'stable',
    contributes: { provenance: provenanceCollection },
    setup: () => ({ provenance: [{ describe: () => bench.known() }] }),
  })
  const bench: Knowing = Object.assign(benchTools(plugin), { known: () => undefined })
  return bench
}

/** Saves in the name of a governed call, as every save is. */
async function trySave(
  kernel: Kernel,
  bench: Bench,
  artifact: NewArtifact,
): Promise<{ outcome: Outcome; saved: ArtifactManifest | undefined }> {
  let saved: ArtifactManifest | undefined
  bench.effect = async (_, ctx) => {
    saved = await kernel.service(artifactsSlot).save(artifact, ctx)
    return saved.id
  }
  const outcome = await kernel.call({ tool: benchTool('free'), input: {}, actor: 'agent:bench' })
  return { outcome, saved }
}

async function save(kernel: Kernel, bench: Bench, artifact: NewArtifact): Promise<ArtifactManifest> {
  const { outcome, saved } = await trySave(kernel, bench, artifact)
  assert.ok(saved && outcome.status === 'done', JSON.stringify(outcome))
  return saved
}
