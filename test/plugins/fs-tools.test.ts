import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileSchema, HandlerError, sha256, type Tool } from 'cloned/kernel'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Root } from '../../plugins/fs/confine.js'
import { compileGlob } from '../../plugins/fs/glob.js'
import { fileTools } from '../../plugins/fs/index.js'
import { listEntries } from '../../plugins/fs/list.js'
import { readText } from '../../plugins/fs/read.js'
import { writeText } from '../../plugins/fs/write.js'

const { signal } = new AbortController()
let root: Root
const at = (...parts: string[]) => join(root.path, ...parts)
const put = (path: string, content = 'x') => {
  mkdirSync(join(root.path, path, '..'), { recursive: true })
  writeFileSync(at(path), content)
}
const paths = async (path: string, glob?: string, limits?: { entries: number; scanned: number }) =>
  (await listEntries(root, path, glob, signal, limits)).entries.map((entry) => entry.path)

/** The superuser may read everything, so under it the step runs as nobody. */
async function unprivileged<T>(step: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return step()
  chmodSync(root.path, 0o755)
  process.seteuid?.(65534)
  try {
    return await step()
  } finally {
    process.seteuid?.(0)
  }
}

beforeEach(() => {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-fs-')))
  root = { path, forbidden: join(path, '.cloned') }
  mkdirSync(root.forbidden)
})
afterEach(() => {
  chmodSync(root.path, 0o700)
  rmSync(root.path, { recursive: true, force: true })
})

describe('list', () => {
  it('answers the entries of one directory, sorted, with kind and size, without the state directory', async () => {
    put('b.md', 'four')
    put('a/inner.md')
    put('.hidden')
    expect(await listEntries(root, '.', undefined, signal)).toEqual({
      path: '.',
      entries: [
        { path: '.hidden', kind: 'file', size: 1 },
        { path: 'a', kind: 'directory', size: 0 },
        { path: 'b.md', kind: 'file', size: 4 },
      ],
      truncated: false,
      unreadable: [],
    })
  })

  it('matches a glob relative to the directory and answers paths relative to the root', async () => {
    for (const file of ['docs/a.md', 'docs/a.txt', 'docs/x/b.md', 'docs/x/y/c.md', 'docs/.git/d.md', 'e.md']) put(file)
    expect(await paths('docs', '**/*.md')).toEqual(['docs/a.md', 'docs/x/b.md', 'docs/x/y/c.md'])
    expect(await paths('docs', '*.{md,txt}')).toEqual(['docs/a.md', 'docs/a.txt'])
    expect(await paths('docs', '*/*.md')).toEqual(['docs/x/b.md'])
    expect(await paths('docs', '.git/*')).toEqual(['docs/.git/d.md'])
    expect(await paths('docs/x', '?.md')).toEqual(['docs/x/b.md'])
  })

  it('stops at its limits, says so, and answers the same entries every time', async () => {
    for (let i = 0; i < 30; i++) put(`d${i % 3}/f${i}`)
    const all = await paths('.', '**/f*')
    const some = await listEntries(root, '.', '**/f*', signal, { entries: 12, scanned: 1000 })
    expect([some.entries.length, some.truncated]).toEqual([12, true])
    expect(some.entries.map((entry) => entry.path)).toEqual(all.slice(0, 12))
    const few = await listEntries(root, '.', '**/f*', signal, { entries: 1000, scanned: 20 })
    expect(few.truncated).toBe(true)
    expect((await listEntries(root, '.', '**/f*', signal, { entries: 30, scanned: 32 })).truncated).toBe(true)
    expect((await listEntries(root, '.', '**/f*', signal, { entries: 30, scanned: 33 })).truncated).toBe(false)
  })

  it('names a directory that it may not read', async () => {
    put('open/a.md')
    put('shut/b.md')
    chmodSync(at('shut'), 0)
    const listed = await unprivileged(() => listEntries(root, '.', '**/*.md', signal))
    chmodSync(at('shut'), 0o700)
    expect(listed.entries.map((entry) => entry.path)).toEqual(['open/a.md'])
    expect(listed.unreadable).toEqual(['shut'])
  })

  it('ends when the call is cancelled', async () => {
    put('a')
    await expect(listEntries(root, '.', undefined, AbortSignal.abort())).rejects.toThrow(/abort/i)
  })
})

describe('globs', () => {
  const TABLE: readonly [glob: string, path: string, matches: boolean][] = [
    ['**/*.md', 'a.md', true],
    ['**/*.md', 'a/b/c.md', true],
    ['**/*.md', 'a/b/c.mdx', false],
    ['**/*.md', '.a/b.md', false],
    ['a/**', 'a/b/c', true],
    ['a/**/z', 'a/z', true],
    ['a/**/z', 'a/b/c/z', true],
    ['a/**/b/**/c', 'a/x/b/y/b/c', true],
    ['**', '.x', false],
    ['**/.x', 'a/.x', true],
    ['*', 'a/b', false],
    ['*', '.a', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['?', '😀', true],
    ['[id].ts', '[id].ts', true],
    ['[id].ts', 'i.ts', false],
    ['a.b', 'axb', false],
    ['(a|b)', 'a', false],
    ['+(a)', 'aaa', false],
    ['!a', 'b', false],
    ['{a,b}/{c,d}', 'b/c', true],
    ['x{,y}', 'x', true],
    ['x{,y}', 'xz', false],
    ['./a//b', 'a/b', true],
  ]
  it.each(TABLE)('%s on %s: %s', (glob, path, matches) => {
    expect(compileGlob(glob).matches(path.split('/'))).toBe(matches)
  })

  it.each(['', '/abs', 'a\\b', 'a\0', '../x', 'a/../b', '{a', 'a}', '{a,{b}}', '{a,b}'.repeat(6), 'a'.repeat(257)])(
    '%j is refused',
    (glob) => {
      expect(() => compileGlob(glob)).toThrow(expect.objectContaining({ code: 'FS_GLOB_REFUSED', effect: 'none' }))
    },
  )

  it('take bounded steps on a pattern that hangs a regular expression', () => {
    const glob = compileGlob(`${'*a'.repeat(100)}b`)
    expect(glob.matches(['a'.repeat(255)])).toBe(false)
    const deep = compileGlob(`${'**/a/'.repeat(50)}b`)
    expect(deep.matches(new Array(64).fill('a'))).toBe(false)
  })

  it('agree with the obvious recursive definition', () => {
    const name = fc.stringMatching(/^[ab*?]{0,6}$/)
    fc.assert(
      fc.property(name, fc.stringMatching(/^[ab]{1,8}$/), (pattern, text) => {
        fc.pre(pattern !== '' && !pattern.includes('**'))
        expect(compileGlob(pattern).matches([text])).toBe(obvious(pattern, text))
      }),
    )
  })

  it('every directory on the way to a match is entered, and none that no match can lie in', () => {
    const name = fc.constantFrom('a', 'ab', '.b', 'node_modules')
    const part = fc.constantFrom('a', 'a*', '?b', '.b', '*', '**', '{a,ab}')
    const [path, pattern] = [
      fc.array(name, { minLength: 1, maxLength: 5 }),
      fc.array(part, { minLength: 1, maxLength: 5 }),
    ]
    fc.assert(
      fc.property(path, pattern, (segments, parts) => {
        const glob = compileGlob(parts.join('/'))
        if (!glob.matches(segments)) return
        for (let i = 1; i < segments.length; i++) expect(glob.reaches(segments.slice(0, i))).toBe(true)
      }),
      { numRuns: 2000 },
    )
    expect(compileGlob('src/*.ts').reaches(['node_modules'])).toBe(false)
    expect(compileGlob('src/*.ts').reaches(['src', 'deep'])).toBe(false)
  })
})

function obvious(pattern: string, text: string): boolean {
  if (pattern === '') return text === ''
  if (pattern[0] === '*') return obvious(pattern.slice(1), text) || (text !== '' && obvious(pattern, text.slice(1)))
  return text !== '' && (pattern[0] === '?' || pattern[0] === text[0]) && obvious(pattern.slice(1), text.slice(1))
}

describe('read', () => {
  it('answers content, size in bytes and digest', async () => {
    put('ü.md', 'grüße\n')
    expect(await readText(root, './ü.md', signal)).toEqual({
      path: 'ü.md',
      content: 'grüße\n',
      size: 8,
      sha256: sha256('grüße\n'),
    })
  })

  it('keeps a byte order mark, so that the digest is that of the content', async () => {
    put('bom.md', '\ufeffx')
    const answer = await readText(root, 'bom.md', signal)
    expect(sha256(answer.content)).toBe(answer.sha256)
  })

  it('refuses bytes that are not UTF-8', async () => {
    writeFileSync(at('x.bin'), Buffer.from([0x66, 0xff, 0xfe]))
    await expect(readText(root, 'x.bin', signal)).rejects.toMatchObject({ code: 'FS_NOT_TEXT', effect: 'none' })
  })

  it('refuses what is not there', async () => {
    await expect(readText(root, 'none.md', signal)).rejects.toMatchObject({ code: 'FS_NOT_FOUND', effect: 'none' })
  })
})

describe('write', () => {
  it('creates a file with its directories, for its owner alone, and leaves nothing else', async () => {
    const answer = await writeText(root, 'a/b/new.md', 'grüße', signal)
    expect(answer).toEqual({ path: 'a/b/new.md', size: 7, sha256: sha256('grüße'), created: true })
    expect(readFileSync(at('a/b/new.md'), 'utf8')).toBe('grüße')
    expect(statSync(at('a/b/new.md')).mode & 0o777).toBe(0o600)
    expect(statSync(at('a/b')).mode & 0o777).toBe(0o700)
    expect(readdirSync(at('a/b'))).toEqual(['new.md'])
  })

  it('replaces a file and keeps its permissions', async () => {
    put('run.sh', 'old')
    chmodSync(at('run.sh'), 0o755)
    expect((await writeText(root, 'run.sh', 'new', signal)).created).toBe(false)
    expect(readFileSync(at('run.sh'), 'utf8')).toBe('new')
    expect(statSync(at('run.sh')).mode & 0o777).toBe(0o755)
  })

  it('gives a hard-linked file a new identity instead of changing its twin', async () => {
    put('twin-a', 'old')
    const { linkSync } = await import('node:fs')
    linkSync(at('twin-a'), at('twin-b'))
    await writeText(root, 'twin-a', 'new', signal)
    expect(readFileSync(at('twin-b'), 'utf8')).toBe('old')
  })

  it('changes nothing when cancelled, and says so', async () => {
    put('a.md', 'old')
    const error = await writeText(root, 'a.md', 'new', AbortSignal.abort()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'CANCELLED', effect: 'none' })
    expect(readFileSync(at('a.md'), 'utf8')).toBe('old')
    expect(readdirSync(root.path).sort()).toEqual(['.cloned', 'a.md'])
  })

  it('says that something happened when only the directories were made', async () => {
    const error = await writeText(root, 'made/a.md', 'x', AbortSignal.abort()).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(HandlerError)
    expect(error).toMatchObject({ effect: 'happened' })
    expect(readdirSync(at('made'))).toEqual([])
  })

  it('readers see the old content or the new, never a part', async () => {
    const old = 'o'.repeat(200_000)
    const now = 'n'.repeat(300_000)
    put('hot.md', old)
    let writing = true
    const reader = (async () => {
      const seen = new Set<string>()
      while (writing) seen.add((await readText(root, 'hot.md', signal).catch(() => ({ sha256: 'moved' }))).sha256)
      return seen
    })()
    for (let i = 0; i < 20; i++) await writeText(root, 'hot.md', i % 2 ? old : now, signal)
    writing = false
    const allowed = new Set([sha256(old), sha256(now), 'moved'])
    expect([...(await reader)].filter((digest) => !allowed.has(digest))).toEqual([])
  })
})

describe('contracts', () => {
  const tools = () => fileTools(() => root)
  const byId = (id: string) => tools().find((tool) => tool.id === id) as Tool

  it('answer what their output schemas say', async () => {
    put('a.md')
    const ctx = { signal } as Parameters<Tool['handler']>[1]
    const calls: [string, unknown][] = [
      ['cloned.internal.fs.list@v1', { path: '.', glob: '**/*' }],
      ['cloned.internal.fs.read@v1', { path: 'a.md' }],
      ['cloned.internal.fs.write@v1', { path: 'b.md', content: '' }],
    ]
    for (const [id, input] of calls) {
      expect(compileSchema(byId(id).input)(input), id).toEqual([])
      expect(compileSchema(byId(id).output)(await byId(id).handler(input, ctx)), id).toEqual([])
    }
  })

  it('only writing is risky', () => {
    expect(tools().map(({ id, risk, capability }) => [id, risk, capability])).toEqual([
      ['cloned.internal.fs.list@v1', 'low', 'fs.read'],
      ['cloned.internal.fs.read@v1', 'low', 'fs.read'],
      ['cloned.internal.fs.write@v1', 'high', 'fs.write'],
    ])
  })
})
