import { appendFileSync, chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { compileSchema, type JsonObject } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { space } from '../../plugins/audit/checks.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { printable, summary } from '../../plugins/audit/text.js'
import { boot, context } from './audit-fixture.js'
import { newDir, recordsOf, TS } from './audit-helpers.js'

const note = (n: number) => ({ type: 'acme.note', ts: TS, n })

describe('the audit plugin in the kernel', () => {
  it('provides the audit slot and creates nothing before the first record', async () => {
    const dir = newDir()
    const { audit, kernel } = await boot(dir)
    await audit.append(note(1))
    expect(recordsOf(dir).map(({ type }) => type)).toEqual(['log.genesis', 'log.open', 'acme.note'])
    await kernel.stop()
    await expect(audit.append(note(2))).rejects.toMatchObject({ code: 'AUDIT_CLOSED' })
  })

  it('records a refused call of an unknown tool', async () => {
    const dir = newDir()
    const { kernel } = await boot(dir)
    const outcome = await kernel.call({ tool: 'acme.no.tool@v1', input: {} })
    expect(outcome).toMatchObject({ status: 'denied', code: 'TOOL_UNKNOWN' })
    expect(recordsOf(dir).at(-1)).toMatchObject({ status: 'denied', code: 'TOOL_UNKNOWN', call_id: outcome.callId })
  })

  it('starts on a damaged log, says what is wrong, and records nothing more', async () => {
    const dir = newDir()
    const first = await boot(dir)
    await first.audit.append(note(1))
    await first.kernel.stop()
    const size = readFileSync(auditPaths(dir).log).length
    appendFileSync(auditPaths(dir).log, '{}\n')

    const { audit, command, checks, kernel } = await boot(dir)
    const verified = await command('audit verify').run(context())
    expect(verified.exit).toBe(5)
    expect(verified.text.split('\n')[0]).toBe(
      `tampered: line 6 (byte ${size}): a line does not start as lines of the log do`,
    )
    expect(verified.json).toMatchObject({ ok: false, entries: 5, problem: { kind: 'tampered', line: 6, offset: size } })
    await expect(audit.append(note(2))).rejects.toMatchObject({ code: 'AUDIT_POISONED' })
    const chain = checks().find(({ id }) => id === 'audit.chain')
    expect(await chain?.run()).toMatchObject({ level: 'fail', fix: 'cloned audit verify' })
    expect(await kernel.call({ tool: 'acme.no.tool@v1', input: {} })).toMatchObject({ status: 'denied' })
  })

  it.skipIf(process.getuid?.() === 0)(
    'says in doctor that the log cannot be written (not as root, who can)',
    async () => {
      const dir = newDir()
      const { audit, checks } = await boot(dir)
      await audit.append(note(1))
      const check = checks().find(({ id }) => id === 'audit.write')
      expect(await check?.run()).toMatchObject({ level: 'ok' })
      chmodSync(auditPaths(dir).log, 0o400)
      expect(await check?.run()).toMatchObject({ level: 'fail', message: expect.stringContaining('EACCES') })
    },
  )

  it('refuses to start on a log that others can read', async () => {
    const dir = newDir()
    writeFileSync(auditPaths(dir).log, '', { mode: 0o644 })
    await expect(boot(dir)).rejects.toMatchObject({
      code: 'AUDIT_UNSAFE',
      message: expect.stringContaining('mode 644'),
    })
  })
})

describe('audit verify', () => {
  it('ends 0 with the number of records on a sound log', async () => {
    const { audit, command } = await boot(newDir())
    const { hash } = await audit.append(note(1))
    const result = await command('audit verify').run(context())
    expect(result).toMatchObject({ json: { ok: true, entries: 3, last_hash: hash } })
    expect(result.exit ?? 0).toBe(0)
    expect(result.text).toContain('ok: 3 records')
  })

  const problems: [string, (dir: string) => void][] = [
    ['torn', (dir) => appendFileSync(auditPaths(dir).log, '{"v"')],
    ['truncated', (dir) => rmSync(auditPaths(dir).log)],
    ['unverifiable', (dir) => rmSync(auditPaths(dir).head)],
    [
      'tampered',
      (dir) => writeFileSync(auditPaths(dir).log, readFileSync(auditPaths(dir).log, 'utf8').replace('acme', 'acne')),
    ],
  ]
  it.each(problems)('names a log that is %s in its first line and ends 5', async (kind, damage) => {
    const dir = newDir()
    const { audit, command } = await boot(dir)
    await audit.append(note(1))
    damage(dir)
    const result = await command('audit verify').run(context())
    expect(result.exit).toBe(5)
    expect(result.text.split('\n')[0]).toMatch(new RegExp(`^${kind}: line \\d+ \\(byte \\d+\\): .`))
  })
})

describe('audit tail', () => {
  it('shows the last records, for people and for machines', async () => {
    const { audit, command } = await boot(newDir())
    for (let n = 0; n < 30; n++) await audit.append(note(n))
    const shown = await command('audit tail').run(context())
    expect(shown.text.split('\n')).toHaveLength(20)
    const { json } = await command('audit tail').run(context({ options: { lines: '3' }, json: true }))
    expect(json).toMatchObject({ records: [{ seq: 30 }, { seq: 31 }, { seq: 32, record: { n: 29 } }] })
  })

  it.each(['0', '-1', '1.5', 'x', '10001', ''])('refuses --lines %j', async (lines) => {
    const { command } = await boot(newDir())
    await expect(command('audit tail').run(context({ options: { lines } }))).rejects.toThrow(
      'whole number from 1 to 10000',
    )
  })

  it('follows what is appended until it is interrupted', async () => {
    const { audit, command } = await boot(newDir())
    await audit.append(note(1))
    const abort = new AbortController()
    const lines: string[] = []
    const print = (line: string) => {
      lines.push(line)
      if (lines.length === 3) void audit.append(note(2))
      if (lines.length === 4) abort.abort()
    }
    await command('audit tail').run(context({ options: { follow: true }, signal: abort.signal, print }))
    expect(lines.map((line) => line.split('  ')[0])).toEqual(['1', '2', '3', '4'])
  })

  it('never lets a record steer the terminal', () => {
    const hostile = '\u001b[2J\u009b31m\r\n\u202e\u2028\u200b\u0000'
    const line = summary({
      seq: 1,
      hash: '',
      record: { type: hostile, ts: hostile, target: hostile, actor: { id: hostile } },
    })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e\u200b]/)
    expect(printable('plain text, ümlaut 漢字')).toBe('plain text, ümlaut 漢字')
  })
})

describe('the check of free space', () => {
  const MIB = 1024 * 1024
  it.each([
    [256 * MIB, 'ok'],
    [256 * MIB - 1, 'warn'],
    [16 * MIB, 'warn'],
    [16 * MIB - 1, 'fail'],
    [0, 'fail'],
  ] as const)('answers for %d bytes: %s', (free, level) => {
    expect(space(free).level).toBe(level)
  })
})

describe('schemas/audit_entry.schema.json', () => {
  const path = fileURLToPath(new URL('../../schemas/audit_entry.schema.json', import.meta.url))
  const problems = compileSchema(JSON.parse(readFileSync(path, 'utf8')) as JsonObject)
  const head = { v: 1, seq: 1, prev: '0'.repeat(64), ts: TS }

  it('accepts what the plugin and the gate write', async () => {
    const dir = newDir()
    const { kernel } = await boot(dir)
    await kernel.call({ tool: 'acme.no.tool@v1', input: {}, actor: 'agent:a' })
    appendFileSync(auditPaths(dir).log, '{"v":1,')
    await kernel.stop()
    const again = await boot(dir)
    await again.audit.append(note(1))
    const records = recordsOf(dir)
    expect(records.map(({ type }) => type)).toContain('log.recover')
    for (const record of records) expect([record, problems(record)]).toEqual([record, []])
  })

  it.each([
    [{ ...head, type: 'acme.anything', more: [1] }, true],
    [{ ...head, type: 'log.genesis' }, false],
    [{ ...head, seq: 2, type: 'log.genesis', log_id: 'x' }, false],
    [{ ...head, seq: 0, type: 'a.b' }, false],
    [{ ...head, prev: 'x', type: 'a.b' }, false],
    [{ ...head, v: 2, type: 'a.b' }, false],
    [{ ...head, type: 'tool.intent', call_id: 'c' }, false],
    [{ ...head, type: 'tool.intent', call_id: 'c', instance: 'i', target: 't' }, true],
    [{ ...head, type: 'tool.outcome', call_id: 'c', status: 'maybe' }, false],
    [{ ...head, type: 'tool.outcome', call_id: 'c', status: 'done', effect: 'happened' }, true],
  ])('judges %j: %s', (record, fits) => {
    expect(problems(record).length === 0).toBe(fits)
  })
})
