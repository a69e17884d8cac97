// Owns the audit slot with a log in a file; it declares and wires, and must never touch the disk before start.
import { type AuditLog, auditSlot, ClonedError, configSchema, definePlugin } from 'cloned/kernel'
import { commandsCollection } from '../cli/slot.js'
import { doctorChecksCollection } from '../doctor/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { auditChecks } from './checks.js'
import { auditCommands } from './commands.js'
import { type FileAuditLog, openAuditLog, type WriterThread } from './log.js'

export { type AuditLogOptions, type FileAuditLog, openAuditLog, type WriterThread } from './log.js'
export type { AuditProblem, VerifyResult } from './verify.js'

const config = configSchema<{ readonly thread?: WriterThread }>({
  type: 'object',
  additionalProperties: false,
  properties: {
    thread: {
      enum: ['worker', 'inline'],
      description: 'Where records are written; inline blocks the process on syncs.',
    },
  },
})

export const auditPlugin = definePlugin({
  id: 'cloned.audit',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Durable, hash-chained audit log in .cloned/audit.log',
  requires: { workspace: workspaceSlot },
  provides: { audit: auditSlot },
  contributes: { commands: commandsCollection, checks: doctorChecksCollection },
  config,
  setup({ deps, config, now, onStart, onStop }) {
    let log: FileAuditLog | undefined
    const opened = (): FileAuditLog => {
      if (log) return log
      throw new ClonedError('AUDIT_CLOSED', {})
    }
    onStart(() => {
      log = openAuditLog({ dir: deps.workspace.dir, now, ...(config.thread ? { thread: config.thread } : {}) })
    })
    onStop(async () => {
      await log?.close()
    })
    const audit: AuditLog = {
      append: async (record) => opened().append(record),
      find: async (callId) => opened().find(callId),
      calls: async (instances) => opened().calls(instances),
    }
    return { audit, commands: auditCommands(opened), checks: auditChecks(opened, () => deps.workspace.dir) }
  },
})
