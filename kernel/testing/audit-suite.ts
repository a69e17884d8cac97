// The rules that every audit log keeps, as cases for any test runner; must never rely on how a log stores its records.
import assert from 'node:assert/strict'
import type { AuditLog, AuditRecord, Receipt } from '../contracts.js'
import { sha256 } from '../json.js'
import { type ContractCase, contractCase } from './case.js'

/** A log under test, empty but for what it writes of its own. */
export interface AuditSubject {
  readonly log: AuditLog
  /** Closes the log and opens it again on the same storage. Leave out for a log that outlives nothing. */
  reopen?(): Promise<AuditLog>
  /** Makes the storage fail from now on. Leave out when it cannot be made to. */
  breakIt?(): Promise<void> | void
  /** Ends the log and removes what it stored. Called after every case. */
  close(): Promise<void> | void
}

const HASH = /^[0-9a-f]{64}$/
const TOKEN = /^hmac-sha256:[A-Za-z0-9._-]{1,64}:[0-9a-f]{64}$/
const TS = '2026-01-01T00:00:00.000Z'

function entry(type: string, fields: Omit<AuditRecord, 'type' | 'ts'> = {}): AuditRecord {
  return { type, ts: TS, ...fields }
}

function intent(callId: string, instance: string): AuditRecord {
  return entry('tool.intent', { call_id: callId, instance })
}

function outcome(callId: string, status: string): AuditRecord {
  return entry('tool.outcome', { call_id: callId, status })
}

/** The contract of slot `cloned.audit`. `make` is called once per case and answers a fresh log. */
export function auditSuite(make: () => Promise<AuditSubject> | AuditSubject): readonly ContractCase[] {
  const rule = (name: string, check: (subject: AuditSubject) => Promise<void>) => contractCase(name, make, check)
  return [
    rule('answers seq, hash and durable for a record', async ({ log }) => {
      const receipt = await log.append(entry('acme.note'))
      assert.deepEqual(Object.keys(receipt).sort(), ['durable', 'hash', 'seq'])
      assert.equal(receipt.durable, true)
      assert.ok(Number.isSafeInteger(receipt.seq) && receipt.seq > 0, `seq is ${receipt.seq}`)
      assert.match(receipt.hash, HASH)
    }),
    rule('gives higher sequence numbers to later calls', async ({ log }) => {
      const receipts = await Promise.all(Array.from({ length: 50 }, (_, n) => log.append(entry('acme.note', { n }))))
      assertRising(receipts)
    }),
    rule('settles appends in the order of the calls', async ({ log }) => {
      const settled: number[] = []
      await Promise.all(
        Array.from({ length: 20 }, (_, n) => log.append(entry('acme.note', { n })).then(() => settled.push(n))),
      )
      assert.deepEqual(
        settled,
        [...settled].sort((a, b) => a - b),
      )
    }),
    rule('keeps a record as it was when it was handed in', async ({ log }) => {
      const record = { ...intent('call-1', 'i1'), digest: 'before' }
      const appended = log.append(record)
      record.digest = 'after'
      await appended
      assert.equal((await log.find('call-1'))[0]?.record['digest'], 'before')
    }),
    rule('gives every kind of JSON text back unchanged', async ({ log }) => {
      const text = `line\nfeed\r tab\t nul\u0000 quote" back\\ \u2028\u2029 \u001b[31m \u{1f600} "prev":"${'0'.repeat(64)}"`
      await log.append({ ...intent('call-1', 'i1'), note: { text, list: [null, true, 1.5, -0.25e-7] } })
      const [found] = await log.find('call-1')
      assert.deepEqual(found?.record['note'], { text, list: [null, true, 1.5, -0.25e-7] })
    }),
    rule('refuses records that carry v, seq or prev, and goes on', async ({ log }) => {
      for (const key of ['v', 'seq', 'prev']) await assert.rejects(log.append(entry('acme.note', { [key]: 1 })), key)
      assert.equal((await log.append(entry('acme.note'))).durable, true)
    }),
    rule('finds every record of a call, oldest first, and of no other', async ({ log }) => {
      const first = await log.append(intent('call-1', 'i1'))
      await log.append({ ...intent('call-2', 'i1'), note: '"call_id":"call-1"', about: { call_id: 'call-1' } })
      const last = await log.append(outcome('call-1', 'done'))
      const found = await log.find('call-1')
      assert.deepEqual(
        found.map(({ seq, hash }) => ({ seq, hash, durable: true })),
        [first, last],
      )
      assert.deepEqual(
        found.map(({ record }) => record['type']),
        ['tool.intent', 'tool.outcome'],
      )
      assert.deepEqual(await log.find('call'), [])
    }),
    rule('finds every record of an approval, from a sequence on', async ({ log }) => {
      const receipts = [
        await log.append({ ...entry('approval.decided'), approval: 'ap_1' }),
        await log.append({ ...intent('call-1', 'i1'), approval: 'ap_1' }),
        await log.append({ ...outcome('ap_1', 'done'), about: { approval: 'ap_1' } }),
      ]
      await log.append({ ...intent('call-2', 'i1'), approval: 'ap_2', about: { approval: 'ap_1' } })
      const seqs = receipts.map(({ seq }) => seq)
      for (const [i, from] of seqs.entries()) {
        assert.deepEqual(
          (await log.find('ap_1', from)).map(({ seq }) => seq),
          seqs.slice(i),
        )
      }
      assert.deepEqual(await log.find('ap_1', (seqs.at(-1) ?? 0) + 1), [])
    }),
    rule('finds every record of an actor, and of no other', async ({ log }) => {
      const by = (id: string) => ({ actor: { id, claimed: false, os_user: 'ada' } })
      const first = await log.append({ ...intent('call-1', 'i1'), ...by('run:1') })
      await log.append({
        ...intent('call-2', 'i1'),
        ...by('run:12'),
        note: '"actor":{"id":"run:1"',
        about: by('run:1'),
      })
      const last = await log.append({ ...outcome('call-1', 'done'), ...by('run:1') })
      assert.deepEqual(
        (await log.find('run:1')).map(({ seq }) => seq),
        [first.seq, last.seq],
      )
    }),
    rule('tells every record in its order, from a sequence on', async ({ log }) => {
      const receipts = [await log.append(entry('acme.one')), await log.append(entry('acme.two', { n: 2 }))]
      const told = async (from?: number) => {
        const found: string[] = []
        for await (const { seq, hash, record } of log.scan(from)) found.push(`${seq} ${hash} ${record['type']}`)
        return found
      }
      const [one, two] = receipts.map(({ seq, hash }, i) => `${seq} ${hash} acme.${i === 0 ? 'one' : 'two'}`)
      assert.deepEqual((await told()).slice(-2), [one, two])
      assert.deepEqual(await told(receipts[1]?.seq), [two])
      assert.deepEqual(await told((receipts[1]?.seq ?? 0) + 1), [])
    }),
    rule('finds the newest record of a type, and not what only names it', async ({ log }) => {
      assert.equal(await log.latest('acme.note'), undefined)
      await log.append(entry('acme.note', { n: 1 }))
      const second = await log.append(entry('acme.note', { n: 2 }))
      await log.append(entry('acme.other', { about: { type: 'acme.note' }, text: '"type":"acme.note"' }))
      const found = await log.latest('acme.note')
      assert.deepEqual([found?.seq, found?.hash, found?.record['n']], [second.seq, second.hash, 2])
    }),
    rule('stands the same token for the same value of a field, and another for every other', ({ log }) => {
      const values = ['true', 'false', '1', '0', '""', '"a"', '{"a":1}', 'null', '"\\u0000"']
      const tokens = ['args', 'result', 'argsx'].flatMap((field) => values.map((value) => log.token(field, value)))
      for (const token of tokens) assert.match(token, TOKEN)
      assert.equal(new Set(tokens).size, tokens.length)
      assert.equal(log.token('args', 'true'), tokens[0])
      // Without the key nobody can try out what was recorded.
      for (const value of values) assert.ok(!tokens.some((token) => token.includes(sha256(value))))
      return Promise.resolve()
    }),
    rule('lists the calls of the instances asked for, with the last outcome', async ({ log }) => {
      await log.append(intent('a', 'i1'))
      await log.append({ ...intent('b', 'i2'), about: { instance: 'i1' } })
      await log.append(intent('c', 'i1'))
      await log.append(outcome('a', 'indeterminate'))
      await log.append(outcome('b', 'done'))
      await log.append(outcome('a', 'done'))
      await log.append({
        ...entry('acme.note', { call_id: 'c', status: 'done' }),
        about: { type: 'tool.outcome', call_id: 'c' },
      })
      const calls = await log.calls(['i1', 'nobody'])
      assert.deepEqual(
        calls.map(({ callId, outcome }) => [callId, outcome?.record['status']]),
        [
          ['a', 'done'],
          ['c', undefined],
        ],
      )
      assert.deepEqual(await log.calls([]), [])
    }),
    rule('survives being opened again', async ({ log, reopen }) => {
      if (!reopen) return
      const before = await log.append(intent('call-1', 'i1'))
      const again = await reopen()
      const after = await again.append(outcome('call-1', 'done'))
      assertRising([before, after])
      assert.deepEqual(
        (await again.find('call-1')).map(({ hash }) => hash),
        [before.hash, after.hash],
      )
    }),
    rule('rejects every record after the storage failed', async ({ log, breakIt }) => {
      if (!breakIt) return
      await log.append(entry('acme.note'))
      await breakIt()
      for (let n = 0; n < 3; n++) await assert.rejects(log.append(entry('acme.note', { n })))
    }),
  ]
}

/** A log may write records of its own in between. */
function assertRising(receipts: readonly Receipt[]): void {
  for (const [n, { seq }] of receipts.entries()) assert.ok(n === 0 || seq > (receipts[n - 1]?.seq ?? 0), `${seq}`)
  assert.equal(new Set(receipts.map(({ hash }) => hash)).size, receipts.length)
}
