import { createPrivateKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { publicKeyOf, rawPublicKey, unsoundKey, verifyStrictly } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatCheckpoint, parseCheckpoint } from '../../plugins/audit/checkpoint.js'
import { newVerifier, openNote, parseVerifierKey, signNote, splitNote, verifierKey } from '../../plugins/audit/note.js'

// Public vectors: the signed-note specification, Go's sumdb/note, and a checkpoint that sum.golang.org issued.
const VECTORS = [
  {
    vkey: 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k',
    text: 'This is an example message.\n',
    signature:
      '— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n',
  },
  {
    vkey: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
    signature:
      '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
  },
  {
    vkey: 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8',
    text: 'go.sum database tree\n6476701\nmb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=\n',
    signature:
      '— sum.golang.org Az3grsLX85Gz+s1SiTbgkuqxgItqFq7gsMUEyVnrsa9LM7Us9S+1xbFIGu95949rj4nPRYfvimWEPWL+o3GeoWwOoAw=\n',
  },
] as const
const [, PETER, SUMDB] = VECTORS
const PETER_SEED = Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1)

const noteOf = ({ text, signature }: { text: string; signature: string }) => `${text}\n${signature}`

function newSigner(name = 'example.org/log') {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { name, publicKey, sign: (text: Buffer) => sign(null, text, privateKey) }
}

describe('signed notes', () => {
  it.each(VECTORS)('opens the published note of $vkey', (vector) => {
    const verifier = parseVerifierKey(vector.vkey)
    expect(openNote(noteOf(vector), [verifier])).toEqual({ text: vector.text, signers: [verifier] })
    expect(verifierKey(verifier.name, verifier.publicKey)).toBe(vector.vkey)
  })

  it('signs the published text to the published note, byte for byte', () => {
    const prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
    const privateKey = createPrivateKey({ key: Buffer.concat([prefix, PETER_SEED]), format: 'der', type: 'pkcs8' })
    const { publicKey } = parseVerifierKey(PETER.vkey)
    const signer = { name: 'PeterNeumann', publicKey, sign: (text: Buffer) => sign(null, text, privateKey) }
    expect(signNote(PETER.text, signer)).toBe(noteOf(PETER))
  })

  it('opens what it signed, for every text that a note may hold', () => {
    const signer = newSigner()
    const verifier = newVerifier(signer.name, signer.publicKey)
    const texts = fc.string({ unit: fc.oneof(fc.constantFrom('\n', '—', ' ', '+'), fc.string({ minLength: 1 })) })
    fc.assert(
      fc.property(texts, (text) => {
        const plain = `${text.toWellFormed().replaceAll(/\p{Cc}/gu, '\n')}\n`
        expect(openNote(signNote(plain, signer), [verifier]).text).toBe(plain)
      }),
    )
  })

  it('opens no note with any one character changed', () => {
    const verifiers = [parseVerifierKey(PETER.vkey)]
    const note = noteOf(PETER)
    const opened = [...Array(note.length).keys()].filter((at) => {
      const changed = note.slice(0, at) + String.fromCharCode(note.charCodeAt(at) ^ 1) + note.slice(at + 1)
      try {
        openNote(changed, verifiers)
        return true
      } catch {
        return false
      }
    })
    expect(opened).toEqual([])
  })

  it('takes the last empty line as the end of the text', () => {
    const signer = newSigner()
    const text = `a\n\n${PETER.signature}\n\nb\n`
    expect(openNote(signNote(text, signer), [newVerifier(signer.name, signer.publicKey)]).text).toBe(text)
  })

  it('ignores signatures of unknown keys, of a known name with another id, and of a known id with another name', () => {
    const verifier = parseVerifierKey(PETER.vkey)
    const id = Buffer.from('c74f20a3', 'hex')
    const junk = (name: string, keyId: Buffer) =>
      `— ${name} ${Buffer.concat([keyId, Buffer.alloc(64, 7)]).toString('base64')}\n`
    const around = junk('stranger.example', Buffer.alloc(4)) + junk('PeterNeumann', Buffer.alloc(4)) + junk('Peter', id)
    expect(openNote(noteOf(PETER) + around, [verifier]).signers).toEqual([verifier])
    expect(() => openNote(`${PETER.text}\n${around}`, [verifier])).toThrow('no known key')
    expect(() => openNote(noteOf(PETER) + junk('PeterNeumann', id), [verifier])).toThrow('does not verify')
  })

  it('accepts sixteen signatures and refuses an endless list', () => {
    const verifier = parseVerifierKey(PETER.vkey)
    expect(openNote(noteOf(PETER) + PETER.signature.repeat(15), [verifier]).signers).toEqual([verifier])
    expect(() => openNote(noteOf(PETER) + PETER.signature.repeat(32), [verifier])).toThrow('more than')
    expect(() => openNote('a'.repeat(200_000), [verifier])).toThrow('longer than')
  })

  const broken: readonly [string, string][] = [
    ['without an empty line', PETER.text + PETER.signature],
    ['without a last line feed', noteOf(PETER).slice(0, -1)],
    ['with CRLF', noteOf(PETER).replaceAll('\n', '\r\n')],
    ['with NUL', `\0${noteOf(PETER)}`],
    ['with an empty signature line', `${noteOf(PETER)}\n`],
    ['with a hyphen for the dash', noteOf(PETER).replace('—', '-')],
    ['with two spaces', noteOf(PETER).replace('Neumann ', 'Neumann  ')],
    ['with a no-break space in the name', noteOf(PETER).replace('— Peter', '— Peter\u00a0')],
    ['with the URL alphabet', noteOf(PETER).replace('/', '_')],
    ['without padding', noteOf(PETER).replace('=\n', '\n')],
    ['with unused bits set', noteOf(PETER).replace('nAM=', 'nAN=')],
    ['with a signature of four bytes', `${PETER.text}\n— PeterNeumann x08gow==\n`],
    ['with a lone surrogate', noteOf(PETER).replace('If', '\ud800')],
    ['of nothing', ''],
  ]
  it.each(broken)('refuses a note %s', (_, note) => {
    expect(() => openNote(note, [parseVerifierKey(PETER.vkey)])).toThrow()
    expect(() => splitNote(note)).toThrow(expect.objectContaining({ code: 'AUDIT_NOTE_INVALID' }))
  })

  const badKeys: readonly [string, string][] = [
    ['another id', PETER.vkey.replace('c74f20a3', 'c74f20a4')],
    ['an id in capitals', PETER.vkey.replace('c74f20a3', 'C74F20A3')],
    ['an empty name', PETER.vkey.replace('PeterNeumann', '')],
    ['a space in its name', PETER.vkey.replace('PeterN', 'Peter N')],
    ['another type', PETER.vkey.replace('+ARpc', '+Ahpc')],
    ['a short key', PETER.vkey.slice(0, -4)],
    ['a trailing line feed', `${PETER.vkey}\n`],
  ]
  it.each(badKeys)('refuses a verifier key with %s', (_, vkey) => {
    expect(() => parseVerifierKey(vkey)).toThrow(expect.objectContaining({ code: 'AUDIT_KEY_INVALID' }))
  })
})

describe('Ed25519 keys', () => {
  const P = 2n ** 255n - 19n
  const L = 2n ** 252n + 27742317777372353535851937790883648493n
  const encode = (y: bigint, sign: number) => {
    const bytes = Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse()
    bytes[31] = (bytes[31] ?? 0) | (sign << 7)
    return bytes
  }

  it('are refused when they are of small order, in every spelling', () => {
    for (const y of [0n, 1n, P - 1n]) {
      for (const sign of [0, 1]) expect(unsoundKey(encode(y, sign))).toBe('is a point of small order')
    }
    for (const hex of [
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
    ]) {
      expect(unsoundKey(Buffer.from(hex, 'hex'))).toBe('is a point of small order')
    }
  })

  it('are refused in a form that is not canonical', () => {
    for (let more = 0n; more < 19n; more++) {
      for (const sign of [0, 1]) expect(unsoundKey(encode(P + more, sign))).toBe('is not in canonical form')
    }
    expect(unsoundKey(Buffer.alloc(31, 1))).toContain('31 bytes')
    expect(unsoundKey(rawPublicKey(newSigner().publicKey))).toBeUndefined()
  })

  it('never let one signature pass for every text, though Node before 24 does', () => {
    const lenient = Number.parseInt(process.versions.node, 10) < 24
    const identity = publicKeyOf(encode(1n, 0))
    const forged = Buffer.concat([encode(1n, 0), Buffer.alloc(32)])
    // R = S B for S = 0 and S = 1: the second has nothing wrong about it but the key.
    const base = Buffer.alloc(32, 0x66).fill(0x58, 0, 1)
    const sound = Buffer.concat([base, encode(1n, 0)])
    for (const text of ['one', 'two'].map((each) => Buffer.from(each))) {
      for (const signature of [forged, sound]) {
        expect(verify(null, text, identity, signature)).toBe(lenient)
        expect(verifyStrictly(text, identity, signature)).toBe(false)
      }
    }
    const key = Buffer.concat([Buffer.of(1), encode(1n, 0)]).toString('base64')
    expect(() => parseVerifierKey(`x+00000000+${key}`)).toThrow('small order')
    expect(() => verifierKey('x', identity)).toThrow('small order')
  })

  it('have one signature for a text: S + L is refused, and so is a cut or longer one', () => {
    const signer = newSigner()
    const text = Buffer.from('text')
    const signature = signer.sign(text)
    const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`)
    const malleable = Buffer.concat([signature.subarray(0, 32), encode(s + L, 0)])
    expect(verifyStrictly(text, signer.publicKey, signature)).toBe(true)
    for (const other of [malleable, signature.subarray(0, 63), Buffer.concat([signature, Buffer.of(0)])]) {
      expect(verifyStrictly(text, signer.publicKey, other)).toBe(false)
    }
  })
})

describe('checkpoints', () => {
  const root = Buffer.alloc(32, 9)

  it('read a checkpoint that another log issued', () => {
    const { origin, size, root: sumdbRoot } = parseCheckpoint(SUMDB.text)
    expect({ origin, size }).toEqual({ origin: 'go.sum database tree', size: 6476701 })
    expect(sumdbRoot.toString('base64')).toBe('mb8QLQIs0Z0yP5Cstq6guj87oXWeC9gEM8oVikmm9Wk=')
  })

  it('give back what was formatted', () => {
    for (const size of [0, 1, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      expect(parseCheckpoint(formatCheckpoint({ origin: 'a/b', size, root }))).toEqual({ origin: 'a/b', size, root })
    }
    for (const wrong of [
      { origin: '', size: 1, root },
      { origin: 'a\nb', size: 1, root },
      { origin: 'a', size: -1, root },
      { origin: 'a', size: 0.5, root },
      { origin: 'a', size: 1, root: Buffer.alloc(31) },
    ]) {
      expect(() => formatCheckpoint(wrong)).toThrow(expect.objectContaining({ code: 'AUDIT_NOTE_INVALID' }))
    }
  })

  const text = `a\n5\n${root.toString('base64')}\n`
  it('ignore further lines and refuse every other deviation', () => {
    expect(parseCheckpoint(`${text}more\nlines\n`).size).toBe(5)
    const wrong = ['05', '+5', '5 ', '5.0', '0x5', '', '9007199254740993', '5n', '٥'].map((size) =>
      text.replace('5', size),
    )
    wrong.push(text.slice(0, -1), `${text}\n`, `\n${text}`, text.replace('=\n', '\n'), 'a\n5\n', '')
    for (const each of wrong) {
      expect(() => parseCheckpoint(each)).toThrow(expect.objectContaining({ code: 'AUDIT_NOTE_INVALID' }))
    }
  })
})
