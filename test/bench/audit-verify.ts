// Verification of the audit log against one pass of SHA-256 over the same bytes.
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAuditLog } from 'cloned/plugins/audit'
import { flight, interleave, type Row, ratio, us } from './harness.js'

const RECORDS = 60_000

/** What the gate records of an ordinary call. */
function intent(n: number) {
  const token = `hmac-sha256:0123456789abcdef:${'d'.repeat(64)}`
  return {
    type: 'tool.intent',
    ts: '2026-01-01T00:00:00.000Z',
    call_id: `call-${n}-0123456789abcdef`,
    instance: 'instance-0123456789abcdef',
    kind: 'tool',
    target: 'cloned.internal.fs.read@v1',
    contract: 'a'.repeat(64),
    risk: 'low',
    actor: { id: 'agent:reader', claimed: true, os_user: 'alice' },
    digest: token,
    args: token,
    ballot: [
      { plugin: 'cloned.policy', hook: 'beforeToolCall', effect: 'allow', rule: 'personal/read' },
      { plugin: 'cloned.budgets', hook: 'beforeToolCall', effect: 'abstain' },
    ],
  }
}

export async function auditVerifyBench(): Promise<Row[]> {
  const signedDir = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  const plainDir = mkdtempSync(join(tmpdir(), 'cloned-bench-'))
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const signer = { kid: 'bench', publicKey, sign: (data: Buffer) => sign(null, data, privateKey) }
  const load = async () => ({ signer, mac: { kid: 'bench', mac: () => '' } })
  const rotate = { bytes: Number.MAX_SAFE_INTEGER }
  const signed = openAuditLog({ dir: signedDir, rotate, keys: { workspace: 'bench', load } })
  const plain = openAuditLog({ dir: plainDir, rotate })
  for (const log of [signed, plain]) {
    await flight(RECORDS, 512, (n) => log.append(intent(n)))
    await log.close()
  }
  const check = async (log: typeof signed, full = false) => {
    const { ok } = await log.verify({ full })
    if (!ok) throw new Error('the log of the bench is not good')
  }
  const path = join(signedDir, 'audit.log')
  const medians = await interleave(
    [
      { name: 'sha256', run: () => void hashFile(path) },
      { name: 'chain', run: () => check(plain) },
      { name: 'signed', run: () => check(signed) },
      { name: 'full', run: () => check(signed, true) },
    ],
    1,
    9,
  )
  const of = (name: string) => medians.get(name) ?? Number.NaN
  const size = `${(statSync(path).size / 1024 / 1024).toFixed(0)} MiB, ${RECORDS} records`
  rmSync(signedDir, { recursive: true, force: true })
  rmSync(plainDir, { recursive: true, force: true })
  return [
    ratio('audit verify, chain, against SHA-256 of the file', of('sha256') / of('chain'), { atLeast: 0.3 }, size),
    {
      what: 'audit verify, chain and signed tree',
      figure: of('sha256') / of('signed'),
      measured: `${(of('sha256') / of('signed')).toFixed(2)} of SHA-256, ${us(of('signed') / RECORDS)} a record`,
    },
    ratio(
      'audit verify --full against SHA-256 of the file',
      of('sha256') / of('full'),
      { atLeast: 0.1 },
      us(of('full') / RECORDS),
    ),
  ]
}

function hashFile(path: string): string {
  const hash = createHash('sha256')
  const [fd, buffer] = [openSync(path, 'r'), Buffer.allocUnsafe(1024 * 1024)]
  for (let at = 0; ; ) {
    const read = readSync(fd, buffer, 0, buffer.length, at)
    if (read === 0) break
    hash.update(buffer.subarray(0, read))
    at += read
  }
  closeSync(fd)
  return hash.digest('hex')
}
