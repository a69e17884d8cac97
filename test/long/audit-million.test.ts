import { spawnSync } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { openAuditLog } from '../../plugins/audit/log.js'
import { parseVerifierKey } from '../../plugins/audit/note.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { checkProof, parseProof } from '../../plugins/audit/proof.js'
import { newDir, TS } from '../plugins/audit-helpers.js'

const COUNT = 1_000_000
const MODULE = fileURLToPath(new URL('../../dist/plugins/audit/index.js', import.meta.url))
const PROVER = fileURLToPath(new URL('../../dist/plugins/audit/prover.js', import.meta.url))
const PROOF = fileURLToPath(new URL('../../dist/plugins/audit/proof.js', import.meta.url))
const PATHS = fileURLToPath(new URL('../../dist/plugins/audit/paths.js', import.meta.url))
/** Less than a tenth of the log. */
const HEAP_MIB = 32

it('a million records are verified, searched and proven by a process that cannot hold a tenth of them', async () => {
  expect(existsSync(MODULE)).toBe(true)
  const dir = newDir()
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const signer = { kid: 'k', publicKey, sign: (data: Buffer) => sign(null, data, privateKey) }
  const keys = { workspace: 'w', load: async () => ({ signer, mac: { kid: 'm', mac: () => '' } }) }
  const log = openAuditLog({ dir, thread: 'inline', keys, now: () => 0 })
  const text = 'x'.repeat(250)
  for (let n = 0; n < COUNT; n += 10_000) {
    const many = Array.from({ length: 10_000 }, (_, i) => ({ type: 'acme.note', ts: TS, call_id: `c${n + i}`, text }))
    await Promise.all(many.map((record) => log.append(record)))
  }
  await log.checkpoint()
  await log.close()
  const script = `
    const { openAuditLog } = await import(${JSON.stringify(MODULE)})
    const { proveRecord } = await import(${JSON.stringify(PROVER)})
    const { formatProof } = await import(${JSON.stringify(PROOF)})
    const { auditPaths } = await import(${JSON.stringify(PATHS)})
    const dir = ${JSON.stringify(dir)}
    const log = openAuditLog({ dir })
    const verified = await log.verify()
    const found = await log.find('c777777')
    const { proof } = await proveRecord(auditPaths(dir), 500_000)
    console.log(JSON.stringify({ verified, found, proof: formatProof(proof) }))
  `
  const child = spawnSync(process.execPath, [`--max-old-space-size=${HEAP_MIB}`, '--input-type=module', '-e', script], {
    encoding: 'utf8',
    maxBuffer: 1024 * 1024,
  })
  expect(child.stderr).toBe('')
  const { verified, found, proof } = JSON.parse(child.stdout)
  expect(verified).toMatchObject({ ok: true })
  expect(verified.entries).toBeGreaterThan(COUNT)
  expect(found).toHaveLength(1)
  const vkeys = readFileSync(auditPaths(dir).vkey, 'utf8').trimEnd().split('\n').map(parseVerifierKey)
  const parsed = parseProof(proof)
  expect(checkProof(parsed, parsed.extra ?? Buffer.alloc(0), vkeys).size).toBeGreaterThan(COUNT)
  expect(parsed.hashes.length).toBe(20)
})
