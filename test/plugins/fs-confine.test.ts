import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { HandlerError } from 'cloned/kernel'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Root } from '../../plugins/fs/confine.js'
import { listEntries } from '../../plugins/fs/list.js'
import { readText } from '../../plugins/fs/read.js'
import { writeText } from '../../plugins/fs/write.js'

const SECRET = 'the secret outside'
const { signal } = new AbortController()
let top: string
let root: Root
const inside = (...parts: string[]) => join(root.path, ...parts)
const outside = (...parts: string[]) => join(top, 'outside', ...parts)

beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-fs-')))
  for (const folder of ['outside', 'rootless', 'root/docs/deep', 'root/.cloned/vault', 'root/nested/.cloned']) {
    mkdirSync(join(top, folder), { recursive: true })
  }
  root = { path: join(top, 'root'), forbidden: join(top, 'root', '.cloned') }
  writeFileSync(outside('secret.txt'), SECRET)
  writeFileSync(join(top, 'rootless', 'secret.txt'), SECRET)
  writeFileSync(inside('.cloned', 'vault', 'key'), SECRET)
  writeFileSync(inside('nested', '.cloned', 'key'), SECRET)
  writeFileSync(inside('docs', 'a.md'), '# A\n')
})
afterEach(() => rmSync(top, { recursive: true, force: true }))

const read = (path: string) => readText(root, path, signal)
const write = (path: string, content = 'attack') => writeText(root, path, content, signal)
const list = (path: string, glob?: string) => listEntries(root, path, glob, signal)

async function refusal(promise: Promise<unknown>): Promise<HandlerError> {
  const ended = await promise.then(
    (value) => ({ value }),
    (error: unknown) => error,
  )
  expect(ended).toBeInstanceOf(HandlerError)
  return ended as HandlerError
}

/** Everything that stands outside the root and in the forbidden directories, to show that nothing there changed. */
function untouched(): string {
  return ['outside', 'rootless', 'root/.cloned', 'root/nested/.cloned']
    .map((folder) =>
      readdirSync(join(top, folder), { recursive: true, withFileTypes: true })
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
        .map((path) => `${path}=${path.endsWith('.txt') || path.endsWith('key') ? readFileSync(path, 'utf8') : ''}`)
        .join('\n'),
    )
    .join('\n')
}

const SPELLINGS: readonly [string, string][] = [
  ['parent', '../outside/secret.txt'],
  ['parent in the middle', 'docs/../../outside/secret.txt'],
  ['parent that stays inside', 'docs/../docs/a.md'],
  ['parent at the end', 'docs/..'],
  ['sibling with the same prefix', '../rootless/secret.txt'],
  ['absolute', '/etc/passwd'],
  ['double slash absolute', '//etc/passwd'],
  ['drive', 'C:/Windows/win.ini'],
  ['drive relative', 'c:secret.txt'],
  ['backslash parent', '..\\outside\\secret.txt'],
  ['backslash inside', 'docs\\a.md'],
  ['UNC', '\\\\host\\share'],
  ['NUL', 'docs/a.md\0.txt'],
  ['line feed', 'docs/a\n.md'],
  ['half a surrogate pair', 'docs/\ud800.md'],
  ['empty', ''],
  ['too long', 'a/'.repeat(3000)],
  ['too deep', `${'a/'.repeat(65)}b`],
  ['state directory', '.cloned'],
  ['in the state directory', '.cloned/vault/key'],
  ['state directory behind a dot', './.cloned/vault/key'],
  ['state directory behind slashes', './/.cloned//vault/key'],
  ['state directory in capitals', '.CLONED/vault/key'],
  ['state directory in full-width letters', '.ｃｌｏｎｅｄ/vault/key'],
  ['state directory of a nested workspace', 'nested/.cloned/key'],
]

describe('a path that is not a plain relative path', () => {
  it.each(SPELLINGS)('%s is refused by every tool', async (_, path) => {
    const before = untouched()
    for (const attempt of [read, write, list]) {
      const error = await refusal(attempt(path))
      expect([error.code, error.effect]).toEqual(['FS_PATH_REFUSED', 'none'])
      expect(error.help).toMatch(/workspace root/)
    }
    expect(untouched()).toBe(before)
  })

  it.each([
    '%2e%2e/outside/secret.txt',
    '．．/outside/secret.txt',
    '․․/outside/secret.txt',
    '~/secret',
    '$HOME/x',
    'docs/..%2f',
  ])('%s is only an odd name', async (path) => {
    expect((await refusal(read(path))).code).toBe('FS_NOT_FOUND')
    await write(path, 'odd')
    expect(readFileSync(inside(path), 'utf8')).toBe('odd')
  })

  it('names of one letter in two Unicode forms are two files', async () => {
    await write('caf\u00e9.md', 'composed')
    await write('cafe\u0301.md', 'decomposed')
    const names = (await list('.', '*.md')).entries.length
    if (names === 2) expect((await read('caf\u00e9.md')).content).toBe('composed')
    else expect((await read('caf\u00e9.md')).content).toBe('decomposed')
  })

  it('no combination of hostile parts reaches anything outside', async () => {
    symlinkSync('..', inside('docs', 'up'))
    symlinkSync(outside(), inside('docs', 'out'))
    const part = fc.constantFrom(
      '..',
      '.',
      '',
      'docs',
      'up',
      'out',
      'outside',
      'secret.txt',
      '.cloned',
      'vault',
      'key',
      '\\',
    )
    const before = untouched()
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 6 }), async (parts) => {
        const path = parts.join('/')
        const content = await read(path).then((answer) => answer.content, String)
        expect(content).not.toContain(SECRET)
        const listed = await list(path, '**').then(
          (answer) => answer.entries,
          () => [],
        )
        expect(listed.filter((entry) => entry.size === SECRET.length)).toEqual([])
        await write(`${path}/key`).catch((error: unknown) => expect(error).toBeInstanceOf(HandlerError))
        expect(untouched()).toBe(before)
      }),
      { numRuns: process.env['CLONED_LONG'] ? 5_000 : 150 },
    )
  })
})

describe('symlinks', () => {
  it('one that stays inside is followed for reading and listing', async () => {
    symlinkSync('docs', inside('link'))
    symlinkSync('docs/a.md', inside('a-link.md'))
    expect((await read('link/a.md')).content).toBe('# A\n')
    expect(await read('a-link.md')).toMatchObject({ path: 'a-link.md', content: '# A\n' })
    expect((await list('link')).entries.map((entry) => entry.path)).toEqual(['link/a.md', 'link/deep'])
  })

  const LINKS: readonly [string, () => string, string][] = [
    ['to a file outside', () => outside('secret.txt'), 'link'],
    ['to a directory outside', () => outside(), 'link/secret.txt'],
    ['by .. to a directory outside', () => '../outside', 'link/secret.txt'],
    ['to a sibling with the same prefix', () => '../rootless', 'link/secret.txt'],
    ['to the file system root', () => '/', 'link/etc/hostname'],
    ['to the state directory', () => '.cloned', 'link/vault/key'],
    ['to a file of the state directory', () => '.cloned/vault/key', 'link'],
    ['to a nested state directory', () => 'nested/.cloned', 'link/key'],
    ['to itself', () => 'link', 'link'],
    ['to this process', () => '/proc/self', 'link/environ'],
  ]

  it.each(LINKS)('%s is not read', async (_, target, path) => {
    symlinkSync(target(), inside('link'))
    const error = await refusal(read(path))
    expect([error.code, error.effect]).toEqual(['FS_PATH_REFUSED', 'none'])
  })

  it.each(LINKS)('%s is not listed', async (_, target) => {
    symlinkSync(target(), inside('link'))
    expect((await refusal(list('link'))).code).toBe('FS_PATH_REFUSED')
    const all = await list('.', '**/*')
    expect(all.entries.filter((entry) => entry.path.startsWith('link')).map((entry) => entry.kind)).toEqual(['symlink'])
  })

  it.each(LINKS)('%s is not written through', async (_, target, path) => {
    symlinkSync(target(), inside('link'))
    const before = untouched()
    const error = await refusal(write(path))
    expect([error.code, error.effect]).toEqual(['FS_PATH_REFUSED', 'none'])
    expect(untouched()).toBe(before)
  })

  it('a dangling one is neither read nor written, and its target is not created', async () => {
    symlinkSync(outside('new.txt'), inside('link'))
    symlinkSync(outside('new'), inside('linked'))
    expect((await refusal(read('link'))).code).toBe('FS_NOT_FOUND')
    expect((await refusal(write('link'))).code).toBe('FS_PATH_REFUSED')
    expect((await refusal(write('linked/new.txt'))).code).toBe('FS_PATH_REFUSED')
    expect(existsSync(outside('new.txt')) || existsSync(outside('new'))).toBe(false)
  })

  it('one that stays inside is not written through either', async () => {
    symlinkSync('docs', inside('link'))
    symlinkSync('docs/a.md', inside('a-link.md'))
    expect((await refusal(write('link/new.md'))).code).toBe('FS_PATH_REFUSED')
    expect((await refusal(write('a-link.md'))).code).toBe('FS_PATH_REFUSED')
    expect(readFileSync(inside('docs', 'a.md'), 'utf8')).toBe('# A\n')
  })

  it('the state directory is refused by identity when another name leads to it', async () => {
    mkdirSync(inside('state', 'vault'), { recursive: true })
    writeFileSync(inside('state', 'vault', 'key'), SECRET)
    root = { ...root, forbidden: inside('state') }
    expect((await refusal(read('state/vault/key'))).message).toContain('under another name')
    expect((await refusal(write('state/vault/key'))).message).toContain('under another name')
    expect((await refusal(list('state'))).message).toContain('under another name')
    const all = await list('.', '**')
    expect(all.entries.map((entry) => entry.path)).not.toContain('state/vault')
    expect(all.unreadable).toContain('state')
  })
})

describe('what is not a regular file', () => {
  it('a FIFO is refused and does not hang', async () => {
    execFileSync('mkfifo', [inside('pipe')])
    expect((await refusal(read('pipe'))).message).toContain('not a regular file')
    expect((await refusal(write('pipe'))).code).toBe('FS_PATH_REFUSED')
    expect((await list('.', 'pipe')).entries).toEqual([{ path: 'pipe', kind: 'other', size: 0 }])
  })

  it('a device is refused, directly and through a link', async () => {
    symlinkSync('/dev/zero', inside('zero'))
    expect((await refusal(read('zero'))).code).toBe('FS_PATH_REFUSED')
    const devices: Root = { path: '/dev', forbidden: '/dev/none' }
    expect((await refusal(readText(devices, 'zero', signal))).message).toContain('not a regular file')
  })

  it('a socket is refused', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(inside('socket'), resolve))
    try {
      expect((await refusal(read('socket'))).message).toContain('not a regular file')
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })

  it('a directory is refused', async () => {
    for (const path of ['docs', 'docs/', '.', './']) {
      expect((await refusal(read(path))).message, path).toContain('directory')
      expect((await refusal(write(path))).code, path).toBe('FS_PATH_REFUSED')
    }
    expect((await refusal(write('docs/a.md/x'))).code).toBe('FS_PATH_REFUSED')
    expect((await refusal(list('docs/a.md'))).code).toBe('FS_PATH_REFUSED')
  })
})

// Another thread swaps a directory and a symlink to the outside for one another as fast as it can.
const SWAPPER = `
  const { renameSync, rmSync } = require('node:fs')
  const { workerData, parentPort } = require('node:worker_threads')
  const { hot, real, link, shared } = workerData
  // A write may have made the directory anew in the gap; that is its right, and it goes again.
  const put = (from, to) => {
    for (;;) {
      try { return renameSync(from, to) }
      catch (error) { if (error.code === 'ENOENT') throw error }
      try { rmSync(to, { recursive: true, force: true }) } catch (error) { if (error.code !== 'ENOTEMPTY') throw error }
    }
  }
  parentPort.postMessage('ready')
  while (Atomics.load(shared, 0) === 0) {
    renameSync(hot, real); put(link, hot)
    renameSync(hot, link); put(real, hot)
    Atomics.add(shared, 1, 1)
  }
`

describe('the swap race', () => {
  // Only Linux lets Node open a name in an opened directory; elsewhere a swap between two steps can still win.
  it.runIf(process.platform === 'linux')(
    'nothing outside is read or written while a directory is swapped for a symlink',
    async () => {
      mkdirSync(inside('hot'))
      writeFileSync(inside('hot', 'secret.txt'), 'the harmless twin')
      symlinkSync(outside(), join(top, 'link'))
      const before = untouched()
      const shared = new Int32Array(new SharedArrayBuffer(8))
      const worker = new Worker(SWAPPER, {
        eval: true,
        workerData: { hot: inside('hot'), real: join(top, 'real'), link: join(top, 'link'), shared },
      })
      const ended = new Promise<void>((resolve, reject) => {
        worker.once('error', reject)
        worker.once('exit', () => resolve())
      })
      await Promise.race([new Promise((resolve) => worker.once('message', resolve)), ended])
      const seen = { read: 0, refused: 0, written: 0 }
      const rounds = process.env['CLONED_LONG'] ? 20_000 : 300
      for (let i = 0; i < rounds || Atomics.load(shared, 1) < 50; i++) {
        const answer = await read('hot/secret.txt').catch((error: unknown) => error)
        if (answer instanceof HandlerError) seen.refused++
        else {
          seen.read++
          expect(answer).toMatchObject({ content: 'the harmless twin' })
        }
        const listed = await list('hot').catch((error: unknown) => error)
        if (!(listed instanceof HandlerError)) expect(JSON.stringify(listed)).not.toContain(`"size":${SECRET.length}`)
        const written = await write('hot/planted.txt').catch((error: unknown) => error)
        if (!(written instanceof HandlerError)) seen.written++
      }
      Atomics.store(shared, 0, 1)
      await ended
      expect(seen.refused).toBeGreaterThan(0)
      expect(seen.read + seen.written).toBeGreaterThan(0)
      expect(untouched()).toBe(before)
    },
  )
})

describe('sizes', () => {
  it('a file of exactly 4 MiB is read and one byte more is refused without reading it', async () => {
    writeFileSync(inside('big.txt'), 'x'.repeat(4 * 1024 * 1024))
    expect((await read('big.txt')).size).toBe(4 * 1024 * 1024)
    truncateSync(inside('big.txt'), 4 * 1024 * 1024 + 1)
    expect((await refusal(read('big.txt'))).code).toBe('FS_TOO_LARGE')
    truncateSync(inside('big.txt'), 2 ** 40)
    expect((await refusal(read('big.txt'))).code).toBe('FS_TOO_LARGE')
    expect((await refusal(write('big2.txt', 'x'.repeat(4 * 1024 * 1024 + 1)))).code).toBe('FS_TOO_LARGE')
    expect(existsSync(inside('big2.txt'))).toBe(false)
  })

  it('a file that lies about its size is read to its real end', async () => {
    const proc: Root = { path: realpathSync('/proc/self'), forbidden: '/nowhere' }
    expect((await readText(proc, 'status', signal)).content).toMatch(/^Name:/)
  })
})
