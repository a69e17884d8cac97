import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { auditPaths } from '../../plugins/audit/paths.js'
import { newPruner } from '../../plugins/audit/pruner.js'
import { verifyLog } from '../../plugins/audit/verify.js'
import { newDir, TS } from '../plugins/audit-helpers.js'
import {
  type Crime,
  install,
  installSigned,
  type LogRecord,
  newCrime,
  newSigningKey,
  openSigned,
  publish,
  readRecords,
} from './audit-forge.js'

const SCRIPT = fileURLToPath(new URL('../../docs/audit-verify.sh', import.meta.url))
const NEEDS = ['sh', 'openssl', 'basenc', 'sha256sum', 'split', 'od']
const missing = NEEDS.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0)
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(`CI needs ${missing.join(', ')}`)

function shell(dir: string, ...vkey: string[]) {
  const { status, stdout, stderr } = spawnSync('sh', [SCRIPT, dir, ...vkey], { encoding: 'utf8' })
  return { status, first: stdout.split('\n')[0] ?? '', stdout, stderr }
}

const vkeyOf = (dir: string) => readFileSync(auditPaths(dir).vkey, 'utf8').trimEnd()
const editText = (dir: string, from: string, to: string) => {
  const { log } = auditPaths(dir)
  writeFileSync(log, readFileSync(log, 'utf8').replace(from, to))
}
const changed = (records: LogRecord[], at: number) => records.with(at, { ...(records[at] as LogRecord), n: 999 })

describe.skipIf(missing.length > 0)(`the shell verifier (needs ${NEEDS.join(', ')})`, () => {
  const cases: readonly [string, string, (crime: Crime) => void | Promise<void>][] = [
    ['an untouched log', 'ok', () => {}],
    ['an edited record', 'tampered', ({ dir }) => editText(dir, '"n":7', '"n":8')],
    ['an edited text that hides a second prefix', 'tampered', ({ dir }) => editText(dir, '"n":7', '"n":7,"prev":"x"')],
    [
      'a deleted record',
      'tampered',
      ({ dir }) => editText(dir, `${readFileSync(auditPaths(dir).log, 'utf8').split('\n')[4]}\n`, ''),
    ],
    ['a chain made anew', 'tampered', ({ dir }) => install(dir, changed(readRecords(dir), 5))],
    ['a log cut under its checkpoint', 'truncated', ({ dir }) => install(dir, readRecords(dir).slice(0, 15))],
    ['a checkpoint of another log', 'tampered', async ({ dir }) => publish(dir, (await newCrime()).remembered)],
    [
      'a log signed by a forger',
      'tampered',
      ({ dir }) => installSigned(dir, changed(readRecords(dir), 5), newSigningKey()),
    ],
    ['a torn line', 'torn', ({ dir }) => appendFileSync(auditPaths(dir).log, '{"v":1')],
    ['no log', 'truncated', ({ dir }) => rmSync(auditPaths(dir).log)],
    ['an older, honest checkpoint', 'ok', ({ dir, remembered }) => publish(dir, remembered)],
  ]
  it.each(cases)('finds %s %s, and so does the other verifier', async (_, verdict, commit) => {
    const crime = await newCrime()
    const vkey = vkeyOf(crime.dir)
    await commit(crime)
    const { status, first, stderr } = shell(crime.dir, vkey)
    expect([first.split(':')[0], stderr, status]).toEqual([verdict, '', verdict === 'ok' ? 0 : 5])
    const trusts = async (key: Crime['key']['publicKey']) => key.equals(crime.key.publicKey)
    const { problem } = await verifyLog(auditPaths(crime.dir), { trusts })
    // A log that lost all records but kept its head is cut short for one and gone for the other: the word is the same.
    expect(problem?.kind ?? 'ok').toBe(verdict)
  })

  it('follows closed files and the key that was named last, and says what pruning hides from it', async () => {
    const dir = newDir()
    let key = newSigningKey()
    const mac = { kid: 'm', mac: () => '' }
    const log = openSigned(dir, key, { keys: { workspace: 'w', load: async () => ({ signer: key, mac }) } })
    for (let n = 0; n < 9; n++) await log.append({ type: 'acme.note', ts: TS, n, text: '\u2028 é "prev":"x" \\u0041' })
    await log.rotate()
    await log.changeKey(async () => {
      key = newSigningKey()
    })
    for (let n = 0; n < 9; n++) await log.append({ type: 'acme.note', ts: TS, n })
    await log.rotate()
    const pruner = newPruner(auditPaths(dir), log.appendOwn)
    const plan = await pruner.plan(Number.MAX_SAFE_INTEGER - 1)
    await log.checkpoint()
    expect(shell(dir).stdout).toMatch(
      /^ok: \d+ records, unbroken\nsigned: records 1 to \d+ by the key that lies beside/,
    )
    await pruner.prune(plan)
    await log.close()
    expect(shell(dir, vkeyOf(dir).split('\n').at(-1) ?? '').stdout).toMatch(/^ok: .*\nnot checked: .*pruned/)
    expect((await verifyLog(auditPaths(dir))).ok).toBe(true)
  })

  it('ends 2 when it is used wrongly', () => {
    expect(shell('/nowhere').status).toBe(2)
  })
})
