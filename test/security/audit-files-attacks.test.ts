import { chmodSync, cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readNote } from '../../plugins/audit/judge.js'
import { parseVerifierKey } from '../../plugins/audit/note.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { checkProof } from '../../plugins/audit/proof.js'
import { proveConsistency, proveRecord } from '../../plugins/audit/prover.js'
import { newPruner } from '../../plugins/audit/pruner.js'
import { listSegments, segmentPath } from '../../plugins/audit/segments.js'
import { verifyLog } from '../../plugins/audit/verify.js'
import { newDir, TS } from '../plugins/audit-helpers.js'
import { newCrime, newSigningKey, openSigned } from './audit-forge.js'

/** A log in four files, signed, with a key that was changed in the third, and what was remembered on the way. */
async function newScene() {
  const home = newDir()
  let key = newSigningKey()
  const first = key
  const log = openSigned(home, key, {
    keys: { workspace: 'w', load: async () => ({ signer: key, mac: { kid: 'm', mac: () => '' } }) },
  })
  const remembered: string[] = []
  for (let file = 0; file < 4; file++) {
    for (let n = 0; n < 10; n++) await log.append({ type: 'acme.note', ts: TS, file, n })
    remembered.push((await log.checkpoint())?.note ?? '')
    if (file === 2) {
      await log.changeKey(async () => {
        key = newSigningKey()
      })
      await log.append({ type: 'acme.note', ts: TS, file, n: 'new key' })
    }
    if (file < 3) await log.rotate()
  }
  const pruner = newPruner(auditPaths(home), log.appendOwn)
  return { dir: home, paths: auditPaths(home), log, remembered, pruner, keys: () => [first, key] }
}

const edit = (path: string, change: (text: string) => string) => {
  chmodSync(path, 0o600)
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}

describe('a log in several files', () => {
  it('is good, remembers every checkpoint, and proves every record of every file', async () => {
    const { log, paths, remembered } = await newScene()
    await log.close()
    expect(listSegments(paths)).toHaveLength(3)
    for (const since of remembered) expect((await verifyLog(paths, { since })).problem).toBeUndefined()
    const vkeys = readFileSync(paths.vkey, 'utf8').trimEnd().split('\n').map(parseVerifierKey)
    const { entries } = await verifyLog(paths)
    for (let seq = 1; seq < entries; seq += 5) {
      const { proof, line } = await proveRecord(paths, seq)
      expect(checkProof(proof, line, vkeys).size).toBe(entries - 1)
      expect(JSON.parse(line.toString())).toMatchObject({ seq })
    }
    for (const note of remembered) expect((await proveConsistency(paths, readNote(note))).newer.size).toBe(entries - 1)
  })

  const damages: readonly [string, string, (paths: ReturnType<typeof auditPaths>) => void][] = [
    [
      'a changed byte in a closed file',
      'tampered',
      (p) => edit(segmentPath(p, 1), (text) => text.replace('"n":4', '"n":5')),
    ],
    [
      'the last record of a closed file cut off',
      'tampered',
      (p) => edit(segmentPath(p, 1), (text) => text.slice(0, text.lastIndexOf('\n', text.length - 2) + 1)),
    ],
    ['a closed file cut in a line', 'tampered', (p) => edit(segmentPath(p, 1), (text) => text.slice(0, -5))],
    ['the oldest file deleted', 'truncated', (p) => rmSync(segmentPath(p, 1))],
    ['a file in the middle deleted', 'tampered', (p) => rmSync(listSegments(p)[1]?.path ?? '')],
    ['all closed files deleted', 'truncated', (p) => rmSync(p.segments, { recursive: true })],
    ['the written file deleted', 'truncated', (p) => rmSync(p.log)],
    [
      'two files swapped',
      'tampered',
      (p) => {
        const [, a, b] = listSegments(p)
        renameSync(a?.path ?? '', `${p.segments}/x`)
        renameSync(b?.path ?? '', a?.path ?? '')
        renameSync(`${p.segments}/x`, b?.path ?? '')
      },
    ],
    [
      'a copy of a closed file in place of the written one',
      'tampered',
      (p) => {
        rmSync(p.log)
        cpSync(listSegments(p)[1]?.path ?? '', p.log)
      },
    ],
  ]
  it.each(damages)('does not hide %s: %s', async (_, kind, damage) => {
    const { log, paths } = await newScene()
    await log.close()
    damage(paths)
    const { problem } = await verifyLog(paths)
    expect(problem?.kind).toBe(kind)
  })

  it('needs each key of its own to name the next', async () => {
    const { log, paths, keys } = await newScene()
    await log.close()
    const [first, last] = keys()
    const trusts = (trusted: typeof first) => async (key: NonNullable<typeof first>['publicKey']) =>
      trusted !== undefined && key.equals(trusted.publicKey)
    expect((await verifyLog(paths, { trusts: trusts(last) })).signed?.trust).toBe('known')
    expect((await verifyLog(paths, { trusts: trusts(first) })).problem?.kind).toBe('tampered')
  })

  it('that was pruned goes on being good, and proves what is left to whoever remembers', async () => {
    const { log, paths, pruner, remembered } = await newScene()
    const plan = await pruner.plan(Number.MAX_SAFE_INTEGER - 1)
    expect(plan.files.length).toBeGreaterThan(1)
    await pruner.prune(plan)
    await log.checkpoint()
    await log.close()
    const gone = plan.size
    expect(await verifyLog(paths)).toMatchObject({ ok: true, pruned: gone })
    const [old = '', , late = ''] = remembered
    expect((await verifyLog(paths, { since: late })).ok).toBe(true)
    expect((await verifyLog(paths, { since: old })).problem?.kind).toBe('unverifiable')
    const vkeys = readFileSync(paths.vkey, 'utf8').trimEnd().split('\n').map(parseVerifierKey)
    const { proof, line } = await proveRecord(paths, gone + 3)
    expect(checkProof(proof, line, vkeys).size).toBeGreaterThan(gone)
    await expect(proveRecord(paths, 3)).rejects.toMatchObject({ code: 'AUDIT_UNPROVABLE' })
    expect((await proveConsistency(paths, readNote(late))).hashes.length).toBeGreaterThan(0)
  })

  it('that was pruned is not good once the record of it is changed or another file goes', async () => {
    const { log, paths, pruner } = await newScene()
    const plan = await pruner.plan(Number.MAX_SAFE_INTEGER - 1)
    await pruner.prune({ files: plan.files.slice(0, 1), size: (plan.files[1]?.first ?? 0) - 1 })
    await log.close()
    expect((await verifyLog(paths)).ok).toBe(true)
    rmSync(plan.files[1]?.path ?? '')
    expect((await verifyLog(paths)).problem?.kind).toBe('truncated')
  })

  it('gives no proof from a log that its checkpoint does not sign', async () => {
    const { dir, remembered } = await newCrime()
    const paths = auditPaths(dir)
    edit(paths.log, (text) => text.replace('"n":4', '"n":5'))
    await expect(proveRecord(paths, 9)).rejects.toMatchObject({ code: 'AUDIT_PROOF_INVALID' })
    await expect(proveConsistency(paths, readNote(remembered))).rejects.toMatchObject({ code: 'AUDIT_PROOF_INVALID' })
    await expect(proveRecord(paths, 10_000)).rejects.toMatchObject({ code: 'AUDIT_UNPROVABLE' })
  })
})
