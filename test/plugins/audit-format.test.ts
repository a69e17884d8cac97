import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AuditRecord } from '../../kernel/contracts.js'
import { checkLine, encodeLine, encodeRecord, MAX_LINE, START, ZERO_HASH } from '../../plugins/audit/format.js'
import { decodeHead, EMPTY_HEAD, encodeHead, HEAD_BYTES } from '../../plugins/audit/head.js'
import { LineSplitter } from '../../plugins/audit/lines.js'
import { TS } from './audit-helpers.js'

const first = (body: string) => Buffer.from(encodeLine(body, 1, ZERO_HASH).line)

describe('a line of the audit log', () => {
  it('starts with v, seq and prev and ends in one line feed, whatever the record holds', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
        const { v: _v, seq: _s, prev: _p, toJSON: _t, ...rest } = fields
        const record = { ...rest, type: 'acme.note', ts: TS } as AuditRecord
        const { line, hash } = encodeLine(encodeRecord(record), 1, ZERO_HASH)
        expect(line).toMatch(/^\{"v":1,"seq":1,"prev":"0{64}",/)
        expect(line.indexOf('\n')).toBe(line.length - 1)
        expect(hash).toBe(createHash('sha256').update(line).digest('hex'))
        expect(checkLine(Buffer.from(line), START)).toEqual({ hash })
      }),
    )
  })

  const refused: [string, unknown, string][] = [
    ['a seq', { type: 'a.b', ts: TS, seq: 1 }, 'AUDIT_RECORD_INVALID'],
    ['a prev', { type: 'a.b', ts: TS, prev: 'x' }, 'AUDIT_RECORD_INVALID'],
    ['a v', { type: 'a.b', ts: TS, v: 1 }, 'AUDIT_RECORD_INVALID'],
    ['no type', { ts: TS }, 'AUDIT_RECORD_INVALID'],
    ['no ts', { type: 'a.b' }, 'AUDIT_RECORD_INVALID'],
    ['a type that is not dotted lower case', { type: 'A b', ts: TS }, 'AUDIT_RECORD_INVALID'],
    ['a type of the log itself', { type: 'log.genesis', ts: TS }, 'AUDIT_RECORD_INVALID'],
    ['a toJSON method', { type: 'a.b', ts: TS, toJSON: () => ({ seq: 9 }) }, 'AUDIT_RECORD_INVALID'],
    ['a value that JSON cannot say', { type: 'a.b', ts: TS, n: 1n }, 'AUDIT_RECORD_INVALID'],
    ['nothing', null, 'AUDIT_RECORD_INVALID'],
    ['more than a line holds', { type: 'a.b', ts: TS, x: 'x'.repeat(MAX_LINE) }, 'AUDIT_RECORD_TOO_LARGE'],
    ['more bytes than characters', { type: 'a.b', ts: TS, x: 'é'.repeat(MAX_LINE / 2) }, 'AUDIT_RECORD_TOO_LARGE'],
  ]
  it.each(refused)('refuses a record with %s', (_, record, code) => {
    expect(() => encodeRecord(record as AuditRecord)).toThrow(expect.objectContaining({ code }))
  })

  it('holds a record of exactly the limit at the highest sequence number, and not one byte more', () => {
    const fill = (size: number) => ({ type: 'a.b', ts: TS, x: 'x'.repeat(size) }) as AuditRecord
    const empty = encodeLine(encodeRecord(fill(0)), Number.MAX_SAFE_INTEGER, ZERO_HASH).line.length
    const full = encodeLine(encodeRecord(fill(MAX_LINE - empty)), Number.MAX_SAFE_INTEGER, ZERO_HASH).line
    expect(full.length).toBe(MAX_LINE)
    expect(() => encodeRecord(fill(MAX_LINE - empty + 1))).toThrow(
      expect.objectContaining({ code: 'AUDIT_RECORD_TOO_LARGE' }),
    )
  })

  const unfit: [string, Buffer][] = [
    ['a second seq', first('"ts":"t","type":"a","seq":7}')],
    ['a second prev', first(`"ts":"t","type":"a","prev":"${'1'.repeat(64)}"}`)],
    ['a second v', first('"ts":"t","type":"a","v":2}')],
    ['a carriage return between tokens', first('"ts":"t",\r"type":"a"}')],
    ['a raw NUL', first('"ts":"t","type":"a\0"}')],
    ['bytes that are not UTF-8', Buffer.from(encodeLine('"ts":"t","type":"a\u00ff"}', 1, ZERO_HASH).line, 'latin1')],
    ['no type', first('"ts":"t"}')],
    [
      'a sequence number with a leading zero',
      Buffer.from(`{"v":1,"seq":01,"prev":"${ZERO_HASH}","ts":"t","type":"a"}\n`),
    ],
    ['upper-case hex', Buffer.from(`{"v":1,"seq":1,"prev":"${'A'.repeat(64)}","ts":"t","type":"a"}\n`)],
    ['a space before the brace', Buffer.from(` ${encodeLine('"ts":"t","type":"a"}', 1, ZERO_HASH).line}`)],
    ['a gap in the sequence', Buffer.from(encodeLine('"ts":"t","type":"a"}', 2, ZERO_HASH).line)],
    ['another line before it', Buffer.from(encodeLine('"ts":"t","type":"a"}', 1, '1'.repeat(64)).line)],
    ['more than the limit', first(`"ts":"t","type":"a","x":"${'x'.repeat(MAX_LINE)}"}`)],
  ]
  it.each(unfit)('is not accepted with %s', (_, line) => {
    expect(checkLine(line, START)).toBeTypeOf('string')
  })
})

describe('the head of the audit log', () => {
  it('is of one length and reads back as it was written', () => {
    const position = fc.record({
      seq: fc.nat(),
      size: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      first: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      hash: fc.stringMatching(/^[0-9a-f]{64}$/),
    })
    fc.assert(
      fc.property(position, (head) => {
        expect(encodeHead(head)).toHaveLength(HEAD_BYTES)
        expect(decodeHead(encodeHead(head))).toEqual(head)
      }),
    )
  })

  it('is not read when a byte is missing, added or out of place', () => {
    const head = encodeHead(EMPTY_HEAD)
    for (let at = 0; at < head.length; at++) {
      expect(decodeHead(Buffer.concat([head.subarray(0, at), head.subarray(at + 1)]))).toBeUndefined()
      const changed = Buffer.from(head)
      changed[at] = 0x7f
      expect(decodeHead(changed)).toBeUndefined()
    }
    expect(decodeHead(Buffer.concat([head, Buffer.from('\n')]))).toBeUndefined()
  })
})

describe('cutting into lines', () => {
  it('gives the same lines and rest however the bytes arrive', () => {
    const text = fc
      .array(fc.constantFrom('a', 'bb', '\n', '\n\n', 'é'), { maxLength: 40 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }), (whole, sizes) => {
        const bytes = Buffer.from(whole)
        const splitter = new LineSplitter()
        const lines: string[] = []
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length] ?? 1
          for (const line of splitter.push(Buffer.from(bytes.subarray(at, at + size)))) lines.push(line.toString())
          at += size
        }
        expect(lines.join('') + splitter.rest.toString()).toBe(whole)
        expect(lines.every((line) => line.indexOf('\n') === line.length - 1)).toBe(true)
        expect(splitter.rest.includes(0x0a)).toBe(false)
      }),
    )
  })

  it('does not gather a line without end', () => {
    const splitter = new LineSplitter()
    const chunk = Buffer.alloc(MAX_LINE, 0x61)
    expect([...splitter.push(chunk)]).toHaveLength(0)
    expect([...splitter.push(chunk)]).toHaveLength(1)
    expect(splitter.rest).toHaveLength(0)
  })
})
