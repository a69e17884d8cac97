// The doctor's checks of the log; they look only, and must never repair.
import { statfs } from 'node:fs/promises'
import type { DoctorCheck, DoctorResult } from '../doctor/slot.js'
import type { FileAuditLog } from './log.js'

const MIB = 1024 * 1024
const WARN_BELOW = 256 * MIB
const FAIL_BELOW = 16 * MIB

export function auditChecks(log: () => FileAuditLog, dir: () => string): readonly DoctorCheck[] {
  return [
    { id: 'audit.chain', run: () => chain(log()) },
    { id: 'audit.space', run: async () => space(await freeBytes(dir())) },
  ]
}

async function chain(log: FileAuditLog): Promise<DoctorResult> {
  const { entries, problem } = await log.verify()
  if (!problem) return { level: 'ok', message: `the audit log is unbroken (${entries} records)` }
  const message = `the audit log is ${problem.kind} at line ${problem.line}: ${problem.message}`
  return { level: problem.kind === 'torn' ? 'warn' : 'fail', message, fix: 'cloned audit verify' }
}

/** Judges free space for the log, bytes: nothing runs once a record does not fit. */
export function space(free: number): DoctorResult {
  const message = `${Math.floor(free / MIB)} MiB free for the audit log`
  if (free >= WARN_BELOW) return { level: 'ok', message }
  return {
    level: free < FAIL_BELOW ? 'fail' : 'warn',
    message,
    fix: 'Free disk space; without it every call is denied.',
  }
}

async function freeBytes(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir)
  return bavail * bsize
}
