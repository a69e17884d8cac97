// Makes logs in temporary directories for the tests of the audit plugin.
import type { KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kidOf } from 'cloned/kernel'
import { onTestFinished } from 'vitest'
import { type AuditLogOptions, type FileAuditLog, openAuditLog } from '../../plugins/audit/log.js'
import { LogWriter, type LogWriterOptions } from '../../plugins/audit/log-writer.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { type VerifyResult, verifyLog } from '../../plugins/audit/verify.js'
import { openKeys } from '../../plugins/keys/keys.js'

export const TS = '2026-01-01T00:00:00.000Z'

/** A directory that the test removes, and {@link homeOf} it. */
export function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'cloned-audit-'))
  onTestFinished(() => {
    for (const made of [dir, homeOf(dir)]) rmSync(made, { recursive: true, force: true })
  })
  return dir
}

/** A writer on a directory; closed after the test. */
export function newWriter(dir: string, options: Partial<LogWriterOptions> = {}): LogWriter {
  const writer = new LogWriter({ paths: auditPaths(dir), ...options })
  onTestFinished(() => writer.close())
  return writer
}

/** A log with keys of its own, as the plugin opens it; closed after the test. */
export function newLog(dir: string, options: Partial<AuditLogOptions> = {}): FileAuditLog {
  const log = openAuditLog({ dir, thread: 'inline', keys: newKeys(dir), ...options })
  onTestFinished(() => log.close())
  return log
}

/** Where the keys of a directory lie: beside it. */
export function homeOf(dir: string): string {
  return `${dir}-home`
}

/** The keys of a directory; the same at every call. */
export function newKeys(dir: string) {
  const keys = openKeys({ home: homeOf(dir), workspace: 'w', marker: join(dir, 'keys.json'), now: Date.now })
  const load = async () => ({ signer: await keys.signer('audit'), mac: await keys.mac('audit') })
  const signingKey = (key: KeyObject) => keys.signingKey('audit', kidOf(key))
  return { workspace: 'w', load, signingKey, rotate: () => keys.rotate('audit', 'signer') }
}

/** A serialised record, as the queue hands it to a writer. */
export function body(n: number | string, fields: object = {}): string {
  return JSON.stringify({ ts: TS, type: 'acme.note', n, ...fields }).slice(1)
}

export function batch(...bodies: string[]): { ts: string; bodies: string[] } {
  return { ts: TS, bodies }
}

export function readLog(dir: string): Buffer {
  return readFileSync(auditPaths(dir).log)
}

export function linesOf(log: Buffer): string[] {
  return log.toString('utf8').split('\n').slice(0, -1)
}

export function recordsOf(dir: string): Record<string, unknown>[] {
  return linesOf(readLog(dir)).map((line) => JSON.parse(line) as Record<string, unknown>)
}

export function verifyDir(dir: string): Promise<VerifyResult> {
  return verifyLog(auditPaths(dir))
}
