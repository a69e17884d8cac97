// The doctor's checks of the log; they look only, and must never repair.
import { accessSync, constants, existsSync } from 'node:fs'
import type { DoctorCheck, DoctorResult } from '../doctor/slot.js'
import type { Anchors, ConfiguredAnchor } from './anchors.js'
import type { FileAuditLog } from './log.js'
import { type AuditPaths, auditPaths } from './paths.js'
import { freeBytes, SPACE, type SpaceLimits } from './space.js'
import { printable } from './text.js'

const MIB = 1024 * 1024

export interface CheckParts {
  readonly log: () => FileAuditLog
  readonly dir: () => string
  readonly limits: SpaceLimits
  readonly anchors: () => { readonly anchors: Anchors; readonly configured: readonly ConfiguredAnchor[] }
  readonly now: () => number
}

export function auditChecks({ log, dir, limits, anchors, now }: CheckParts): readonly DoctorCheck[] {
  return [
    { id: 'audit.chain', run: () => chain(log()) },
    { id: 'audit.space', run: async () => space(freeBytes(dir()), limits) },
    { id: 'audit.write', run: async () => writable(auditPaths(dir())) },
    {
      id: 'audit.keys',
      run: async () => {
        await log().ready()
        return { level: 'ok', message: 'the keys of the audit log are there' }
      },
    },
    { id: 'audit.anchors', run: () => anchored(anchors(), now()) },
  ]
}

async function chain(log: FileAuditLog): Promise<DoctorResult> {
  const { entries, problem } = await log.verify()
  if (!problem) return { level: 'ok', message: `the audit log is unbroken (${entries} records)` }
  const message = `the audit log is ${problem.kind} at line ${problem.line}: ${problem.message}`
  return { level: problem.kind === 'torn' ? 'warn' : 'fail', message, fix: 'cloned audit verify' }
}

/** Looks whether the files that every record needs can be opened for writing; a read-only disk is noticed here. */
function writable({ log, head }: AuditPaths): DoctorResult {
  for (const path of [log, head]) {
    try {
      if (existsSync(path)) accessSync(path, constants.W_OK)
    } catch (error) {
      const message = `every call is denied: ${path} cannot be written (${(error as NodeJS.ErrnoException).code})`
      return { level: 'fail', message, fix: `Make ${path} writable for you: see its owner, its mode and its disk.` }
    }
  }
  return { level: 'ok', message: 'the audit log can be written' }
}

/** Judges free space for the log, bytes: nothing runs once a record does not fit. */
export function space(free: number, { warn, refuse }: SpaceLimits = SPACE): DoctorResult {
  const message = `${Math.floor(free / MIB)} MiB free for the audit log`
  if (free >= warn) return { level: 'ok', message }
  return {
    level: free < refuse ? 'fail' : 'warn',
    message,
    fix: 'Free disk space; without it every call is denied.',
  }
}

async function anchored(
  { anchors, configured }: { anchors: Anchors; configured: readonly ConfiguredAnchor[] },
  now: number,
): Promise<DoctorResult> {
  if (configured.length === 0) {
    return {
      level: 'ok',
      message: 'no anchor keeps checkpoints: who can write the log and its key can rewrite it whole',
    }
  }
  const states = await anchors.states()
  const problems = configured.flatMap(({ anchor: { id }, maxAgeMs }) => {
    const { at = 0, failure } = states.get(id) ?? {}
    if (failure !== undefined) return [`${id} failed: ${printable(failure)}`]
    if (at === 0) return [`${id} holds nothing yet`]
    return maxAgeMs !== undefined && now - at > maxAgeMs
      ? [`${id} holds nothing newer than ${new Date(at).toISOString()}`]
      : []
  })
  if (problems.length === 0) return { level: 'ok', message: `${configured.length} anchor(s) hold checkpoints` }
  return { level: 'warn', message: `anchors: ${problems.join('; ')}`, fix: 'cloned audit anchors --submit' }
}
