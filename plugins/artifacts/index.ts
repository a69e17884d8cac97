// Wires artifacts into a distribution; decides nothing itself.
import { auditSlot, configSchema, definePlugin, toolsCollection } from 'cloned/kernel'
import { routesCollection } from '../api/slot.js'
import { commandsCollection } from '../cli/slot.js'
import { keysSlot } from '../keys/slot.js'
import { workspaceSlot } from '../workspace/slot.js'
import { artifactCommands } from './commands.js'
import { handOutCommands } from './hand-out-commands.js'
import { gatherProvenance } from './provenance.js'
import { artifactsPart } from './routes.js'
import { PURPOSE, saveArtifact } from './save.js'
import { createShelf } from './shelf.js'
import { type Artifacts, artifactsSlot, provenanceCollection } from './slot.js'
import { saveTool } from './tool.js'

// Parts for an owner of the slot that keeps artifacts elsewhere.
export { artifactCommands } from './commands.js'
export { logChecks } from './log-checks.js'
export { gatherProvenance } from './provenance.js'
export { contentProblem } from './reading.js'
export { failureOf } from './save.js'
export { publicKeyIn } from './shelf.js'
export * from './slot.js'
export { type Facts, type StageParts, stageArtifact } from './stage.js'
export { saveTool } from './tool.js'

const config = configSchema<{ readonly maxBytes: number }>({
  type: 'object',
  additionalProperties: false,
  properties: {
    maxBytes: {
      type: 'integer',
      minimum: 1,
      default: 1024 * 1024 * 1024,
      description: 'Bytes of the largest artifact that plugins may save; a call of the tool carries 16 MiB at most.',
    },
  },
})

/** Keeps what agents make, with a signed manifest that says where it came from. */
export const artifactsPlugin = definePlugin({
  id: 'cloned.artifacts',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Keeps what agents make, with its signed provenance.',
  requires: { workspace: workspaceSlot, keys: keysSlot, audit: auditSlot },
  provides: { artifacts: artifactsSlot },
  owns: { provenance: provenanceCollection },
  contributes: { tools: toolsCollection, commands: commandsCollection, routes: routesCollection },
  config,
  setup({ deps: { workspace, keys, audit }, collected, config, now }) {
    const directory = () => workspace.path('artifacts')
    const shared = { directory, workspace: () => workspace.config.id, keys, audit }
    const provenance: Parameters<typeof saveArtifact>[2]['provenance'] = (call) =>
      gatherProvenance(call, collected.provenance())
    const artifacts: Artifacts = {
      ...createShelf(shared),
      save: (artifact, call) => saveArtifact(artifact, call, { ...shared, provenance, maxBytes: config.maxBytes, now }),
    }
    const publicKey = async (kid: string) => keys.publicKey(PURPOSE, kid)
    return {
      artifacts,
      tools: [saveTool(artifacts.save)],
      commands: [...artifactCommands(artifacts), ...handOutCommands(artifacts, publicKey)],
      routes: [artifactsPart(artifacts, publicKey)],
    }
  },
})
