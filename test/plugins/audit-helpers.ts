// Makes logs in temporary directories for the tests of the audit plugin.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'
import { LogWriter, type LogWriterOptions } from '../../plugins/audit/log-writer.js'
import { auditPaths } from '../../plugins/audit/paths.js'
import { type VerifyResult, verifyLog } from '../../plugins/audit/verify.js'

export const TS = '2026-01-01T00:00:00.000Z'
const made: string[] = []
const writers: LogWriter[] = []

afterEach(() => {
  for (const writer of writers.splice(0)) writer.close()
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true, force: true })
})

export function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'cloned-audit-'))
  made.push(dir)
  return dir
}

/** A writer on a directory; closed after the test. */
export function newWriter(dir: string, options: Partial<LogWriterOptions> = {}): LogWriter {
  const writer = new LogWriter({ paths: auditPaths(dir), ...options })
  writers.push(writer)
  return writer
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
