import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import { afterEach, describe, expect, it } from 'vitest'
import type { FileAuditLog } from '../../plugins/audit/log.js'
import { parseVerifierKey } from '../../plugins/audit/note.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { checkProof, parseProof } from '../../plugins/audit/proof.js'
import { proofCommands } from '../../plugins/audit/proof-commands.js'
import { verifyCommand } from '../../plugins/audit/verify-command.js'
import type { CommandContext, CommandResult } from '../../plugins/cli/slot.js'
import { install, logBytes, newSigningKey, openSigned, readRecords } from '../security/audit-forge.js'
import { newDir, TS } from './audit-helpers.js'

const logs: FileAuditLog[] = []
afterEach(async () => {
  for (const log of logs.splice(0)) await log.close()
})

/** A signed log in two files, and its commands. */
async function newScene() {
  const [dir, cwd] = [newDir(), newDir()]
  const log = openSigned(dir, newSigningKey())
  logs.push(log)
  const add = async (count: number) => {
    for (let n = 0; n < count; n++) await log.append({ type: 'acme.note', ts: TS, n })
  }
  await add(10)
  const kept = (await log.checkpoint())?.note ?? ''
  writeFileSync(join(cwd, 'kept.note'), kept)
  await log.rotate()
  await add(10)
  await log.checkpoint()
  const paths = auditPaths(dir)
  const commands = [verifyCommand(() => log), ...proofCommands({ log: () => log, paths: () => paths })]
  const run = (name: string, more: Partial<CommandContext> = {}): Promise<CommandResult> => {
    const command = commands.find((each) => each.name === name)
    if (!command) throw new Error(`no command ${name}`)
    return command.run({
      args: {},
      options: {},
      cwd,
      json: false,
      stdin: async () => kept,
      usageError: (problem: string) => new ClonedError('COMMAND_USAGE', { problem, usage: '', example: '' }),
      ...more,
    } as CommandContext)
  }
  const vkeys = () => readFileSync(paths.vkey, 'utf8')
  return { dir, cwd, log, kept, paths, add, run, vkeys, commands }
}

describe('audit verify', () => {
  it('says who signed up to where, and that nobody else vouches for the key', async () => {
    const { run, vkeys } = await newScene()
    const result = await run('audit verify')
    expect(result.exit ?? 0).toBe(0)
    expect(result.text).toMatch(/^ok: \d+ records, unbroken\nlast hash: [0-9a-f]{64}\nsigned: records 1 to \d+ by /)
    expect(result.text).toContain(vkeys().trimEnd())
    expect(result.text).toContain('Nobody but the log vouches for that key')
    expect(result.json).toMatchObject({ ok: true, signed: { trust: 'first-use' } })
  })

  it('takes the key to trust as a text or as a file, and refuses a log of another key', async () => {
    const { run, vkeys, cwd } = await newScene()
    writeFileSync(join(cwd, 'vkey'), vkeys())
    for (const key of [vkeys().trimEnd(), 'vkey']) {
      const { json, text } = await run('audit verify', { options: { key } })
      expect(json).toMatchObject({ ok: true, signed: { trust: 'known' } })
      expect(text).not.toContain('Nobody')
    }
    const other = (await newScene()).vkeys().trimEnd()
    const refused = await run('audit verify', { options: { key: other } })
    expect(refused.exit).toBe(5)
    expect(refused.text.split('\n')[0]).toMatch(/^tampered: line \d+ .*not the one to trust$/)
    await expect(run('audit verify', { options: { key: 'a+b' } })).rejects.toMatchObject({ code: 'AUDIT_KEY_INVALID' })
  })

  it('compares with a kept checkpoint, from a file or from standard input', async () => {
    const { run, dir } = await newScene()
    for (const since of ['kept.note', '-'])
      expect((await run('audit verify', { options: { since } })).exit ?? 0).toBe(0)
    const { kept } = await newScene()
    const forked = await run('audit verify', { options: { since: '-' }, stdin: async () => kept })
    expect(forked.exit).toBe(5)
    expect(forked.text.split('\n')[0]).toMatch(/^forked: line \d+ /)
    expect(forked.text).toContain('The newest checkpoint of this log:')
    install(dir, readRecords(dir).slice(0, 3))
    await expect(run('audit verify', { options: { since: 'nothing.note' } })).rejects.toThrow(
      'Cannot read nothing.note',
    )
    await expect(run('audit verify', { options: { since: '-' }, stdin: async () => 'x' })).rejects.toMatchObject({
      code: 'AUDIT_NOTE_INVALID',
    })
  })

  it('reads every record as JSON with --full', async () => {
    const { run } = await newScene()
    expect((await run('audit verify', { options: { full: true } })).json).toMatchObject({ ok: true })
  })
})

describe('audit prove', () => {
  it('prints a proof that stands without the log, the record in it', async () => {
    const { run, vkeys } = await newScene()
    const verifiers = vkeys().trimEnd().split('\n').map(parseVerifierKey)
    for (const seq of ['1', '7', '16', '20']) {
      const { text } = await run('audit prove', { args: { seq } })
      const proof = parseProof(`${text}\n`)
      expect(proof.index).toBe(Number(seq) - 1)
      expect(checkProof(proof, proof.extra ?? Buffer.alloc(0), verifiers).size).toBeGreaterThan(Number(seq) - 1)
      expect(JSON.parse(proof.extra?.toString() ?? '')).toMatchObject({ seq: Number(seq) })
    }
  })

  it('refuses what is no record number and what no checkpoint covers yet, with the command that would sign it', async () => {
    const { run, add } = await newScene()
    for (const seq of ['0', '-1', '1.5', 'x', undefined]) {
      await expect(run('audit prove', { args: { seq } })).rejects.toThrow('number of a record')
    }
    await add(1)
    await expect(run('audit prove', { args: { seq: '9000' } })).rejects.toMatchObject({
      code: 'AUDIT_UNPROVABLE',
      help: expect.stringContaining('cloned audit checkpoint --sign'),
    })
  })
})

describe('audit consistency', () => {
  it('proves that the log goes on from the kept checkpoint', async () => {
    const { run, kept } = await newScene()
    const { json, text, exit } = await run('audit consistency', { args: { old: 'kept.note' } })
    expect(exit ?? 0).toBe(0)
    expect(text.split('\n')[0]).toMatch(/^ok: the first \d+ of \d+ records/)
    const { old_size: old, proof } = json as { old_size: number; proof: string[] }
    expect(kept.split('\n')[1]).toBe(String(old))
    expect(proof.length).toBeGreaterThan(0)
  })

  it('ends 5 with the word for what is wrong', async () => {
    const { run } = await newScene()
    const { kept } = await newScene()
    const result = await run('audit consistency', { args: { old: '-' }, stdin: async () => kept })
    expect(result.exit).toBe(5)
    expect(result.text).toMatch(/^forked: /)
  })
})

describe('audit checkpoint', () => {
  it('prints the newest note as it stands, and a newer one with --sign', async () => {
    const { run, add, paths } = await newScene()
    const before = await run('audit checkpoint')
    expect(`${before.text}\n`).toBe(readFileSync(paths.checkpoint, 'utf8'))
    await add(3)
    const after = await run('audit checkpoint', { options: { sign: true } })
    const sizes = [before, after].map(({ json }) => (json as { size: number }).size)
    expect(sizes[1]).toBeGreaterThan(sizes[0] ?? 0)
    expect(
      (await run('audit verify', { options: { since: '-' }, stdin: async () => `${after.text}\n` })).exit ?? 0,
    ).toBe(0)
  })

  it('says that there is none before the first', async () => {
    const { run, paths } = await newScene()
    rmSync(paths.checkpoint)
    await expect(run('audit checkpoint')).rejects.toMatchObject({ code: 'AUDIT_UNPROVABLE' })
  })
})

describe('audit export', () => {
  it('copies records byte for byte into a file of their own', async () => {
    const { run, dir, cwd } = await newScene()
    const { json } = await run('audit export', { options: { out: 'all.jsonl' } })
    const all = readFileSync(join(cwd, 'all.jsonl'))
    expect(all.subarray(-logBytes(dir).length).equals(logBytes(dir))).toBe(true)
    expect(statSync(join(cwd, 'all.jsonl')).mode & 0o777).toBe(0o600)
    const lines = all.toString('utf8').split(/(?<=\n)/)
    expect(json).toMatchObject({ records: lines.length, from: 1, to: lines.length })
    for (const [from, to] of [
      [1, 1],
      [5, 9],
      [12, 15],
      [3, 9999],
    ] as const) {
      const out = `${from}-${to}.jsonl`
      await run('audit export', { options: { from: String(from), to: String(to), out } })
      expect(readFileSync(join(cwd, out), 'utf8')).toBe(lines.slice(from - 1, to).join(''))
    }
  })

  it('overwrites nothing and takes no senseless range', async () => {
    const { run, cwd } = await newScene()
    writeFileSync(join(cwd, 'mine'), 'mine')
    await expect(run('audit export', { options: { out: 'mine' } })).rejects.toThrow('Cannot make mine')
    expect(readFileSync(join(cwd, 'mine'), 'utf8')).toBe('mine')
    await expect(run('audit export', {})).rejects.toThrow('--out')
    await expect(run('audit export', { options: { from: '5', to: '4', out: 'x' } })).rejects.toThrow('--from')
    expect((await run('audit export', { options: { from: '900', out: 'none' } })).json).toMatchObject({ records: 0 })
  })
})

it('every command of the proofs has an example and a summary', async () => {
  const { commands } = await newScene()
  for (const { examples, summary } of commands) {
    expect(examples.length).toBeGreaterThan(0)
    expect(summary).not.toMatch(/\.$/)
  }
})
