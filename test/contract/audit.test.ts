import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAuditLog } from 'cloned/plugins/audit'
import { openKeys } from 'cloned/plugins/keys'
import { auditSuite, memoryAudit } from 'cloned/testing'
import { describe, it } from 'vitest'

describe('the audit log in a file', () => {
  const suite = auditSuite(async () => {
    const dir = mkdtempSync(join(tmpdir(), 'cloned-audit-'))
    const store = openKeys({ home: join(dir, 'home'), workspace: 'w', marker: join(dir, 'keys.json'), now: Date.now })
    const load = async () => ({ signer: await store.signer('audit'), mac: await store.mac('audit') })
    const open = async () => {
      const log = openAuditLog({ dir, thread: 'inline', keys: { workspace: 'w', load } })
      await log.ready()
      return log
    }
    let log = await open()
    return {
      log,
      reopen: async () => {
        await log.close()
        log = await open()
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
