// Wires the file tools to the workspace, and denies at the gate the paths that they would refuse; it must never open a file.
import { beforeToolCall, definePlugin, deny, toolsCollection, type Verdict } from 'cloned/kernel'
import { previewsCollection } from '../approvals/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { segmentsOf } from './confine.js'
import { writePreview } from './preview.js'
import { refusalIn } from './refuse.js'
import { fileTools } from './tools.js'

export { fileTools } from './tools.js'

/** Contributes the tools that list, read and write files below the workspace root, never `.cloned`. */
export const fsPlugin = definePlugin({
  id: 'cloned.fs',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'File tools confined to the workspace root.',
  requires: { workspace: workspaceSlot },
  contributes: { tools: toolsCollection, previews: previewsCollection },
  taps: [beforeToolCall],
  setup({ deps, hooks }) {
    const root = () => ({ path: deps.workspace.root, forbidden: deps.workspace.dir })
    const tools = fileTools(root)
    const own = new Set(tools.map((tool) => tool.id))
    // The handlers check again, against the disk: this only keeps people from being asked about what cannot be done.
    hooks.guard(beforeToolCall, (call): Verdict | undefined => {
      const path = own.has(call.target) ? (call.input as { path?: unknown } | null)?.path : undefined
      if (typeof path !== 'string') return undefined
      const refusal = refusalIn(() => segmentsOf(path))
      return refusal && deny(refusal.message, { code: refusal.code, ...(refusal.help ? { help: refusal.help } : {}) })
    })
    return { tools, previews: [writePreview(root)] }
  },
})
