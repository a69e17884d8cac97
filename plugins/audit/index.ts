// Owns the audit slot with a log in files; it declares and wires, and must never touch the disk before start.
import { type AuditLog, auditSlot, ClonedError, definePlugin, describeThrown, gateSlot, optional } from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { doctorChecksCollection } from '../doctor/slot.js'
import { keysSlot } from '../keys/slot.js'
import { storeSlot } from '../store/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { Anchors, type AnchorsOptions, type ConfiguredAnchor } from './anchors.js'
import { AUDIT_PURPOSE, auditKeys } from './audit-keys.js'
import { auditChecks } from './checks.js'
import { auditConfig, configuredAnchors } from './config.js'
import { keepCommands } from './keep-commands.js'
import { type FileAuditLog, openAuditLog } from './log.js'
import { Mirror } from './mirror.js'
import { type AuditPaths, auditPaths } from './paths.js'
import { proofCommands } from './proof-commands.js'
import { auditPrune, pruneCommand, pruneExecutor } from './prune-action.js'
import { newPruner } from './pruner.js'
import { auditPart } from './routes.js'
import { anchorsCollection } from './slot.js'
import { tailCommand } from './tail-command.js'
import { verifyCommand } from './verify-command.js'

export { auditKeys } from './audit-keys.js'
export { type AuditLogOptions, type FileAuditLog, openAuditLog, type WriterThread } from './log.js'
export * from './slot.js'
export type { AuditProblem, VerifyResult } from './verify.js'

const MIB = 1024 * 1024
const DAY = 24 * 60 * 60 * 1000

interface Opened {
  readonly log: FileAuditLog
  readonly anchors: Anchors
  readonly configured: readonly ConfiguredAnchor[]
  readonly paths: AuditPaths
  readonly mirror: Mirror | undefined
}

export const auditPlugin = definePlugin({
  id: 'cloned.audit',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Durable, hash-chained and signed audit log in .cloned/audit.log',
  requires: { workspace: workspaceSlot, keys: keysSlot, gate: gateSlot, store: optional(storeSlot) },
  provides: { audit: auditSlot },
  owns: { anchors: anchorsCollection },
  contributes: { commands: commandsCollection, routes: routesCollection, checks: doctorChecksCollection },
  executes: [auditPrune],
  config: auditConfig,
  setup({
    deps: { workspace, keys, gate, store },
    config,
    collected,
    actions,
    log: diagnostics,
    now,
    onStart,
    onStop,
  }) {
    const limits = { warn: config.space.warn_mib * MIB, refuse: config.space.refuse_mib * MIB }
    let parts: Opened | undefined
    const opened = (): Opened => {
      if (parts) return parts
      throw new ClonedError('AUDIT_CLOSED', {})
    }

    function open(): Opened {
      const onTrouble = (cause: string) => diagnostics.warn(cause)
      const place = { root: workspace.root, now }
      const configured = configuredAnchors(config.anchors, collected.anchors(), place)
      const log = openAuditLog({
        dir: workspace.dir,
        now,
        ...(config.thread ? { thread: config.thread } : {}),
        keys: auditKeys(keys, workspace.config.id),
        rotate: {
          bytes: config.rotate.max_mib * MIB,
          ...(config.rotate.max_age_days > 0 ? { ms: config.rotate.max_age_days * DAY } : {}),
        },
        heartbeatMs: config.heartbeat_s * 1_000,
        space: limits,
        reserve: true,
        onTrouble,
        onNote: (note) => anchors.offer(note),
        ...(configured.some(({ maxAgeMs }) => maxAgeMs !== undefined)
          ? { mayIntend: () => anchors.assertFresh() }
          : {}),
      })
      const paths = auditPaths(workspace.dir)
      const append: AnchorsOptions['append'] = (type, fields) =>
        log.append({ ...fields, type, ts: new Date(now()).toISOString() })
      const anchors = new Anchors({
        paths,
        anchors: configured,
        now,
        append,
        checkpoint: () => log.checkpoint(),
        onTrouble,
      })
      return { log, anchors, configured, paths, mirror: store && new Mirror(paths, store) }
    }

    onStart(async () => {
      parts = open()
      // Reading must work without the keys; what has to be recorded says that they are missing.
      await parts.log.ready().catch((error: unknown) => diagnostics.error(describeThrown(error)))
    })
    onStop(async () => {
      await parts?.anchors.drain()
      await parts?.log.close()
    })
    const audit: AuditLog = {
      append: async (record) => opened().log.append(record),
      token: (field, canonical) => opened().log.token(field, canonical),
      find: async (id, from) => opened().log.find(id, from),
      calls: async (instances) => opened().log.calls(instances),
      latest: async (type) => opened().log.latest(type),
      scan: (from) => opened().log.scan(from),
    }
    const log = () => opened().log
    const pruner = () => newPruner(opened().paths, log().appendOwn)
    actions.execute(auditPrune, pruneExecutor(pruner))
    return {
      audit,
      commands: [
        tailCommand(log, () => opened().mirror, now),
        verifyCommand(log),
        ...proofCommands({ log, paths: () => opened().paths }),
        pruneCommand(pruner, gate),
        ...keepCommands({
          log,
          anchors: () => opened().anchors,
          rotateKey: () => log().changeKey(() => keys.rotate(AUDIT_PURPOSE, 'signer')),
          configured: () =>
            opened().configured.map(({ anchor, maxAgeMs }) => ({ id: anchor.id, required: maxAgeMs !== undefined })),
        }),
      ],
      routes: [auditPart({ log, mirror: () => opened().mirror, paths: () => opened().paths })],
      checks: auditChecks({ log, dir: () => workspace.dir, limits, anchors: opened, now }),
    }
  },
})
