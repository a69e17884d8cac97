import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { auditSlot } from 'cloned/kernel'
import { openAuditLog } from 'cloned/plugins/audit'
import { openKeys } from 'cloned/plugins/keys'
import { auditSubject, auditSuite, memoryAudit, openTestWorkspace } from 'cloned/testing'
import { describe, it } from 'vitest'
import { wrapped } from './implementations.js'

const INLINE = { 'cloned.audit': { thread: 'inline' } }

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
      close: async () => {
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
    return { log, breakIt: () => log.fail(new Error('broken')), close: () => {} }
  })
  for (const { name, run } of suite) it(name, run)
})

describe('the audit log of a workspace, wrapped', () => {
  const suite = auditSuite(async () => {
    const workspace = await openTestWorkspace({ ...wrapped(auditSlot), config: INLINE })
    return auditSubject(workspace, () => appendFileSync(join(workspace.root, '.cloned', 'audit.log'), '{}\n'))
  })
  for (const { name, run } of suite) it(name, run)
})
