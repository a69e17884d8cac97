import { createHash, generateKeyPairSync } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type Actor, type Contribution, compileSchema, HandlerError, readSchema, sha256 } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openBundle } from '../../plugins/artifacts/bundle.js'
import { artifactCommands } from '../../plugins/artifacts/commands.js'
import { FILENAME, filenameProblem, MAX_FILENAME, MEDIA_TYPE, mediaTypeOf } from '../../plugins/artifacts/filename.js'
import { handOutCommands } from '../../plugins/artifacts/hand-out-commands.js'
import { gatherProvenance } from '../../plugins/artifacts/provenance.js'
import type { ProvenanceSource } from '../../plugins/artifacts/slot.js'
import { saveTool } from '../../plugins/artifacts/tool.js'
import type { CommandContext } from '../../plugins/cli/slot.js'
import { type ArtifactsWorld, artifactsWorld, NOW, writer } from './artifacts-fixture.js'

let world: ArtifactsWorld
beforeEach(() => {
  world = artifactsWorld()
})
afterEach(() => world.close())

function unseal(path: string, text: string): void {
  chmodSync(path, 0o600)
  writeFileSync(path, text)
}

describe('saving', () => {
  it('keeps content and manifest, read-only, in a directory for the owner alone', async () => {
    const manifest = await world.save()
    expect(manifest).toMatchObject({
      id: expect.stringMatching(/^art_[0-9a-f]{24}$/),
      filename: 'report.md',
      media_type: 'text/markdown; charset=utf-8',
      size: 10,
      sha256: sha256('# Grüße\n'),
      created_at: '2030-01-02T03:04:05.678Z',
      created_by: 'agent:writer',
      call_id: 'call_1',
      workspace: 'w1',
      provenance: { actor: { id: 'agent:writer', claimed: true, os_user: 'ada' } },
    })
    expect(readFileSync(world.content(manifest.id), 'utf8')).toBe('# Grüße\n')
    const { payload } = openBundle(readFileSync(world.manifest(manifest.id), 'utf8'))
    expect(compileSchema(readSchema('artifact_manifest'))(JSON.parse(payload.toString()))).toEqual([])
    const modes = [
      world.directory,
      join(world.directory, manifest.id),
      world.content(manifest.id),
      world.manifest(manifest.id),
    ]
    expect(modes.map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700, 0o444, 0o444])
    expect(readdirSync(join(world.directory, '.staging'))).toEqual([])
  })

  it('is named after everything that its manifest says', async () => {
    const { id } = await world.save()
    const { payload } = openBundle(readFileSync(world.manifest(id), 'utf8'))
    expect(id).toBe(`art_${sha256(payload).slice(0, 24)}`)
  })

  it('the same content has the same hash, whenever, whoever and however', async () => {
    const bytes = Buffer.from('# Grüße\n')
    async function* pieces() {
      for (const byte of bytes) yield Uint8Array.of(byte)
    }
    const saved = [await world.save(), await world.save({ content: bytes }), await world.save({ content: pieces() })]
    world.levers.now = NOW + 1
    saved.push(await world.save({ filename: 'b.bin' }))
    expect(new Set(saved.map((manifest) => manifest.sha256))).toEqual(new Set([sha256(bytes)]))
    expect(new Set(saved.map(({ id }) => id)).size).toBe(4)
  })

  it('takes more than it holds in memory, piece by piece', async () => {
    const piece = Buffer.alloc(64 * 1024, 7)
    async function* many() {
      for (let i = 0; i < 320; i++) yield piece
    }
    const hash = createHash('sha256')
    for (let i = 0; i < 320; i++) hash.update(piece)
    const {
      size,
      sha256: saved,
      id,
    } = await world.save({ filename: 'big.bin', content: many(), mediaType: 'application/x-any' })
    expect([size, saved]).toEqual([320 * piece.length, hash.digest('hex')])
    expect(await world.artifacts.get(id)).toMatchObject({ intact: true, manifest: { media_type: 'application/x-any' } })
  })

  const NAMES: readonly [name: string, good: boolean][] = [
    ['report.md', true],
    ['Bericht März (2).md', true],
    ['報告.txt', true],
    ['v1.2+b_3-x', true],
    ['manifest.json', true],
    ['', false],
    ['.', false],
    ['..', false],
    ['.hidden', false],
    ['../x', false],
    ['a/b', false],
    ['/etc/passwd', false],
    ['a\\b', false],
    ['a\0b', false],
    ['a\nb', false],
    ['a:b', false],
    ['a%2fb', false],
    ['a\u202egpj.exe', false],
    ['a\u200bb', false],
    ['a ', false],
    ['a.', false],
    ['CON', false],
    ['nul.txt', false],
    ['COM¹.txt', false],
    ['lpt³', false],
    ['lpt1.md', false],
    ['console.md', true],
    ['cafe\u0301.md', false],
    ['caf\u00e9.md', true],
    ['-rf', false],
    ['a'.repeat(120), true],
    ['a'.repeat(121), false],
    ['語'.repeat(100), false],
  ]
  it.each(NAMES)('file name %j is good: %s', async (filename, good) => {
    expect(filenameProblem(filename) === undefined).toBe(good)
    const saved = await world.save({ filename }).catch((error: unknown) => error)
    if (good) expect(saved).toMatchObject({ filename })
    else {
      expect(saved).toBeInstanceOf(HandlerError)
      expect(saved).toMatchObject({ code: 'ARTIFACT_REFUSED', effect: 'none' })
      expect(existsSync(world.directory)).toBe(false)
    }
  })

  const STREAMS: readonly [string, () => AsyncGenerator<Uint8Array>][] = [
    [
      'has a byte too many',
      async function* () {
        for (let i = 0; i < 11; i++) yield Uint8Array.of(i)
      },
    ],
    [
      'breaks off',
      // biome-ignore lint/correctness/useYield: it breaks before the first piece
      async function* () {
        throw new Error('the source is gone')
      },
    ],
  ]
  it.each(STREAMS)('a stream that %s leaves nothing behind', async (_, content) => {
    world.levers.maxBytes = 10
    await expect(world.save({ content: content() })).rejects.toMatchObject({ effect: 'none' })
    expect(readdirSync(join(world.directory, '.staging'))).toEqual([])
    expect(await world.artifacts.list()).toEqual([])
  })

  it('leaves nothing behind when the disk refuses', async () => {
    mkdirSync(world.directory)
    // A file where the staging directory has to be refuses like a full disk does, also for the superuser.
    writeFileSync(join(world.directory, '.staging'), '')
    await expect(world.save()).rejects.toMatchObject({ code: 'ARTIFACT_UNSAVED', effect: 'none' })
    expect(readdirSync(world.directory)).toEqual(['.staging'])
    expect(await world.artifacts.list()).toEqual([])
  })

  it('leaves nothing behind when the log refuses', async () => {
    const call = await world.begin('cloned.internal.artifact.save@v1')
    world.audit.fail(new Error('no space'))
    const saving = world.artifacts.save({ filename: 'a.md', content: 'x' }, call)
    await expect(saving).rejects.toMatchObject({ code: 'ARTIFACT_UNSAVED', effect: 'none' })
    expect(readdirSync(world.directory)).toEqual(['.staging'])
  })

  it('sweeps what a killed process staged, and leaves what another stages now', async () => {
    for (const name of ['old', 'young'])
      mkdirSync(join(world.directory, '.staging', name, 'content'), { recursive: true })
    const yesterday = statSync(join(world.directory, '.staging', 'young')).mtimeMs / 1000 - 90_000
    utimesSync(join(world.directory, '.staging', 'old'), yesterday, yesterday)
    await world.save()
    expect(readdirSync(join(world.directory, '.staging'))).toEqual(['young'])
  })

  it('several at once are several artifacts', async () => {
    const saved = await Promise.all(Array.from({ length: 20 }, () => world.save()))
    expect(new Set(saved.map(({ id }) => id)).size).toBe(20)
    expect(await world.artifacts.list()).toHaveLength(20)
  })

  it.each([
    ['a.md', 'text/markdown; charset=utf-8'],
    ['A.JSON', 'application/json'],
    ['a', 'text/plain; charset=utf-8'],
    ['a.constructor', 'text/plain; charset=utf-8'],
  ])('the media type of %s is %s', (name, type) => {
    expect(mediaTypeOf(name)).toBe(type)
  })
})

describe('reading back', () => {
  it('lists newest first', async () => {
    const ids: string[] = []
    for (const at of [2, 3, 1]) {
      world.levers.now = NOW + at
      ids[at] = (await world.save()).id
    }
    expect((await world.artifacts.list()).map(({ id }) => id)).toEqual([ids[3], ids[2], ids[1]])
  })

  it('is empty before anything was saved', async () => {
    expect(await world.artifacts.list()).toEqual([])
  })

  it.each(['art_000000000000000000000000', 'art_x', '..', '../artifacts', '', '.staging'])(
    '%j is unknown',
    async (id) => {
      await world.save()
      expect(await world.artifacts.get(id)).toBeUndefined()
    },
  )

  const DAMAGE: readonly [string, (path: string) => void][] = [
    ['one byte changed', (path) => unseal(path, '# Grüße!')],
    ['cut short', (path) => unseal(path, '# Gr')],
    ['removed', (path) => rmSync(path)],
    [
      'a symlink to the same content',
      (path) => {
        cpSync(path, join(world.state, 'copy'))
        rmSync(path)
        symlinkSync(join(world.state, 'copy'), path)
      },
    ],
    [
      'a directory',
      (path) => {
        rmSync(path)
        mkdirSync(path)
      },
    ],
  ]
  it.each(DAMAGE)('content that is %s is not intact', async (_, damage) => {
    const { id } = await world.save()
    expect(await world.artifacts.get(id)).toMatchObject({ intact: true, path: world.content(id) })
    damage(world.content(id))
    expect(await world.artifacts.get(id)).toMatchObject({ intact: false })
  })

  const FORGED: readonly [string, (text: string) => string][] = [
    ['is not JSON', () => 'x'],
    ['is empty', () => ''],
    ['has an unknown key', (text) => text.replace('{', '{"trusted":true,')],
    ['has a second signature', (text) => text.replace(/("signatures":\[)({.*?})/, '$1$2,$2')],
    ['holds another payload', (text) => text.replace(/"payload":"..../, '"payload":"AAAA')],
    ['holds no base64', (text) => text.replace(/"payload":"../, '"payload":"-_')],
    ['is larger than any', () => ' '.repeat(16 * 1024 * 1024 + 1)],
  ]
  it.each(FORGED)('a manifest that %s is refused, by list, show and verify', async (_, forge) => {
    const { id } = await world.save()
    unseal(world.manifest(id), forge(readFileSync(world.manifest(id), 'utf8')))
    const { artifacts } = world
    for (const attempt of [() => artifacts.list(), () => artifacts.get(id), () => artifacts.verify(id)]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'FILE_INVALID' })
    }
  })

  it('an artifact without its manifest is refused', async () => {
    const { id } = await world.save()
    rmSync(world.manifest(id))
    await expect(world.artifacts.get(id)).rejects.toMatchObject({ code: 'FILE_INVALID' })
  })
})

const actor: Actor = writer

describe('provenance', () => {
  const source = (plugin: string, describe: ProvenanceSource['describe']): Contribution<ProvenanceSource> => ({
    plugin,
    item: { describe },
  })
  const gather = (...sources: Contribution<ProvenanceSource>[]) => gatherProvenance({ callId: 'c', actor }, sources)

  it('is the actor and what every source knows', () => {
    const known = gather(
      source('acme.a', () => undefined),
      source('acme.b', ({ callId }) => ({ run: 'r', call: callId })),
      source('acme.c', () => ({ place: { x: 1 } })),
    )
    expect(known).toEqual({
      actor: { id: 'agent:writer', claimed: true, os_user: 'ada' },
      run: 'r',
      call: 'c',
      place: { x: 1 },
    })
  })

  it.each<[string, Contribution<ProvenanceSource>[]]>([
    [
      'throws',
      [
        source('acme.a', () => {
          throw new Error('no')
        }),
      ],
    ],
    ['speaks for the actor', [source('acme.a', () => ({ actor: 'root' }))]],
    ['repeats a key', [source('acme.a', () => ({ run: '1' })), source('acme.b', () => ({ run: '2' }))]],
    ['answers what is not JSON', [source('acme.a', () => ({ at: Number.NaN }))]],
  ])('a source that %s fails the save', (_, sources) => {
    expect(() => gather(...sources)).toThrow()
  })

  it('that cannot be had fails the save, and nothing is written', async () => {
    world.levers.known = { actor: 'root' }
    await expect(world.save()).rejects.toMatchObject({ code: 'ARTIFACT_UNSAVED', effect: 'none' })
    expect(existsSync(world.directory)).toBe(false)
  })
})

describe('the tool', () => {
  const call = async (input: Record<string, unknown>) => {
    const tool = saveTool(world.artifacts.save)
    expect(compileSchema(tool.input)(input as never)).toEqual([])
    const answer = await tool.handler(input, (await world.begin(tool.id)) as never)
    expect(compileSchema(tool.output)(answer as never)).toEqual([])
    return answer
  }

  it('answers where the content is', async () => {
    const answer = await call({ filename: 'a.json', content: '{}' })
    const [manifest] = await world.artifacts.list()
    expect(answer).toMatchObject({ id: manifest?.id, path: `.cloned/artifacts/${manifest?.id}/content/a.json` })
  })

  it('takes bytes as base64, and sources', async () => {
    const sources = [{ uri: 'file:docs/a.md', sha256: sha256('a') }]
    await call({ filename: 'a.png', content: '/wD+', encoding: 'base64', sources })
    const [manifest] = await world.artifacts.list()
    expect(manifest).toMatchObject({ media_type: 'image/png', size: 3, sources })
    expect(readFileSync(world.content(manifest?.id ?? '', 'a.png'))).toEqual(Buffer.from([0xff, 0x00, 0xfe]))
  })

  it.each([
    ['text that is not base64', { content: 'a b', encoding: 'base64' }],
    ['more than 16 MiB, counted in bytes', { content: 'ü'.repeat(8 * 1024 * 1024 + 1) }],
  ])('refuses %s', async (_, input) => {
    await expect(call({ filename: 'a.bin', ...input })).rejects.toMatchObject({
      code: 'ARTIFACT_REFUSED',
      effect: 'none',
    })
    expect(existsSync(world.directory)).toBe(false)
  })

  it('refuses by schema what the manifest could not hold', () => {
    const schema = readSchema('artifact_manifest') as {
      properties: { subject: { items: { properties: Record<string, Record<string, unknown>> } } }
    }
    const { properties } = schema.properties.subject.items
    expect(properties['name']).toMatchObject({ pattern: FILENAME, maxLength: MAX_FILENAME })
    expect(properties['mediaType']).toMatchObject({ pattern: MEDIA_TYPE })
    const bad = {
      filename: '../x',
      content: 1,
      media_type: 'a b',
      more: 1,
      sources: [{ uri: 'cloned:call/x', sha256: '' }],
    }
    const problems = compileSchema(saveTool(world.artifacts.save).input)(bad)
    expect(problems.map(({ path }) => path).sort()).toEqual([
      '/content',
      '/filename',
      '/media_type',
      '/more',
      '/sources/0/sha256',
      '/sources/0/uri',
    ])
  })
})

describe('the commands', () => {
  const run = (name: string, args: Record<string, string> = {}, more: Partial<CommandContext> = {}) => {
    const keyOf = (kid: string) => world.keys.publicKey('artifacts', kid)
    const commands = [...artifactCommands(world.artifacts), ...handOutCommands(world.artifacts, keyOf)]
    const same = (text: string) => text
    const paint = { bold: same, dim: same, green: same, yellow: same, red: same, cyan: same }
    const table = (head: readonly string[], rows: readonly (readonly string[])[]) => [head, ...rows].join('\n')
    const usageError = (problem: string) => new Error(problem)
    const plain = { args, paint, table, printable: same, options: {}, cwd: world.state, usageError }
    return commands.find((each) => each.name === name)?.run({ ...plain, ...more } as unknown as CommandContext)
  }

  it('list and show say the same for people and machines', async () => {
    expect(await run('artifacts list')).toEqual({ json: { artifacts: [] }, text: 'There are no artifacts.' })
    const manifest = await world.save()
    expect(await run('artifacts list')).toMatchObject({
      json: { artifacts: [manifest] },
      text: expect.stringContaining(manifest.id),
    })
    expect(await run('artifacts show', { id: manifest.id })).toMatchObject({
      exit: 0,
      json: { manifest, path: world.content(manifest.id), intact: true },
      text: expect.stringContaining(manifest.sha256),
    })
    expect(await run('artifacts verify', { artifact: manifest.id })).toMatchObject({
      exit: 0,
      json: { verified: true },
    })
  })

  it('end with 5 when the content is not what was saved, and hand nothing out', async () => {
    const { id } = await world.save()
    unseal(world.content(id), 'x')
    expect(await run('artifacts show', { id })).toMatchObject({ exit: 5, json: { intact: false } })
    expect(await run('artifacts verify', { artifact: id })).toMatchObject({ exit: 5, json: { verified: false } })
    await expect(run('artifacts open', { id })).rejects.toMatchObject({ code: 'ARTIFACT_DAMAGED', exit: 5 })
    await expect(run('artifacts export', { id }, { options: { to: 'out' } })).rejects.toMatchObject({ exit: 5 })
    expect(existsSync(join(world.state, 'out'))).toBe(false)
  })

  it.each(['show', 'verify', 'open', 'export'])('%s names an id that is unknown', async (name) => {
    const args = { id: 'art_x', artifact: 'art_x' }
    const running = run(`artifacts ${name}`, args, { options: { to: 'out' } })
    await expect(running).rejects.toMatchObject({ code: 'ARTIFACT_UNKNOWN', exit: 1 })
  })

  it('open answers the path, and starts nothing for what could run or where nobody sits', async () => {
    for (const [filename, interactive] of [
      ['a.html', true],
      ['a.desktop', true],
      ['a.sh', true],
      ['a', true],
      ['a.md', false],
    ] as const) {
      const { id } = await world.save({ filename, mediaType: 'text/plain' })
      const path = world.content(id, filename)
      expect(await run('artifacts open', { id }, { interactive })).toEqual({
        json: { artifact: id, path, opened: false },
        text: path,
      })
    }
  })

  it('export makes a new directory that can be verified with its key alone, and never writes into one there is', async () => {
    const { id } = await world.save()
    writeFileSync(join(world.directory, id, 'smuggled'), '')
    await run('artifacts export', { id }, { options: { to: 'out' }, dryRun: true })
    expect(existsSync(join(world.state, 'out'))).toBe(false)
    await run('artifacts export', { id }, { options: { to: 'out' } })
    expect(readdirSync(join(world.state, 'out')).sort()).toEqual(['content', 'key.pem', 'manifest.sigstore.json'])
    rmSync(world.directory, { recursive: true })
    const verified = await run('artifacts verify', { artifact: 'out' }, { options: { key: 'out/key.pem' } })
    expect(verified).toMatchObject({ exit: 0, json: { artifact: id, verified: true } })
    await expect(run('artifacts export', { id }, { options: { to: 'out' } })).rejects.toMatchObject({ exit: 1 })
  })

  it('verify takes no private key and no file that is none', async () => {
    const { id } = await world.save()
    writeFileSync(join(world.state, 'no.pem'), 'x')
    const { privateKey } = generateKeyPairSync('ed25519')
    writeFileSync(join(world.state, 'private.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }))
    for (const key of ['no.pem', 'missing.pem', 'private.pem']) {
      const running = run('artifacts verify', { artifact: id }, { options: { key } })
      await expect(running).rejects.toMatchObject({ code: 'ARTIFACT_KEY', exit: 2 })
    }
  })
})
