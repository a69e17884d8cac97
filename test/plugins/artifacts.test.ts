import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Actor, type Contribution, compileSchema, HandlerError, readSchema, sha256 } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { artifactCommands } from '../../plugins/artifacts/commands.js'
import { FILENAME, filenameProblem, MAX_FILENAME, MEDIA_TYPE, mediaTypeOf } from '../../plugins/artifacts/filename.js'
import { gatherProvenance } from '../../plugins/artifacts/provenance.js'
import { type NewArtifact, saveArtifact } from '../../plugins/artifacts/save.js'
import { createShelf } from '../../plugins/artifacts/shelf.js'
import type { ProvenanceSource } from '../../plugins/artifacts/slot.js'
import { saveTool } from '../../plugins/artifacts/tool.js'
import type { CommandContext } from '../../plugins/cli/slot.js'

const NOW = Date.parse('2030-01-02T03:04:05.678Z')
const actor: Actor = { id: 'agent:writer', claimed: true, osUser: 'ada' }
let state: string
let directory: string

beforeEach(() => {
  state = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-artifacts-')))
  directory = join(state, 'artifacts')
})
afterEach(() => rmSync(state, { recursive: true, force: true }))

const save = (change: Partial<NewArtifact> = {}, now = NOW) =>
  saveArtifact(
    directory,
    {
      filename: 'report.md',
      content: '# Grüße\n',
      callId: 'call_1',
      createdBy: actor.id,
      provenance: { actor: { id: actor.id, claimed: true, os_user: 'ada' } },
      ...change,
    },
    () => now,
  )
const shelf = () => createShelf(() => directory)
const content = (id: string, filename = 'report.md') => join(directory, id, 'content', filename)

function unseal(path: string, text: string): void {
  chmodSync(path, 0o600)
  writeFileSync(path, text)
}

describe('saving', () => {
  it('keeps content and manifest, read-only, in a directory for the owner alone', async () => {
    const manifest = await save()
    expect(manifest).toEqual({
      version: 1,
      id: expect.stringMatching(/^art_[0-9a-f]{24}$/),
      filename: 'report.md',
      media_type: 'text/markdown; charset=utf-8',
      size: 10,
      sha256: sha256('# Grüße\n'),
      created_at: '2030-01-02T03:04:05.678Z',
      created_by: 'agent:writer',
      call_id: 'call_1',
      provenance: { actor: { id: 'agent:writer', claimed: true, os_user: 'ada' } },
    })
    expect(readFileSync(content(manifest.id), 'utf8')).toBe('# Grüße\n')
    expect(JSON.parse(readFileSync(join(directory, manifest.id, 'manifest.json'), 'utf8'))).toEqual(manifest)
    expect(compileSchema(readSchema('artifact_manifest'))(manifest)).toEqual([])
    const modes = [
      directory,
      join(directory, manifest.id),
      content(manifest.id),
      join(directory, manifest.id, 'manifest.json'),
    ]
    expect(modes.map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700, 0o444, 0o444])
    expect(readdirSync(join(directory, '.staging'))).toEqual([])
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
    const saved = await save({ filename }).catch((error: unknown) => error)
    if (good) expect(saved).toMatchObject({ filename })
    else {
      expect(saved).toBeInstanceOf(HandlerError)
      expect(saved).toMatchObject({ code: 'ARTIFACT_REFUSED', effect: 'none' })
      expect(existsSync(directory)).toBe(false)
    }
  })

  it('refuses more than 16 MiB, counted in bytes', async () => {
    await expect(save({ content: 'ü'.repeat(8 * 1024 * 1024 + 1) })).rejects.toMatchObject({
      code: 'ARTIFACT_REFUSED',
      effect: 'none',
    })
  })

  it('leaves nothing behind when the disk refuses', async () => {
    mkdirSync(directory)
    // A file where the staging directory has to be refuses like a full disk does, also for the superuser.
    writeFileSync(join(directory, '.staging'), '')
    await expect(save()).rejects.toMatchObject({ code: 'ARTIFACT_UNSAVED', effect: 'none' })
    expect(readdirSync(directory)).toEqual(['.staging'])
    expect(await shelf().list()).toEqual([])
  })

  it('sweeps what a killed process staged, and leaves what another stages now', async () => {
    for (const name of ['old', 'young']) mkdirSync(join(directory, '.staging', name, 'content'), { recursive: true })
    const yesterday = statSync(join(directory, '.staging', 'young')).mtimeMs / 1000 - 90_000
    utimesSync(join(directory, '.staging', 'old'), yesterday, yesterday)
    await save()
    expect(readdirSync(join(directory, '.staging'))).toEqual(['young'])
  })

  it('several at once are several artifacts', async () => {
    const saved = await Promise.all(Array.from({ length: 20 }, () => save()))
    expect(new Set(saved.map(({ id }) => id)).size).toBe(20)
    expect(await shelf().list()).toHaveLength(20)
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
    for (const at of [2, 3, 1]) ids[at] = (await save({}, NOW + at)).id
    expect((await shelf().list()).map(({ id }) => id)).toEqual([ids[3], ids[2], ids[1]])
  })

  it('is empty before anything was saved', async () => {
    expect(await shelf().list()).toEqual([])
  })

  it.each(['art_000000000000000000000000', 'art_x', '..', '../artifacts', '', '.staging'])(
    '%j is unknown',
    async (id) => {
      await save()
      expect(await shelf().get(id)).toBeUndefined()
    },
  )

  const DAMAGE: readonly [string, (path: string) => void][] = [
    ['one byte changed', (path) => unseal(path, '# Grüße!')],
    ['cut short', (path) => unseal(path, '# Gr')],
    ['removed', (path) => rmSync(path)],
    [
      'a symlink to the same content',
      (path) => {
        cpSync(path, join(state, 'copy'))
        rmSync(path)
        symlinkSync(join(state, 'copy'), path)
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
    const { id } = await save()
    expect(await shelf().get(id)).toMatchObject({ intact: true, path: content(id) })
    damage(content(id))
    expect(await shelf().get(id)).toMatchObject({ intact: false })
  })

  const FORGED: readonly [string, (manifest: Record<string, unknown>) => unknown, RegExp][] = [
    ['is not JSON', () => 'x', /manifest\.json/],
    ['names a path', (manifest) => ({ ...manifest, filename: '../../../config.yaml' }), /filename/],
    ['names a device', (manifest) => ({ ...manifest, filename: 'nul' }), /device/],
    ['is of another artifact', (manifest) => ({ ...manifest, id: `art_${'0'.repeat(24)}` }), /manifest of art_0+/],
    ['has an unknown key', (manifest) => ({ ...manifest, trusted: true }), /trusted/],
    ['has no provenance', ({ provenance: _, ...rest }) => rest, /provenance/],
  ]
  it.each(FORGED)('a manifest that %s is refused, by list and by show', async (_, forge, words) => {
    const manifest = await save()
    const forged = forge({ ...manifest })
    unseal(join(directory, manifest.id, 'manifest.json'), typeof forged === 'string' ? forged : JSON.stringify(forged))
    for (const attempt of [() => shelf().list(), () => shelf().get(manifest.id)]) {
      await expect(attempt()).rejects.toMatchObject({ code: 'FILE_INVALID', message: expect.stringMatching(words) })
    }
  })

  it('an artifact without its manifest is refused', async () => {
    const { id } = await save()
    rmSync(join(directory, id, 'manifest.json'))
    await expect(shelf().get(id)).rejects.toMatchObject({ code: 'FILE_INVALID' })
  })
})

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
  ])('a source that %s fails the save, and nothing is written', async (_, sources) => {
    const tool = saveTool({
      directory: () => directory,
      provenance: (call) => gatherProvenance(call, sources),
      now: () => NOW,
    })
    const ctx = { callId: 'c', actor } as Parameters<typeof tool.handler>[1]
    await expect(tool.handler({ filename: 'a.md', content: '' }, ctx)).rejects.toMatchObject({
      code: 'ARTIFACT_UNSAVED',
      effect: 'none',
    })
    expect(existsSync(directory)).toBe(false)
  })
})

describe('the contract', () => {
  const tool = () => saveTool({ directory: () => directory, provenance: () => ({ actor: null }), now: () => NOW })

  it('answers what its output schema says', async () => {
    const ctx = { callId: 'c', actor } as Parameters<ReturnType<typeof tool>['handler']>[1]
    const built = saveTool({
      directory: () => directory,
      provenance: (call) => gatherProvenance(call, []),
      now: () => NOW,
    })
    const answer = await built.handler({ filename: 'a.json', content: '{}' }, ctx)
    expect(compileSchema(built.output)(answer)).toEqual([])
    const [manifest] = await shelf().list()
    expect(answer).toMatchObject({ id: manifest?.id, path: `.cloned/artifacts/${manifest?.id}/content/a.json` })
  })

  it('refuses by schema what the manifest could not hold', () => {
    const { properties } = readSchema('artifact_manifest') as { properties: Record<string, Record<string, unknown>> }
    expect(properties['filename']).toMatchObject({ pattern: FILENAME, maxLength: MAX_FILENAME })
    expect(properties['media_type']).toMatchObject({ pattern: MEDIA_TYPE })
    const problems = compileSchema(tool().input)({ filename: '../x', content: 1, media_type: 'a b', more: 1 })
    expect(problems.map(({ path }) => path).sort()).toEqual(['/content', '/filename', '/media_type', '/more'])
  })
})

describe('the commands', () => {
  const run = (name: string, args: Record<string, string> = {}) => {
    const command = artifactCommands(shelf()).find((each) => each.name === name)
    const same = (text: string) => text
    const paint = { bold: same, dim: same, green: same, yellow: same, red: same, cyan: same }
    const table = (head: readonly string[], rows: readonly (readonly string[])[]) => [head, ...rows].join('\n')
    return command?.run({ args, paint, table } as unknown as CommandContext)
  }

  it('list and show say the same for people and machines', async () => {
    expect(await run('artifacts list')).toEqual({ json: { artifacts: [] }, text: 'There are no artifacts.' })
    const manifest = await save()
    expect(await run('artifacts list')).toMatchObject({
      json: { artifacts: [manifest] },
      text: expect.stringContaining(manifest.id),
    })
    expect(await run('artifacts show', { id: manifest.id })).toMatchObject({
      exit: 0,
      json: { manifest, path: content(manifest.id), intact: true },
      text: expect.stringContaining(manifest.sha256),
    })
  })

  it('show ends with 5 when the content is not what was saved', async () => {
    const { id } = await save()
    unseal(content(id), 'x')
    expect(await run('artifacts show', { id })).toMatchObject({ exit: 5, json: { intact: false } })
  })

  it('show names an id that is unknown', async () => {
    await expect(run('artifacts show', { id: 'art_x' })).rejects.toMatchObject({ code: 'ARTIFACT_UNKNOWN', exit: 1 })
  })
})
