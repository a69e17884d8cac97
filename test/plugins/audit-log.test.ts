import { appendFileSync, readdirSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Receipt } from '../../kernel/contracts.js'
import type { Batch, Written } from '../../plugins/audit/batch.js'
import { openAuditLog } from '../../plugins/audit/log.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import type { Transport } from '../../plugins/audit/transport.js'
import { linesOf, newDir, readLog, recordsOf, TS, verifyDir } from './audit-helpers.js'

const note = (n: number, fields: object = {}) => ({ type: 'acme.note', ts: TS, n, ...fields })

/** A transport that answers when told to. */
function heldTransport() {
  const batches: Batch[] = []
  let seq = 0
  let settle: { resolve(written: Written): void; reject(error: Error): void } | undefined
  const transport: Transport = {
    write: (batch) => {
      batches.push(batch)
      return new Promise((resolve, reject) => {
        settle = { resolve, reject }
      })
    },
    tree: async () => undefined,
    rotate: async () => false,
    close: async () => {},
  }
  const turn = () => new Promise(setImmediate)
  return {
    batches,
    transport,
    turn,
    answer: (change: (receipts: readonly Receipt[]) => readonly Receipt[] = (receipts) => receipts) => {
      const receipts = (batches.at(-1)?.bodies ?? []).map(
        () => ({ seq: ++seq, hash: 'a'.repeat(64), durable: true }) as const,
      )
      settle?.resolve({ receipts: change(receipts), size: seq, bytes: 0, first: 1, began: TS, checkpointed: false })
    },
    fail: (error: Error) => settle?.reject(error),
  }
}

describe('group commit', () => {
  const open = (transport: Transport) => openAuditLog({ dir: newDir(), transport: async () => transport, now: () => 0 })

  it('puts what is appended in one turn into one batch, and what comes meanwhile into the next', async () => {
    const { batches, transport, turn, answer } = heldTransport()
    const log = open(transport)
    const first = [log.append(note(1))]
    // Still the same turn: those who were answered together append after some promises of their own.
    for (let hop = 0; hop < 10; hop++) await Promise.resolve()
    first.push(log.append(note(2)))
    await turn()
    await turn()
    const second = [log.append(note(3)), log.append(note(4)), log.append(note(5))]
    await turn()
    expect(batches.map(({ bodies }) => bodies.length)).toEqual([2])
    answer()
    await Promise.all(first)
    await turn()
    await turn()
    expect(batches.map(({ bodies }) => bodies.length)).toEqual([2, 3])
    answer()
    expect((await Promise.all([...first, ...second])).map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
    expect(batches[0]?.ts).toBe('1970-01-01T00:00:00.000Z')
  })

  it('rejects everything that waits, and everything later, when a batch fails', async () => {
    const { batches, transport, turn, fail } = heldTransport()
    const log = open(transport)
    const inFlight = log.append(note(1))
    await turn()
    await turn()
    const waiting = log.append(note(2))
    fail(new Error('EIO: injected'))
    const poisoned = { code: 'AUDIT_POISONED', message: expect.stringContaining('EIO: injected') }
    for (const append of [inFlight, waiting, log.append(note(3))]) await expect(append).rejects.toMatchObject(poisoned)
    await turn()
    await expect(log.append(note(4))).rejects.toMatchObject(poisoned)
    expect(batches).toHaveLength(1)
  })

  it('takes an answer for fewer records than were sent as a failure', async () => {
    const { transport, turn, answer } = heldTransport()
    const log = open(transport)
    const appends = [log.append(note(1)), log.append(note(2))]
    await turn()
    await turn()
    answer((receipts) => receipts.slice(1))
    for (const append of appends) await expect(append).rejects.toMatchObject({ code: 'AUDIT_POISONED' })
  })

  it('closes the way to the writer after the last answer, not before', async () => {
    const { transport, turn, answer } = heldTransport()
    const order: string[] = []
    const log = open({ ...transport, close: async () => void order.push('closed') })
    const appended = log.append(note(1)).then(() => order.push('answered'))
    await turn()
    await turn()
    const closing = log.close()
    await turn()
    expect(order).toEqual([])
    answer()
    await Promise.all([appended, closing])
    expect(order.sort()).toEqual(['answered', 'closed'])
  })

  it('finishes what is in flight before it closes, and accepts nothing after', async () => {
    const dir = newDir()
    const log = openAuditLog({ dir, thread: 'inline' })
    const appends = [log.append(note(1)), log.append(note(2))]
    const closed = log.close()
    await expect(log.append(note(3))).rejects.toMatchObject({ code: 'AUDIT_CLOSED' })
    await closed
    expect((await Promise.all(appends)).map(({ seq }) => seq)).toEqual([2, 3])
    await log.close()
    await openAuditLog({ dir }).close()
  })

  it('goes on after a record that it refused', async () => {
    const log = openAuditLog({ dir: newDir(), thread: 'inline' })
    await expect(log.append(note(1, { x: 'x'.repeat(70_000) }))).rejects.toMatchObject({
      code: 'AUDIT_RECORD_TOO_LARGE',
    })
    await expect(log.append(note(1, { seq: 1 }))).rejects.toMatchObject({ code: 'AUDIT_RECORD_INVALID' })
    expect((await log.append(note(2))).seq).toBe(2)
    await log.close()
  })
})

describe('reading the audit log', () => {
  it('answers nothing and creates nothing where there is no log', async () => {
    const dir = newDir()
    const log = openAuditLog({ dir })
    expect(await log.find('x')).toEqual([])
    expect(await log.calls(['x'])).toEqual([])
    expect(await log.last(5)).toEqual({ records: [], next: { first: 1, offset: 0 } })
    expect(readdirSync(dir)).toEqual([])
  })

  it('gives the last records, and later those that came since', async () => {
    const log = openAuditLog({ dir: newDir(), thread: 'inline' })
    // Longer than one chunk, so that the search for the beginning goes back over several.
    await Promise.all(Array.from({ length: 40 }, (_, n) => log.append(note(n, { text: 'x'.repeat(30_000) }))))
    for (const count of [1, 2, 20, 40, 41, 1_000]) {
      const { records } = await log.last(count)
      expect(records).toHaveLength(Math.min(count, 41))
      expect(records.at(-1)).toMatchObject({ seq: 41, record: { n: 39 } })
    }
    const { next } = await log.last(1)
    expect(await log.since(next)).toEqual({ records: [], next })
    await log.append(note(40))
    expect((await log.since(next)).records.map(({ record }) => record['n'])).toEqual([40])
    await log.close()
  })

  it('leaves an incomplete last line out', async () => {
    const dir = newDir()
    const log = openAuditLog({ dir, thread: 'inline' })
    await log.append(note(1, { call_id: 'c' }))
    appendFileSync(auditPaths(dir).log, '{"v":1,"seq":3,"call_id":"c"')
    expect(await log.find('c')).toHaveLength(1)
    expect((await log.last(10)).records).toHaveLength(2)
    await log.close()
  })

  it('says where the log is damaged rather than skip a line of the call', async () => {
    const dir = newDir()
    const log = openAuditLog({ dir, thread: 'inline' })
    await log.append(note(1, { call_id: 'c' }))
    const offset = readLog(dir).length
    appendFileSync(auditPaths(dir).log, '{"call_id":"c",\n')
    await expect(log.find('c')).rejects.toMatchObject({ code: 'AUDIT_DAMAGED', params: { offset } })
    await log.close()
  })

  it('reads on, and verifies, when the log can no longer be written', async () => {
    const dir = newDir()
    const log = openAuditLog({ dir, thread: 'inline' })
    await log.append(note(1, { call_id: 'c' }))
    appendFileSync(auditPaths(dir).log, '{}\n')
    await expect(log.append(note(2))).rejects.toMatchObject({ code: 'AUDIT_POISONED' })
    expect(await log.find('c')).toHaveLength(1)
    expect(await log.verify()).toMatchObject({ ok: false, entries: 2, problem: { kind: 'tampered', line: 3 } })
    await log.close()
  })
})

describe('the writer thread', () => {
  // Needs the build: a thread cannot be started from TypeScript sources.
  const built = async () => {
    const url = pathToFileURL(new URL('../../dist/plugins/audit/log.js', import.meta.url).pathname).href
    return (await import(/* @vite-ignore */ url)) as typeof import('../../plugins/audit/log.js')
  }

  it('writes what the inline writer would', async () => {
    const { openAuditLog } = await built()
    const dir = newDir()
    const log = openAuditLog({ dir })
    const receipts = await Promise.all(Array.from({ length: 200 }, (_, n) => log.append(note(n))))
    await log.close()
    expect(receipts.map(({ seq }) => seq)).toEqual(Array.from({ length: 200 }, (_, n) => n + 2))
    expect(linesOf(readLog(dir))).toHaveLength(201)
    expect(await verifyDir(dir)).toMatchObject({ ok: true, entries: 201, lastHash: receipts.at(-1)?.hash })
  })

  it('takes turns with another log of the same process', async () => {
    const { openAuditLog } = await built()
    const dir = newDir()
    const logs = [openAuditLog({ dir }), openAuditLog({ dir })]
    await Promise.all(Array.from({ length: 100 }, (_, n) => logs[n % 2]?.append(note(n))))
    await Promise.all(logs.map((log) => log.close()))
    expect(recordsOf(dir)).toHaveLength(101)
    expect(await verifyDir(dir)).toMatchObject({ ok: true, entries: 101 })
  })

  it('hands its failures over and ends at close', async () => {
    const { openAuditLog } = await built()
    const dir = newDir()
    const log = openAuditLog({ dir })
    await log.append(note(1))
    appendFileSync(auditPaths(dir).log, '{}\n')
    const refused = {
      code: 'AUDIT_POISONED',
      message: expect.stringContaining('does not start as lines of the log do'),
    }
    await expect(log.append(note(2))).rejects.toMatchObject(refused)
    await expect(log.append(note(3))).rejects.toMatchObject(refused)
    await log.close()
    await log.close()
  })
})
