// Wires what is known of clients into a distribution: the import, the hooks and their checks; decides nothing itself.
import { existsSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import {
  approvalsSlot,
  auditSlot,
  configSchema,
  definePlugin,
  describeThrown,
  gateSlot,
  optional,
  toolSourcesCollection,
} from 'cloned/kernel'
import { cliSlot, commandsCollection } from '../cli/slot.js'
import { doctorChecksCollection } from '../doctor/slot.js'
import { upstreamsSlot } from '../mcp-upstream/slot.js'
import { policySlot } from '../policy/slot.js'
import { vaultSlot } from '../vault/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import type { Surroundings } from './clients.js'
import { configCommand } from './config-command.js'
import { clientChecks } from './doctor.js'
import { startWords } from './entry.js'
import { createGoverned } from './governed.js'
import { answerHook } from './hook/answer.js'
import { hookCommand } from './hook/command.js'
import { type HookRequest, SOCKETS } from './hook/socket.js'
import { NativeTools } from './hook/tools.js'
import { NativeUses } from './hook/uses.js'
import { importCommand } from './import-command.js'
import { Ledgers } from './ledger.js'
import { type HookDoor, hookDoorSlot, NATIVE } from './slot.js'

export * from './slot.js'

/** Where the files of clients are. Absolute paths. */
export interface McpClientsConfig {
  /** The user's home directory. */
  readonly home?: string
  /** Stands for `XDG_CONFIG_HOME`, `APPDATA`, `CLAUDE_CONFIG_DIR` and `CODEX_HOME`. */
  readonly configHome?: string
  readonly appData?: string
  readonly claudeHome?: string
  readonly codexHome?: string
  /** The words that start this program. Default: this Node, and the script that it was started with. */
  readonly program?: readonly string[]
}

const path = { type: 'string', minLength: 1, maxLength: 4096 }
const config = configSchema<McpClientsConfig>({
  type: 'object',
  additionalProperties: false,
  properties: {
    home: path,
    configHome: path,
    appData: path,
    claudeHome: path,
    codexHome: path,
    program: { type: 'array', minItems: 1, maxItems: 10, items: path },
  },
})

/** Puts the clients of this user behind the gateway. */
export const mcpClientsPlugin = definePlugin({
  id: 'cloned.mcp-clients',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Puts programs that use tools behind the gateway, and judges the tools they have of their own.',
  requires: {
    gate: gateSlot,
    audit: auditSlot,
    workspace: workspaceSlot,
    vault: vaultSlot,
    cli: cliSlot,
    approvals: optional(approvalsSlot),
    policy: optional(policySlot),
    upstreams: optional(upstreamsSlot),
  },
  provides: { hookDoor: hookDoorSlot },
  contributes: { commands: commandsCollection, sources: toolSourcesCollection, checks: doctorChecksCollection },
  toolPrefixes: [NATIVE],
  config,
  setup({ deps, config, onDrain, log, now }) {
    const { program: own = ownProgram(), home = homedir(), ...rest } = config ?? {}
    const where: Surroundings = { home, platform: process.platform, ...rest }
    const program = startWords(own, where)
    const tools = new NativeTools()
    const ledgers = new Ledgers(() => deps.workspace.path('imports'))
    const personDecides = (): boolean => {
      const approvals = deps.policy?.snapshot().approvals
      return (
        approvals?.selfDecision === true &&
        approvals.approvers.length === 0 &&
        !approvals.rules.some(({ quorum }) => quorum)
      )
    }
    const importing = importCommand({
      ...deps,
      ledgers,
      where,
      program,
      now,
      installed: join(home, '.cloned-servers'),
      selfDecision: () => deps.policy?.snapshot().approvals.selfDecision === true,
    })
    const judging = {
      ...deps,
      tools,
      now,
      personDecides,
      uses: new NativeUses(() => deps.workspace.path('native'), now),
      howToDecide: (asked: { id: string; osUser: string }) => deps.cli.howToDecide(asked),
    }
    const hook = hookCommand({ ...judging, governed: createGoverned(where, program, () => process.cwd()) })
    const answer = async ({ program: asking, client, event, where: { cwd, ...files } }: HookRequest) => {
      // Another installation may be another distribution, which judges otherwise.
      if (asking !== own.at(-1)) return undefined
      // The files of the client are where the hook found them, and not where this process would.
      const there: Surroundings = { ...files, platform: process.platform }
      const governed = createGoverned(there, startWords(own, there), () => cwd)
      return answerHook(client, event, { ...judging, governed })
    }
    let opened: Promise<() => void> | undefined
    const hookDoor: HookDoor = {
      open() {
        opened ??= import('./hook/door.js')
          .then(({ openDoor }) => openDoor({ sockets: deps.workspace.path(SOCKETS), answer, log }))
          .catch((error: unknown) => {
            log.warn('hooks are not answered here', { error: describeThrown(error) })
            return () => {}
          })
      },
    }
    onDrain(async () => {
      const close = await opened
      opened = undefined
      close?.()
    })
    return {
      hookDoor,
      commands: [importing, configCommand(where, program), hook],
      sources: [tools],
      checks: clientChecks(where, program, () => process.cwd()),
    }
  },
})

/**
 * This Node and the script it runs, by a path that does not depend on where a client is started. A build and a command line
 * of one's own are other distributions than the `cloned` beside this file: a client has to get the one that asked.
 */
function ownProgram(): readonly string[] {
  const script = process.argv[1] ?? 'cloned'
  return [process.execPath, existsSync(script) ? realpathSync(script) : script]
}
