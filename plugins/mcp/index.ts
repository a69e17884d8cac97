// Wires the MCP gateway into a distribution: clients reach the gate through it, and nothing else.
import { approvalsSlot, definePlugin, gateSlot, optional, toolSourcesCollection } from 'cloned/kernel'
import { endpointsCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { keysSlot } from '../keys/slot.js'
import { hookDoorSlot } from '../mcp-clients/slot.js'
import { upstreamsSlot } from '../mcp-upstream/slot.js'
import { policySlot } from '../policy/slot.js'
import { runsSlot } from '../runs/slot.js'
import { skillsSlot } from '../skills/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { mcpCommand } from './command.js'
import { mcpConfig } from './config.js'
import { mcpEndpoint } from './endpoint.js'
import { type Door, makeDoor } from './gateway.js'
import { PIPELINE_PREFIX, PipelineTools } from './pipelines.js'
import { type Mcp, mcpSlot } from './slot.js'

export * from './slot.js'

/** Serves MCP clients; every call they make is a governed one. */
export const mcpPlugin = definePlugin({
  id: 'cloned.mcp',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Serves the tools of the workspace, and of the servers behind it, to MCP clients.',
  requires: {
    gate: gateSlot,
    keys: keysSlot,
    workspace: optional(workspaceSlot),
    policy: optional(policySlot),
    approvals: optional(approvalsSlot),
    upstreams: optional(upstreamsSlot),
    skills: optional(skillsSlot),
    runs: optional(runsSlot),
    hooks: optional(hookDoorSlot),
  },
  provides: { mcp: mcpSlot },
  contributes: { commands: commandsCollection, endpoints: endpointsCollection, sources: toolSourcesCollection },
  toolPrefixes: [PIPELINE_PREFIX],
  config: mcpConfig,
  setup({ deps, config, onStart, onDrain, log, now }) {
    const doors = new Set<Door>()
    const pipelines =
      config.pipelines && deps.runs && deps.skills ? new PipelineTools(deps.runs, deps.skills) : undefined
    const mcp: Mcp = {
      door(view = {}) {
        const door = makeDoor({ ...deps, config, log, now }, view)
        doors.add(door)
        return door
      },
    }
    onStart(() => pipelines?.refresh())
    onDrain(() => {
      for (const door of doors) door.stop()
      doors.clear()
    })
    return {
      mcp,
      commands: [mcpCommand(mcp, deps.gate, deps.workspace, deps.hooks)],
      endpoints: [mcpEndpoint(mcp)],
      sources: pipelines ? [pipelines] : [],
    }
  },
})
