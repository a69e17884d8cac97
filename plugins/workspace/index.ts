// Wires the workspace into a kernel; must never make one, that is for `cloned init`.
import { homedir } from 'node:os'
import { ClonedError, configSchema, definePlugin, instancesSlot } from 'cloned/kernel'
import { commandsCollection } from '../cli/slot.js'
import { initCommand } from './init-command.js'
import { createInstances } from './instances.js'
import { openWorkspace } from './open.js'
import { type Workspace, workspaceSlot } from './slot.js'

export { type InitOptions, initWorkspace, type NewWorkspace } from './init.js'
export * from './slot.js'

/** Where the workspace is. */
export interface WorkspacePluginConfig {
  /** Directory that holds `.cloned`; the nearest one from the current directory upward, or the home directory, when absent. */
  readonly root?: string
}

const config = configSchema<WorkspacePluginConfig>({
  type: 'object',
  additionalProperties: false,
  properties: { root: { type: 'string', minLength: 1, maxLength: 4096 } },
})

/** Owns `.cloned/` as a place, and tells living kernel instances from dead ones. */
export const workspacePlugin = definePlugin({
  id: 'cloned.workspace',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Finds and makes the workspace directory.',
  provides: { workspace: workspaceSlot, instances: instancesSlot },
  contributes: { commands: commandsCollection },
  config,
  setup({ config, onStart, onStop, now }) {
    let opened: Workspace | undefined
    const open = (): Workspace => {
      if (!opened) throw new ClonedError('WORKSPACE_CLOSED', {})
      return opened
    }
    const instances = createInstances(() => open().path('instances'))
    onStart(() => {
      opened = openWorkspace({ root: config?.root, cwd: process.cwd(), home: homedir() })
    })
    onStop(() => {
      instances.close()
      opened = undefined
    })
    const workspace: Workspace = {
      get root() {
        return open().root
      },
      get dir() {
        return open().dir
      },
      get config() {
        return open().config
      },
      get found() {
        return open().found
      },
      path: (...parts) => open().path(...parts),
    }
    return { workspace, instances, commands: [initCommand(now)] }
  },
})
