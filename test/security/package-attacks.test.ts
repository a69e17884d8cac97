// The attacks on packages: every change of a signed package, every trick of an archive, every signature outside of the profile.
import { createHmac, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto'
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync, inflateRawSync } from 'node:zlib'
import { isClonedError } from 'cloned/kernel'
import { createPackages } from 'cloned/plugins/package'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gzip } from '../../plugins/package/gzip.js'
import { collision, pathProblem } from '../../plugins/package/path.js'
import { END, header, member } from '../../plugins/package/tar.js'
import { removeTree } from '../../plugins/registry/place.js'
import { goodSigners, pemSigner, signDetached } from '../../plugins/trust/jws.js'
import {
  archiveOf,
  FILES,
  type Made,
  type Mutable,
  manifestBytes,
  newKey,
  type Vendor,
  vendor,
} from '../plugins/package-fixture.js'

const packages = createPackages()
let acme: Vendor
let made: Made
let scratch: string

beforeAll(async () => {
  acme = vendor()
  made = await acme.make()
  scratch = mkdtempSync(join(tmpdir(), 'cloned-hostile-'))
})
afterAll(() => {
  acme.close()
  removeTree(scratch)
})

/** How an archive ends when it is taken all the way: unpacked, or refused with nothing left behind. */
async function take(archive: Buffer): Promise<string> {
  const directory = join(scratch, 'unpacked')
  try {
    const head = await packages.head(archive)
    const manifest = packages.manifest(head.manifest)
    packages.check(archive, head, manifest)
    packages.extract(archive, head, manifest, directory)
    return 'unpacked'
  } catch (error) {
    if (!isClonedError(error)) throw error
    return `${error.code}: ${error.message}`
  } finally {
    removeTree(directory)
  }
}

const MANIFEST = 'package.manifest.json'
const SIG = 'package.sig'
type Members = [string, string | Uint8Array][]

/** The members of an honest package, to be bent. */
function members(manifest: Uint8Array = manifestBytes(made.manifest)): Members {
  return [[MANIFEST, manifest], ...made.manifest.files.map(({ path }): [string, string] => [path, FILES[path] ?? ''])]
}

describe('an archive is taken whole and exact, or not at all', () => {
  it('the honest one is taken, with and without a signature', async () => {
    expect(await take(made.archive)).toBe('unpacked')
    expect(await take(archiveOf(members()))).toBe('unpacked')
  })

  const raw = (type: string, path: string, content = '', link = '') => {
    const block = header(path, content.length)
    block.write(type, 156)
    block.write(link, 157)
    block.write('        ', 148)
    block.write(
      `${block
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    )
    return Buffer.concat([block, ...member('x', Buffer.from(content)).slice(1)])
  }
  const plain = () => gunzipSync(archiveOf(members()))
  const inserted = (piece: Buffer) => {
    const all = plain()
    const at = all.length - END.length
    return gzip(Buffer.concat([all.subarray(0, at), piece, all.subarray(at)]))
  }
  const swapped = () => {
    const all = members()
    return archiveOf([all[0], all[2], all[1], all[3]].filter((each) => each !== undefined))
  }

  it.each<[string, () => Buffer]>([
    ['a file that is not in the manifest', () => archiveOf([...members(), ['extra.js', 'x']])],
    ['a file less', () => archiveOf(members().slice(0, -1))],
    ['a file twice', () => archiveOf([...members(), ['lib/deep/table.json', '{"a":2}\n']])],
    ['a file under another spelling of its name', () => archiveOf([...members(), ['README.MD', '# Weather\n']])],
    [
      'another content of the same size',
      () => archiveOf(members().map(([p, c]) => [p, p === 'index.js' ? String(c).replace('42', '43') : c])),
    ],
    ['a content that is longer', () => archiveOf(members().map(([p, c]) => [p, p === 'index.js' ? `${c}//` : c]))],
    ['a content that is shorter', () => archiveOf(members().map(([p, c]) => [p, p === 'index.js' ? '' : c]))],
    ['files in another order', swapped],
    ['a path that climbs out', () => archiveOf([...members(), ['../evil.js', 'x']])],
    ['an absolute path', () => archiveOf([...members(), ['/tmp/evil.js', 'x']])],
    ['a symbolic link', () => inserted(raw('2', 'link', '', '/etc/passwd'))],
    ['a hard link', () => inserted(raw('1', 'link', '', 'index.js'))],
    ['a character device', () => inserted(raw('3', 'device'))],
    ['a block device', () => inserted(raw('4', 'device'))],
    ['a directory', () => inserted(raw('5', 'directory/'))],
    ['a pipe', () => inserted(raw('6', 'pipe'))],
    ['a pax header that renames the next file', () => inserted(raw('x', 'pax', '20 path=../../evil\n'))],
    ['a global pax header', () => inserted(raw('g', 'pax', '20 path=../../evil\n'))],
    ['a GNU long name', () => inserted(raw('L', '././@LongLink', '../../evil'))],
    ['a sparse file', () => inserted(raw('S', 'sparse'))],
    ['data after the end of the archive', () => gzip(Buffer.concat([plain(), Buffer.alloc(512)]))],
    ['no end', () => gzip(plain().subarray(0, -END.length))],
    ['bytes after the compressed data', () => Buffer.concat([archiveOf(members()), Buffer.from('more')])],
    ['a second gzip member', () => Buffer.concat([archiveOf(members()), gzipSync('more')])],
    [
      'a file name in the gzip header',
      () => {
        const archive = archiveOf(members())
        return Buffer.concat([
          archive.subarray(0, 3),
          Buffer.from([8]),
          archive.subarray(4, 10),
          Buffer.from('evil\0'),
          archive.subarray(10),
        ])
      },
    ],
    [
      'a wrong checksum',
      () => {
        const archive = archiveOf(members())
        archive.writeUInt32LE(0, archive.length - 8)
        return archive
      },
    ],
    ['a manifest that is not the first', () => archiveOf([...members().slice(1), ...members().slice(0, 1)])],
    ['two manifests', () => archiveOf([...members().slice(0, 1), ...members()])],
    ['a manifest of more than a MiB', () => archiveOf([[MANIFEST, Buffer.alloc(1024 * 1024 + 1, 32)]])],
    [
      'a signature of more than 64 KiB',
      () => archiveOf([...members().slice(0, 1), [SIG, Buffer.alloc(64 * 1024 + 1, 32)]]),
    ],
    [
      'data in the padding of a file',
      () => {
        const all = plain()
        // The last byte of the block that holds README.md.
        all[Math.ceil(manifestBytes(made.manifest).length / 512) * 512 + 3 * 512 - 1] = 65
        return gzip(all)
      },
    ],
    [
      'a bomb in the place of a file',
      () => gzip(Buffer.concat([plain().subarray(0, -END.length), Buffer.alloc(64 * 1024 * 1024)])),
    ],
    ['a bomb in the place of everything', () => gzip(Buffer.alloc(64 * 1024 * 1024))],
    ['no archive', () => Buffer.from('PK\u0003\u0004')],
    ['nothing', () => Buffer.alloc(0)],
    ['more than 64 MiB', () => Buffer.alloc(64 * 1024 * 1024 + 1)],
  ])('refuses %s', async (_, make) => {
    expect(await take(make())).toMatch(/^PACKAGE_INVALID/)
    expect(readdirSync(scratch)).toEqual([])
  })

  it('any single byte changed, cut or added is refused, or leaves manifest and files as they were', async () => {
    const reference = made.digest
    const expanded = inflateRawSync(made.archive.subarray(10, -8))
    await fc.assert(
      fc.asyncProperty(
        fc.nat(made.archive.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.constantFrom('flip', 'cut', 'add'),
        async (at, bits, how) => {
          const bytes = Buffer.from(made.archive)
          if (how === 'flip') bytes[at] = (bytes[at] ?? 0) ^ bits
          const bent =
            how === 'flip'
              ? bytes
              : how === 'cut'
                ? bytes.subarray(0, at)
                : Buffer.concat([bytes.subarray(0, at), Buffer.from([bits]), bytes.subarray(at)])
          const ended = await take(bent)
          if (ended !== 'unpacked') return
          expect((await packages.head(bent)).digest).toBe(reference)
          // The same bytes can be compressed in more than one way, and the gzip header has a time; nothing else may differ.
          expect(inflateRawSync(bent.subarray(10, -8)).equals(expanded)).toBe(true)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('a manifest has one reading', () => {
  const bent = (change: (copy: Mutable) => void) => manifestBytes(made.manifest, change)
  const text = (replace: (text: string) => string) =>
    Buffer.from(replace(manifestBytes(made.manifest).toString('utf8')))

  it.each<[string, () => Buffer]>([
    ['a key twice', () => text((t) => t.replace('"title": "Weather",', '"title": "Weather",\n  "title": "Weather",'))],
    [
      'a key twice that differs',
      () => text((t) => t.replace('"version": "1.0.0",', '"version": "0.0.1",\n  "version": "1.0.0",')),
    ],
    ['__proto__', () => text((t) => t.replace('"title": "Weather",', '"__proto__": {},\n  "title": "Weather",'))],
    ['a byte order mark', () => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), manifestBytes(made.manifest)])],
    ['bytes that are not UTF-8', () => Buffer.concat([Buffer.from([0xff]), manifestBytes(made.manifest)])],
    ['a number that loses digits', () => text((t) => t.replace('"protocol": 1', '"protocol": 1.0000000000000000001'))],
    ['another spelling of a number', () => text((t) => t.replace('"protocol": 1', '"protocol": 1e0'))],
    ['an escaped letter', () => text((t) => t.replace('"Weather"', '"\\u0057eather"'))],
    ['no line feed at its end', () => text((t) => t.trimEnd())],
    ['more space', () => text((t) => `${t} `)],
    ['great depth', () => Buffer.from(`${'['.repeat(10_000)}${']'.repeat(10_000)}\n`)],
    ['an unknown key', () => bent((copy) => Object.assign(copy, { verified: true }))],
    ['a path twice', () => bent((copy) => void copy['files'].push(copy['files'][0]))],
    [
      'paths that differ in case',
      () => bent((copy) => void copy['files'].push({ ...copy['files'][0], path: 'readme.md' })),
    ],
    [
      'paths that differ in Unicode form',
      () =>
        bent((copy) => {
          copy['files'].push({ ...copy['files'][0], path: 'é' }, { ...copy['files'][0], path: 'e\u0301' })
        }),
    ],
    [
      'a file that is also a directory',
      () => bent((copy) => void copy['files'].push({ ...copy['files'][0], path: 'index.js/x' })),
    ],
    [
      'its own name among the files',
      () => bent((copy) => void copy['files'].push({ ...copy['files'][0], path: 'Package.SIG' })),
    ],
    ['an entry that is no file', () => bent((copy) => Object.assign(copy['runtime'], { entry: 'other.js' }))],
    [
      'files of more than 256 MiB',
      () =>
        bent((copy) => {
          for (const file of copy['files']) file.size = 268_435_456
        }),
    ],
    [
      'a tool outside of its id',
      () => bent((copy) => Object.assign(copy['tools'][0], { id: 'cloned.internal.fs.read@v1' })),
    ],
    [
      'a tool whose id only begins alike',
      () => bent((copy) => Object.assign(copy['tools'][0], { id: 'acme.weatherman.today@v1' })),
    ],
    ['a tool twice', () => bent((copy) => void copy['tools'].push(structuredClone(copy['tools'][0])))],
    [
      'a capability that is not declared',
      () => bent((copy) => Object.assign(copy['tools'][0], { capability: 'fs.write' })),
    ],
    [
      'a credential for another host',
      () => bent((copy) => Object.assign(copy['tools'][0].auth[0], { hosts: ['evil.example'] })),
    ],
    ['two credentials of one name', () => bent((copy) => void copy['tools'][0].auth.push(copy['tools'][0].auth[0]))],
    [
      'a line break in the format of a credential',
      () => bent((copy) => Object.assign(copy['tools'][0].auth[0], { format: '{secret}\r\nx: y' })),
    ],
    ['a host that matches everything', () => bent((copy) => Object.assign(copy['tools'][0], { egress_hosts: ['*'] }))],
    [
      'a host with a user',
      () => bent((copy) => Object.assign(copy['tools'][0], { egress_hosts: ['user@api.example.com'] })),
    ],
    [
      'a schema that is none',
      () => bent((copy) => Object.assign(copy['tools'][0], { input_schema: { type: 'object', properties: 7 } })),
    ],
    [
      'an input schema that is no object',
      () => bent((copy) => Object.assign(copy['tools'][0], { input_schema: { type: 'string' } })),
    ],
    ['build metadata in the version', () => bent((copy) => Object.assign(copy, { version: '1.0.0+evil' }))],
    ['a v before the version', () => bent((copy) => Object.assign(copy, { version: 'v1.0.0' }))],
    [
      'a contract of another tool',
      () => text((t) => t.replace(/"contract_sha256": "[0-9a-f]{4}/, '"contract_sha256": "0000')),
    ],
  ])('refuses %s', (_, make) => {
    expect(() => packages.manifest(make())).toThrow(expect.objectContaining({ code: 'PACKAGE_INVALID' }))
  })

  it('every change of a field changes the digest of the tool or of the package', () => {
    const seen = new Set([manifestBytes(made.manifest).toString('utf8')])
    const visit = (path: readonly string[], value: unknown) => {
      if (typeof value === 'object' && value !== null) {
        for (const [key, inner] of Object.entries(value)) visit([...path, key], inner)
        return
      }
      const copy = manifestBytes(made.manifest, (found) => {
        const last = path.at(-1) ?? ''
        const holder = path.slice(0, -1).reduce<Mutable>((at, key) => at[key], found)
        holder[last] = typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : `${value}x`
      }).toString('utf8')
      if (path.at(-1) !== 'contract_sha256') expect(seen.has(copy)).toBe(false)
      seen.add(copy)
    }
    visit([], made.manifest)
    expect(seen.size).toBeGreaterThan(30)
  })
})

describe('a path means one file, below the package', () => {
  it.each([
    '',
    '.',
    '..',
    '/',
    '/etc/passwd',
    '../x',
    'a/../b',
    'a//b',
    'a/',
    './a',
    'a/.',
    'C:\\x',
    'C:/x',
    'a\\b',
    'a\0b',
    'a\nb',
    'a\u202eb',
    'a\u200bb',
    'e\u0301',
    'con',
    'CON.txt',
    'lpt1',
    'a/aux.js',
    'a.',
    'a ',
    'a./b',
    'x'.repeat(201),
    'a\ud800',
    'a:b',
    'a*b',
    'package.sig',
    'PACKAGE.MANIFEST.JSON',
  ])('refuses %j', (path) => {
    expect(pathProblem(path)).toBeTypeOf('string')
  })

  it.each([
    [['a', 'A']],
    [['straße', 'STRASSE']],
    [['ﬁ', 'FI']],
    [['a/b', 'a']],
    [['a', 'a/b']],
    [['A/b', 'a/c']],
    [['\u212a', 'k']],
    [['ſ', 's']],
  ])('finds the collision in %j', (paths) => {
    expect(collision(paths)).toBeTypeOf('string')
  })

  it('what is taken stays below the directory on this system', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), (path) => {
        if (pathProblem(path) !== undefined) return
        expect(join('/root/package', path).startsWith('/root/package/')).toBe(true)
        expect(join('/root/package', path)).toBe(`/root/package/${path}`)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('an unpacked package that was touched is none', () => {
  let directory: string
  const unpack = async () => {
    directory = mkdtempSync(join(scratch, 'installed-'))
    rmSync(directory, { recursive: true })
    const head = await packages.head(made.archive)
    packages.extract(made.archive, head, packages.manifest(head.manifest), directory)
    for (const name of ['.', 'lib', 'lib/deep']) chmodSync(join(directory, name), 0o700)
  }
  const at = (name: string) => join(directory, name)
  const rewrite = (name: string, content: string) => {
    chmodSync(at(name), 0o600)
    writeFileSync(at(name), content)
  }

  it.each<[string, () => void]>([
    ['another byte in a file', () => rewrite('index.js', String(FILES['index.js']).replace('42', '43'))],
    ['the same bytes and more', () => rewrite('index.js', `${FILES['index.js']}//`)],
    ['a file more', () => writeFileSync(at('extra.js'), 'x')],
    ['a hidden file more', () => writeFileSync(at('lib/.hidden'), 'x')],
    ['a directory more', () => mkdirSync(at('node_modules'))],
    ['a file less', () => rmSync(at('README.md'))],
    [
      'a link to the same content',
      () => {
        renameSync(at('index.js'), join(scratch, 'outside.js'))
        symlinkSync(join(scratch, 'outside.js'), at('index.js'))
      },
    ],
    [
      'a second name of a file',
      () => linkSync(at('index.js'), join(scratch, `second-${process.pid}-${Math.random()}`)),
    ],
    [
      'a linked directory',
      () => {
        renameSync(at('lib'), join(scratch, `lib-${Math.random()}`))
        symlinkSync(scratch, at('lib'))
      },
    ],
    ['a file that can be run now', () => chmodSync(at('index.js'), 0o500)],
    [
      'another manifest',
      () =>
        rewrite(
          MANIFEST,
          manifestBytes(made.manifest, (copy) => Object.assign(copy, { title: 'Other' })).toString('utf8'),
        ),
    ],
    ['no manifest', () => rmSync(at(MANIFEST))],
  ])('refuses %s, although it was sound a moment ago', async (_, touch) => {
    await unpack()
    expect(packages.installed(directory, made.digest).contents.id).toBe('acme.weather')
    touch()
    expect(() => packages.installed(directory, made.digest)).toThrow(
      expect.objectContaining({ code: 'PACKAGE_INVALID' }),
    )
  })

  it('a changed file with its old size and time is read again', async () => {
    await unpack()
    packages.installed(directory, made.digest)
    const { utimesSync, statSync } = await import('node:fs')
    const { atime, mtime } = statSync(at('index.js'))
    rewrite('index.js', String(FILES['index.js']).replace('42', '43'))
    chmodSync(at('index.js'), 0o400)
    utimesSync(at('index.js'), atime, mtime)
    expect(() => packages.installed(directory, made.digest)).toThrow(
      expect.objectContaining({ code: 'PACKAGE_INVALID' }),
    )
  })
})

describe('a signature counts in one profile only', () => {
  const key = newKey()
  const other = newKey()
  const payload = Buffer.from('{"a":1}\n')
  const keys = new Map([[key.kid, key.publicKey]])
  const b64 = (value: unknown) =>
    Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
  const good = { alg: 'Ed25519', kid: key.kid, typ: 'cloned-package-manifest+jws' }
  /** Honestly signed under any header. */
  const entry = (head: unknown, pem = key.pem, over: Buffer = payload) => {
    const protectedHeader = b64(head)
    const signature = sign(null, Buffer.from(`${protectedHeader}.${over.toString('base64url')}`), createPrivateKey(pem))
    return { protected: protectedHeader, signature: signature.toString('base64url') }
  }
  const file = (...signatures: unknown[]) => Buffer.from(JSON.stringify({ signatures }))
  const check = (document: Buffer) => goodSigners(payload, document, 'package', keys)

  it('the profile itself is taken, made by hand or by the signer', async () => {
    expect([...(await check(file(entry(good))))]).toEqual([key.kid])
    expect([...(await check(Buffer.from(signDetached(payload, 'package', pemSigner(key.pem)))))]).toEqual([key.kid])
  })

  const hmac = () => {
    const head = b64({ ...good, alg: 'HS256' })
    const secret = key.publicKey.export({ type: 'spki', format: 'pem' })
    const signature = createHmac('sha256', secret)
      .update(`${head}.${payload.toString('base64url')}`)
      .digest('base64url')
    return { protected: head, signature }
  }
  const rsa = () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const head = b64({ ...good, alg: 'RS256' })
    return {
      protected: head,
      signature: sign('sha256', Buffer.from(`${head}.${payload.toString('base64url')}`), privateKey).toString(
        'base64url',
      ),
    }
  }

  it.each<[string, () => Buffer]>([
    ['alg none', () => file({ protected: b64({ ...good, alg: 'none' }), signature: '' })],
    ['alg none with a signature', () => file(entry({ ...good, alg: 'none' }))],
    ['HS256 with the public key as secret', () => file(hmac())],
    ['RS256', () => file(rsa())],
    ['the alias EdDSA', () => file(entry({ ...good, alg: 'EdDSA' }))],
    [
      'alg outside of the protected header',
      () => file({ ...entry({ kid: good.kid, typ: good.typ }), header: { alg: 'Ed25519' } }),
    ],
    ['an unprotected header', () => file({ ...entry(good), header: {} })],
    ['a payload of its own', () => Buffer.from(JSON.stringify({ payload: b64('{}'), signatures: [entry(good)] }))],
    ['a key in the header', () => file(entry({ ...good, jwk: other.publicKey.export({ format: 'jwk' }) }, other.pem))],
    ['a URL of a key', () => file(entry({ ...good, jku: 'https://evil.example' }))],
    ['a certificate', () => file(entry({ ...good, x5c: ['AA'] }))],
    ['crit', () => file(entry({ ...good, crit: ['b64'], b64: false }))],
    ['b64', () => file(entry({ ...good, b64: true }))],
    ['another type', () => file(entry({ ...good, typ: 'cloned-catalog+jws' }))],
    ['no type', () => file(entry({ alg: good.alg, kid: good.kid }))],
    ['the members in another order', () => file(entry({ kid: good.kid, alg: good.alg, typ: good.typ }))],
    ['a member twice', () => file(entry(`{"alg":"Ed25519","alg":"Ed25519","kid":"${key.kid}","typ":"${good.typ}"}`))],
    ['a signature by another key under this name', () => file(entry(good, other.pem))],
    ['a signature over something else', () => file(entry(good, key.pem, Buffer.from('{"a":2}\n')))],
    ['the same key twice', () => file(entry(good), entry(good))],
    [
      'a good signature beside a bad one of a known key',
      () => file(entry({ ...good, kid: other.kid }, other.pem), { ...entry(good), signature: b64('x'.repeat(64)) }),
    ],
    [
      'a second good signature under a header outside of the profile',
      () => file(entry(good), entry({ ...good, x: 1 })),
    ],
    ['no signatures', () => file()],
    ['seventeen signatures', () => file(...Array.from({ length: 17 }, () => entry(good)))],
    ['more than 64 KiB', () => Buffer.concat([file(entry(good)), Buffer.alloc(64 * 1024, 32)])],
    ['a header that is no JSON', () => file({ ...entry(good), protected: b64('x') })],
    ['a header that is null', () => file({ ...entry(good), protected: b64('null') })],
    ['no JSON', () => Buffer.from('-----BEGIN')],
    ['not UTF-8', () => Buffer.from([0xff])],
  ])('refuses %s', async (_, make) => {
    await expect(check(make())).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
  })

  it('a signature of a key that nobody here knows says nothing', async () => {
    expect([...(await check(file(entry({ ...good, kid: other.kid }, other.pem))))]).toEqual([])
    expect([...(await check(file(entry({ ...good, kid: other.kid }, other.pem), entry(good))))]).toEqual([key.kid])
  })

  it('a signature with another spelling of itself is refused', async () => {
    const { signature, ...rest } = entry(good)
    const s = Buffer.from(signature, 'base64url')
    // S + L: the same scalar, another encoding.
    const L = 2n ** 252n + 27742317777372353535851937790883648493n
    const scalar = BigInt(`0x${Buffer.from(s.subarray(32)).reverse().toString('hex')}`) + L
    const bytes = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()
    const malleable = Buffer.concat([s.subarray(0, 32), bytes]).toString('base64url')
    await expect(check(file({ ...rest, signature: malleable }))).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' })
  })

  it('any byte of the payload or of the signature matters', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(63), fc.integer({ min: 1, max: 255 }), async (at, bits) => {
        const { signature, ...rest } = entry(good)
        const bytes = Buffer.from(signature, 'base64url')
        bytes[at] = (bytes[at] ?? 0) ^ bits
        await expect(check(file({ ...rest, signature: bytes.toString('base64url') }))).rejects.toMatchObject({
          code: 'SIGNATURE_INVALID',
        })
      }),
      { numRuns: 50 },
    )
  })
})

describe('packing takes plain files and makes the same package everywhere', () => {
  it('a link in the source is refused, not followed', async () => {
    const target = acme.write('source-x/index.js', 'export {}\n')
    symlinkSync('/etc/hostname', join(target, '..', 'host'))
    const { draft } = await import('../plugins/package-fixture.js')
    expect(() => packages.pack(join(target, '..'), draft(), '2026-01-01T00:00:00Z')).toThrow(/host is not a plain file/)
  })

  it('a link on the way to a file that is asked for is refused too', async () => {
    acme.write('elsewhere/id_ed25519', 'PRIVATE')
    const source = join(acme.write('source-y/index.js', 'export {}\n'), '..')
    symlinkSync(join(acme.directory, 'elsewhere'), join(source, 'lib'))
    const { draft } = await import('../plugins/package-fixture.js')
    const asked = { ...draft(), include: ['index.js', 'lib/id_ed25519'] }
    expect(() => packages.pack(source, asked, '2026-01-01T00:00:00Z')).toThrow(/lib is a link/)
  })

  it('a tool is named by its connector and one word, so that it is of no other connector', async () => {
    const { tool } = await import('../plugins/package-fixture.js')
    const tools = [tool({ id: 'acme.weather.pro.today@v1' })]
    await expect(acme.make({ tools })).rejects.toThrow(/is not named acme\.weather, a dot and one word/)
  })

  it('two packings give the same bytes', async () => {
    const again = await acme.make()
    expect(again.archive.equals(made.archive)).toBe(true)
    expect(readFileSync(again.path).equals(made.archive)).toBe(true)
  })

  it('leaves out hidden files, dependencies and its own draft', async () => {
    const files = {
      ...FILES,
      '.env': 'TOKEN=1',
      'node_modules/x/index.js': 'x',
      'connector.json': '{}',
      'old.tgz': 'x',
    }
    const { manifest } = await acme.make({}, { files })
    expect(manifest.files.map(({ path }) => path)).toEqual(['README.md', 'index.js', 'lib/deep/table.json'])
  })
})
