// An audit sink of a third party: owns the audit slot in the place of the built-in log, with a command to verify it.
import { readFileSync } from 'node:fs'
import { type AuditLog, auditSlot, configSchema, definePlugin, describeThrown } from 'cloned/kernel'
import { type Command, type CommandResult, commandsCollection } from 'cloned/plugins/cli'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { complete, decode, START } from './chain.js'
import { JsonlLog } from './log.js'

/** Where the sink writes. */
export interface JsonlAuditConfig {
  /**
   * Absolute path of the file; `.cloned/audit.jsonl` when absent. Its directory must exist, and belong to nobody who may
   * not see the log.
   */
  readonly file?: string
}

const config = configSchema<JsonlAuditConfig>({
  type: 'object',
  properties: { file: { type: 'string', pattern: '^(/|[A-Za-z]:[\\\\/])', maxLength: 4096 } },
  additionalProperties: false,
})

/** List it, and say so: `replace: { 'cloned.audit': 'acme.audit' }`. Two owners and no word is a boot error. */
export default definePlugin({
  id: 'acme.audit',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Durable, hash-chained audit log in a file of your choice.',
  requires: { workspace: workspaceSlot },
  provides: { audit: auditSlot },
  contributes: { commands: commandsCollection },
  config,
  setup({ deps: { workspace }, config, onStart, onStop }) {
    let file: string | undefined
    let log: JsonlLog | undefined
    const opened = (): JsonlLog => {
      if (!log) throw new Error('the log is not open')
      return log
    }
    onStart(async () => {
      file = config.file ?? workspace.path('audit.jsonl')
      log = await JsonlLog.open(file)
    })
    onStop(async () => {
      const closing = log
      log = undefined
      await closing?.close()
    })
    const audit: AuditLog = {
      append: async (record) => opened().append(record),
      find: async (id, from) => opened().find(id, from),
      calls: async (instances) => opened().calls(instances),
      latest: async (type) => opened().latest(type),
      scan: (from) => opened().scan(from),
      token: (field, canonical) => opened().token(field, canonical),
    }
    return { audit, commands: [verifyCommand(() => file)] }
  },
})

/** The built-in command of this name went with the built-in log, so the name is free; `audit tail` stays gone. */
function verifyCommand(file: () => string | undefined): Command {
  return {
    name: 'audit verify',
    summary: 'Check that every record follows from the one before it',
    examples: ['cloned audit verify', 'cloned audit verify --json'],
    // A changed log keeps the kernel from starting, and that is when this is needed.
    needs: 'workspace-if-usable',
    async run({ startError }) {
      const path = file()
      if (path !== undefined) return verify(path)
      throw startError ?? new Error('the log has no place')
    },
  }
}

function verify(file: string): CommandResult {
  try {
    const records = decode(complete(readFileSync(file)))
    const [entries, last] = [records.length, records.at(-1)?.hash ?? START.hash]
    const text = `ok: ${entries} records, unbroken\nlast hash: ${last}`
    return { json: { ok: true, entries, last_hash: last }, text }
  } catch (error) {
    const problem = describeThrown(error)
    return { exit: 5, json: { ok: false, problem }, text: '', problem: `Not intact: ${problem}` }
  }
}
