// Wires artifacts into a distribution; decides nothing itself.
import { definePlugin, toolsCollection } from 'cloned/kernel'
import { commandsCollection } from '../cli/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { artifactCommands } from './commands.js'
import { gatherProvenance } from './provenance.js'
import { createShelf } from './shelf.js'
import { artifactsSlot, provenanceCollection } from './slot.js'
import { saveTool } from './tool.js'

export { createShelf } from './shelf.js'
export * from './slot.js'

/** Keeps what agents make, with a manifest that says where it came from. */
export const artifactsPlugin = definePlugin({
  id: 'cloned.artifacts',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Keeps what agents make, with its provenance.',
  requires: { workspace: workspaceSlot },
  provides: { artifacts: artifactsSlot },
  owns: { provenance: provenanceCollection },
  contributes: { tools: toolsCollection, commands: commandsCollection },
  setup({ deps, collected, now }) {
    const directory = () => deps.workspace.path('artifacts')
    const artifacts = createShelf(directory)
    const save = saveTool({ directory, provenance: (call) => gatherProvenance(call, collected.provenance()), now })
    return { artifacts, tools: [save], commands: artifactCommands(artifacts) }
  },
})
