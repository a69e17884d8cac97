// Wires the file tools to the workspace; decides nothing itself.
import { definePlugin, toolsCollection } from 'cloned/kernel'
import { workspaceSlot } from '../workspace/slot.js'
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
  contributes: { tools: toolsCollection },
  setup: ({ deps }) => ({
    tools: fileTools(() => ({ path: deps.workspace.root, forbidden: deps.workspace.dir })),
  }),
})
