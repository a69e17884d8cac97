import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { defaultDistribution, initWorkspace, open } from 'cloned'
import { approvalsSlot, auditSlot, type JsonObject } from 'cloned/kernel'
import { runCli } from 'cloned/plugins/cli'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { FileAuditLog } from '../../plugins/audit/log.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { auditPrune } from '../../plugins/audit/prune-action.js'
import { newPruner } from '../../plugins/audit/pruner.js'
import { newDir, newLog, verifyDir } from './audit-helpers.js'
import { temporary } from './store-fixture.js'

const note = { type: 'acme.note', ts: '2026-01-01T00:00:00.000Z' }

/** A workspace whose log has two closed files. */
async function rotated() {
  const root = temporary()
  initWorkspace(root, { type: 'personal', now: Date.now })
  const paths = auditPaths(join(root, '.cloned'))
  const cloned = async (...argv: string[]) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    const io = { stdin: new PassThrough().end(), stdout, stderr, onInterrupt: () => () => undefined }
    const code = await runCli({ distribution: defaultDistribution(), argv, io, cwd: root })
    return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
  }
  const started = async () => {
    const kernel = await open({ root })
    onTestFinished(() => kernel.stop())
    return kernel
  }
  const kernel = await started()
  await kernel.service(auditSlot).append(note)
  await kernel.stop()
  // The newest closed file is never deleted.
  for (let n = 0; n < 2; n++) await cloned('audit', 'rotate')
  const records = () =>
    readFileSync(paths.log, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as JsonObject)
  const segments = () => (existsSync(paths.segments) ? readdirSync(paths.segments) : [])
  expect(segments()).toHaveLength(2)
  return { root, cloned, started, records, segments }
}

describe('audit prune', () => {
  it('deletes nothing before it was approved, and is recorded before it does', async () => {
    const { cloned, started, records, segments } = await rotated()
    expect(await cloned('audit', 'prune', '--before', '9999', '--dry-run')).toMatchObject({
      code: 0,
      out: expect.stringContaining('Would delete 1 closed file(s)'),
    })
    for (const more of [[], ['--yes']]) {
      expect(await cloned('audit', 'prune', '--before', '9999', ...more)).toMatchObject({
        code: 4,
        err: expect.stringContaining('Nothing was deleted yet'),
      })
    }
    expect(segments()).toHaveLength(2)
    const kernel = await started()
    const [request] = await kernel.service(approvalsSlot).list({ state: 'pending' })
    const decision = { verdict: 'approve', by: kernel.actor() } as const
    const { outcome } = await kernel.service(approvalsSlot).decide(request?.id ?? '', decision)
    expect(outcome).toMatchObject({ status: 'done' })
    expect(segments()).toHaveLength(1)
    const types = records().map(({ type }) => type)
    const [intent, pruned, ended] = ['audit.intent', 'log.prune', 'audit.outcome'].map((type) =>
      types.lastIndexOf(type),
    )
    expect(Number(intent)).toBeLessThan(Number(pruned))
    expect(Number(pruned)).toBeLessThan(Number(ended))
    expect(intent).toBeGreaterThan(0)
    await kernel.stop()
    expect(await cloned('audit', 'verify')).toMatchObject({ code: 0 })
  })

  it('deletes nothing but what was shown', async () => {
    const { started, segments } = await rotated()
    const kernel = await started()
    const asked = await kernel.act(auditPrune, { target: 'audit log', input: { size: 1, files: 1 } })
    expect(asked.status).toBe('pending')
    const id = asked.status === 'pending' ? asked.approval.id : ''
    const { outcome } = await kernel.service(approvalsSlot).decide(id, { verdict: 'approve', by: kernel.actor() })
    expect(outcome).toMatchObject({ status: 'failed', effect: 'none', code: 'AUDIT_PRUNE_REFUSED' })
    expect(segments()).toHaveLength(2)
  })
})

describe('the newest record of a type', () => {
  const append = (log: FileAuditLog, type: string, n: number) => log.append({ type, ts: note.ts, n, call_id: 'c' })
  const prune = async (dir: string, log: FileAuditLog) => {
    for (let n = 0; n < 2; n++) await log.rotate()
    const pruner = newPruner(auditPaths(dir), log.appendOwn)
    await pruner.prune(await pruner.plan(9_999))
  }

  it('outlives its file, and the next one too, but no newer record', async () => {
    const dir = newDir()
    const log = newLog(dir)
    const before = [await append(log, 'acme.old', 1), await append(log, 'acme.both', 2)]
    await append(log, 'acme.intent', 3)
    await prune(dir, log)
    await append(log, 'acme.both', 4)
    for (let round = 0; round < 2; round++) {
      expect(await log.latest('acme.old')).toMatchObject({ ...pick(before[0]), record: { type: 'acme.old', n: 1 } })
      expect(await log.latest('acme.both')).toMatchObject({ record: { n: 4 } })
      expect(await log.latest('acme.intent')).toBeUndefined()
      await prune(dir, log)
    }
    expect(await log.find('c')).toEqual([])
    await log.close()
    expect(await verifyDir(dir)).toMatchObject({ ok: true })
  })

  it('that is too long to be kept keeps its file', async () => {
    const dir = newDir()
    const log = newLog(dir)
    await log.append({ ...note, text: 'x'.repeat(65_300) })
    await expect(prune(dir, log)).rejects.toMatchObject({ code: 'AUDIT_PRUNE_REFUSED' })
    expect(await log.latest(note.type)).toMatchObject({ record: { type: note.type } })
  })
})

const pick = (receipt: { seq: number; hash: string } | undefined) => ({ seq: receipt?.seq, hash: receipt?.hash })
