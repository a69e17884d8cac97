import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatCheckpoint } from '../../plugins/audit/checkpoint.js'
import { CompactRange, leafHash, levelsOf } from '../../plugins/audit/merkle.js'
import {
  consistencyRanges,
  inclusionRanges,
  type LeafRange,
  provesConsistency,
  RangeHashes,
  rootOfInclusion,
} from '../../plugins/audit/merkle-proof.js'
import { newVerifier, signNote } from '../../plugins/audit/note.js'
import { checkProof, formatProof, parseProof } from '../../plugins/audit/proof.js'

// The tree of the certificate transparency tests: eight leaves and the root after each.
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const SIZE = 64

// The definitions of RFC 6962 section 2.1, word for word and without any of the code under test.
const sha = (...parts: (Buffer | number)[]) =>
  createHash('sha256')
    .update(Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : part))))
    .digest()
const power = (n: number): number => (n <= 2 ? 1 : 2 * power(Math.ceil(n / 2)))
const mth = (d: readonly Buffer[]): Buffer => {
  if (d.length === 0) return sha()
  if (d.length === 1) return sha(0, d[0] as Buffer)
  const k = power(d.length)
  return sha(1, mth(d.slice(0, k)), mth(d.slice(k)))
}
const path = (m: number, d: readonly Buffer[]): Buffer[] => {
  if (d.length === 1) return []
  const k = power(d.length)
  return m < k ? [...path(m, d.slice(0, k)), mth(d.slice(k))] : [...path(m - k, d.slice(k)), mth(d.slice(0, k))]
}
const subproof = (m: number, d: readonly Buffer[], b: boolean): Buffer[] => {
  if (m === d.length) return b ? [] : [mth(d)]
  const k = power(d.length)
  return m <= k
    ? [...subproof(m, d.slice(0, k), b), mth(d.slice(k))]
    : [...subproof(m - k, d.slice(k), false), mth(d.slice(0, k))]
}

const data = Array.from({ length: SIZE }, (_, i) => Buffer.from(`record ${i}\n`))
const leaves = data.map(leafHash)
const roots = Array.from({ length: SIZE + 1 }, (_, size) => mth(data.slice(0, size)))
const rootOf = (size: number) => roots[size] as Buffer
const leafOf = (index: number) => leaves[index] as Buffer

function hashesOf(ranges: readonly LeafRange[], upTo: number): Buffer[] {
  const hashes = new RangeHashes(ranges)
  for (const leaf of leaves.slice(0, upTo)) hashes.append(leaf)
  return hashes.hashes()
}
const hex = (hashes: readonly Buffer[]) => Buffer.concat(hashes).toString('hex')
const inclusion = (index: number, size: number) => hashesOf(inclusionRanges(index, size), size)
const consistency = (old: number, size: number) => hashesOf(consistencyRanges(old, size), size)
const pairs = Array.from({ length: SIZE }, (_, i) => i + 1).flatMap((size) =>
  Array.from({ length: size }, (_, index) => [index, size] as const),
)

describe('tree hashes', () => {
  it('are those of the certificate transparency tests', () => {
    const range = new CompactRange()
    const found = [range.root().toString('hex')]
    for (const leaf of LEAVES) {
      range.append(leafHash(Buffer.from(leaf, 'hex')))
      found.push(range.root().toString('hex'))
    }
    expect(found).toEqual(ROOTS)
  })

  it('follow the definition at every size, also when continued from a frontier', () => {
    const range = new CompactRange()
    for (let size = 0; size <= SIZE; size++) {
      if (size > 0) range.append(leafOf(size - 1))
      expect(range.size).toBe(size)
      expect(range.root()).toEqual(rootOf(size))
      const resumed = CompactRange.from(size, range.frontier())
      for (const leaf of leaves.slice(size)) resumed.append(leaf)
      expect(resumed.root()).toEqual(rootOf(SIZE))
    }
  })

  it('keep no more than one hash for each bit of the size', () => {
    const range = new CompactRange()
    for (let size = 1; size <= 5000; size++) {
      range.append(leafOf(0))
      expect(range.frontier()).toHaveLength(size.toString(2).replaceAll('0', '').length)
    }
  })

  it('are not made from a frontier that does not fit its size', () => {
    const hash = leafOf(0)
    for (const [size, count] of [
      [0, 1],
      [1, 0],
      [1, 2],
      [3, 1],
      [-1, 0],
      [0.5, 0],
      [Number.NaN, 0],
      [2 ** 53, 1],
    ] as const) {
      expect(() => CompactRange.from(size, Array(count).fill(hash))).toThrow(RangeError)
    }
    expect(() => CompactRange.from(1, [hash.subarray(1)])).toThrow(RangeError)
    const range = CompactRange.from(1, [hash])
    expect(() => range.append(hash, 1)).toThrow(RangeError)
  })
})

describe('inclusion proofs', () => {
  it('are those of the definition and lead to the root, for every record of every tree', () => {
    for (const [index, size] of pairs) {
      const proof = inclusion(index, size)
      expect(hex(proof)).toBe(hex(path(index, data.slice(0, size))))
      expect(rootOfInclusion(leafOf(index), { index, size, proof })?.equals(rootOf(size))).toBe(true)
    }
  })

  it('hold for no other leaf, index, size or root', () => {
    const passed: unknown[] = []
    for (const [index, size] of pairs.filter(([, each]) => each <= 20)) {
      const proof = inclusion(index, size)
      const holds = (leaf: Buffer, at: number, of: number, hashes = proof) =>
        rootOfInclusion(leaf, { index: at, size: of, proof: hashes })?.equals(rootOf(size)) === true
      for (let other = 0; other < 24; other++) {
        if (other !== index && holds(leafOf(index), other, size)) passed.push({ index, size, other })
        if (other !== index && holds(leafOf(other), index, size)) passed.push({ index, size, leaf: other })
      }
      for (const [i, hash] of proof.entries()) {
        const flipped = Buffer.from(hash)
        flipped[i % 32] = (flipped[i % 32] ?? 0) ^ 1
        if (holds(leafOf(index), index, size, proof.with(i, flipped))) passed.push({ index, size, flipped: i })
        if (holds(leafOf(index), index, size, proof.toSpliced(i, 1))) passed.push({ index, size, cut: i })
        if (holds(leafOf(index), index, size, proof.toSpliced(i, 0, hash))) passed.push({ index, size, padded: i })
      }
      if (proof.length > 0 && holds(leafOf(index), index, size, [])) passed.push({ index, size, empty: true })
      if (proof.length > 1 && holds(leafOf(index), index, size, proof.toReversed())) passed.push({ index, size })
    }
    expect(passed).toEqual([])
  })

  it('let no inner node pass for a record', () => {
    const [left, right] = [leafOf(0), leafOf(1)]
    const forged = leafHash(Buffer.concat([left, right]))
    expect(rootOfInclusion(forged, { index: 0, size: 1, proof: [] })).not.toEqual(rootOf(2))
  })

  it('never throw over hostile numbers and hashes', () => {
    const numbers = fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger(), fc.constantFrom(2 ** 53, -0, Number.NaN))
    const hashes = fc.array(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      { maxLength: 70 },
    )
    fc.assert(
      fc.property(numbers, numbers, hashes, fc.uint8Array({ maxLength: 40 }), (index, size, proof, leaf) => {
        rootOfInclusion(Buffer.from(leaf), { index, size, proof })
        provesConsistency({ size: index, root: Buffer.from(leaf) }, { size, root: leafOf(0) }, proof)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('consistency proofs', () => {
  it('are those of the definition and hold, for every pair of trees', () => {
    for (let size = 0; size <= SIZE; size++) {
      for (let old = 0; old <= size; old++) {
        const proof = consistency(old, size)
        if (old > 0) expect(hex(proof)).toBe(hex(subproof(old, data.slice(0, size), true)))
        expect(provesConsistency({ size: old, root: rootOf(old) }, { size, root: rootOf(size) }, proof)).toBe(true)
      }
    }
  })

  it('hold for no other size, root or proof', () => {
    const passed: unknown[] = []
    for (let size = 1; size <= 24; size++) {
      for (let old = 0; old <= size; old++) {
        const [older, newer] = [
          { size: old, root: rootOf(old) },
          { size, root: rootOf(size) },
        ]
        const proof = consistency(old, size)
        const other = { size: old, root: sha(rootOf(old)) }
        if (provesConsistency(other, newer, proof)) passed.push({ old, size, root: 'old' })
        if (old > 0 && provesConsistency(older, { size, root: sha(rootOf(size)) }, proof)) passed.push({ old, size })
        if (provesConsistency(newer, older, proof) && old !== size) passed.push({ old, size, swapped: true })
        if (provesConsistency(older, newer, [...proof, rootOf(1)])) passed.push({ old, size, padded: true })
        for (const [i, hash] of proof.entries()) {
          if (provesConsistency(older, newer, proof.with(i, sha(hash)))) passed.push({ old, size, flipped: i })
          if (provesConsistency(older, newer, proof.toSpliced(i, 1))) passed.push({ old, size, cut: i })
        }
        for (let wrong = 1; wrong <= 24; wrong++) {
          if (wrong === old) continue
          if (provesConsistency({ size: wrong, root: rootOf(old) }, newer, proof)) passed.push({ old, size, wrong })
        }
      }
    }
    expect(passed).toEqual([])
  })

  it('do not exist towards a smaller tree', () => {
    expect(() => consistencyRanges(2, 1)).toThrow(RangeError)
    expect(() => inclusionRanges(1, 1)).toThrow(RangeError)
  })
})

describe('ranges over a pruned beginning', () => {
  it('prove every later record from the frontier alone, and say when they cannot', () => {
    for (let pruned = 0; pruned <= 32; pruned++) {
      const gone = new CompactRange()
      for (const leaf of leaves.slice(0, pruned)) gone.append(leaf)
      const levels = levelsOf(pruned)
      const rest = (ranges: readonly LeafRange[], size: number) => {
        const hashes = new RangeHashes(ranges)
        for (const [i, hash] of gone.frontier().entries()) hashes.append(hash, levels[i])
        for (const leaf of leaves.slice(pruned, size)) hashes.append(leaf)
        return hashes.hashes()
      }
      for (const size of [pruned + 1, pruned + 2, pruned + 7, 40]) {
        for (let index = pruned; index < size; index++) {
          expect(hex(rest(inclusionRanges(index, size), size))).toBe(hex(inclusion(index, size)))
        }
        for (let old = Math.max(pruned, 1); old <= size; old++) {
          expect(hex(rest(consistencyRanges(old, size), size))).toBe(hex(consistency(old, size)))
        }
      }
      if (pruned > 1) expect(() => rest(inclusionRanges(0, 40), 40)).toThrow(RangeError)
    }
  })

  it('need every leaf', () => {
    const hashes = new RangeHashes([{ from: 0, to: 2 }])
    hashes.append(leafOf(0))
    expect(() => hashes.hashes()).toThrow(RangeError)
  })
})

describe('proof files', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const signer = { name: 'example.org/log', publicKey, sign: (text: Buffer) => sign(null, text, privateKey) }
  const verifiers = [newVerifier(signer.name, publicKey)]
  const noteAt = (size: number, origin = signer.name) =>
    signNote(formatCheckpoint({ origin, size, root: rootOf(size) }), signer)
  const proof = { index: 5, hashes: inclusion(5, 11), note: noteAt(11) }
  const text = formatProof(proof)
  const line = data[5] as Buffer

  it('prove one record with nothing but the key of the log', () => {
    expect(parseProof(text)).toEqual(proof)
    expect(checkProof(parseProof(text), line, verifiers)).toMatchObject({ origin: signer.name, size: 11 })
    const single = { index: 0, hashes: [], note: noteAt(1) }
    expect(checkProof(parseProof(formatProof(single)), data[0] as Buffer, verifiers).size).toBe(1)
  })

  it('may carry extra data, which proves nothing', () => {
    const carried = { ...proof, extra: Buffer.from('hello') }
    expect(formatProof(carried)).toBe(text.replace('\nindex', '\nextra aGVsbG8=\nindex'))
    expect(parseProof(formatProof(carried))).toEqual(carried)
    expect(() => checkProof(carried, carried.extra, verifiers)).toThrow('does not lead')
  })

  it('pass with no other record, key, index or checkpoint', () => {
    const other = generateKeyPairSync('ed25519').publicKey
    expect(() => checkProof(proof, data[6] as Buffer, verifiers)).toThrow('does not lead')
    expect(() => checkProof({ ...proof, index: 4 }, line, verifiers)).toThrow('does not lead')
    expect(() => checkProof({ ...proof, index: 11 }, line, verifiers)).toThrow('does not lead')
    expect(() => checkProof({ ...proof, note: noteAt(12) }, line, verifiers)).toThrow('does not lead')
    expect(() => checkProof({ ...proof, note: noteAt(11, 'example.org/other') }, line, verifiers)).toThrow(
      'another log',
    )
    expect(() => checkProof(proof, line, [newVerifier(signer.name, other)])).toThrow('no known key')
  })

  const hash = proof.hashes[0]?.toString('base64') ?? ''
  const broken: readonly [string, string][] = [
    ['of another format', text.replace('@v1', '@v2')],
    ['without an index', text.replace('index 5\n', '')],
    ['with a padded index', text.replace('index 5', 'index 05')],
    ['with a negative index', text.replace('index 5', 'index -1')],
    ['with an index beyond counting', text.replace('index 5', 'index 9007199254740993')],
    ['with extra data that is not base64', text.replace('\nindex', '\nextra %\nindex')],
    ['with a short hash', text.replace(hash, hash.slice(4))],
    ['with a hash that is not base64', text.replace(hash, '*'.repeat(44))],
    ['with endless hashes', text.replace(hash, `${hash}\n`.repeat(60).trimEnd())],
    ['with CRLF', text.replaceAll('\n', '\r\n')],
    ['without a checkpoint', text.slice(0, text.indexOf('\n\n'))],
    ['of endless length', text + 'x'.repeat(300_000)],
    ['of nothing', ''],
  ]
  it.each(broken)('are refused when they are %s', (_, changed) => {
    expect(() => parseProof(changed)).toThrow(expect.objectContaining({ code: 'AUDIT_PROOF_INVALID' }))
  })

  it('pass with no byte changed', () => {
    const passed = [...Array(text.length).keys()].filter((at) => {
      const changed = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1)
      try {
        checkProof(parseProof(changed), line, verifiers)
        return true
      } catch {
        return false
      }
    })
    expect(passed).toEqual([])
  })
})
