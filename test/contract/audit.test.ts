import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAuditLog } from 'cloned/plugins/audit'
import { auditSuite, memoryAudit } from 'cloned/testing'
import { describe, it } from 'vitest'

describe('the audit log in a file', () => {
  const suite = auditSuite(() => {
    const dir = mkdtempSync(join(tmpdir(), 'cloned-audit-'))
    let log = openAuditLog({ dir, thread: 'inline' })
    return {
      log,
      reopen: async () => {
        await log.close()
        log = openAuditLog({ dir, thread: 'inline' })
        return log
      },
      // A line that does not chain: somebody else wrote to the file.
      breakIt: () => appendFileSync(join(dir, 'audit.log'), '{}\n'),
      dispose: async () => {
        await log.close()
        rmSync(dir, { recursive: true })
      },
    }
  })
  for (const { name, run } of suite) it(name, run)
})

describe('the audit log in memory', () => {
  const suite = auditSuite(() => {
    const log = memoryAudit()
    return { log, breakIt: () => log.fail(new Error('broken')) }
  })
  for (const { name, run } of suite) it(name, run)
})
