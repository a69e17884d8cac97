// Artifacts whose contents are kept once each, in the place of the built-in ones; it declares and wires, and saves nothing itself.
import { join, relative } from 'node:path'
import { auditSlot, configSchema, definePlugin, toolsCollection } from 'cloned/kernel'
import {
  artifactCommands,
  artifactsSlot,
  gatherProvenance,
  provenanceCollection,
  saveTool,
} from 'cloned/plugins/artifacts'
import { commandsCollection } from 'cloned/plugins/cli'
import { keysSlot } from 'cloned/plugins/keys'
import { storeSlot } from 'cloned/plugins/store'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { createArtifacts, MIGRATIONS } from './artifacts.js'

const config = configSchema<{ readonly maxBytes: number }>({
  type: 'object',
  additionalProperties: false,
  properties: { maxBytes: { type: 'integer', minimum: 1, default: 64 * 1024 * 1024 } },
})

/** List it, and say so: `replace: { 'cloned.artifacts': 'acme.artifacts' }`. */
export default definePlugin({
  id: 'acme.artifacts',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Keeps artifacts in the store, and each content once, under its SHA-256.',
  requires: { workspace: workspaceSlot, store: storeSlot, keys: keysSlot, audit: auditSlot },
  provides: { artifacts: artifactsSlot },
  owns: { provenance: provenanceCollection },
  contributes: { tools: toolsCollection, commands: commandsCollection },
  config,
  setup({ deps: { workspace, store, keys, audit }, collected, config: { maxBytes }, onStart, now }) {
    const directory = () => workspace.path('artifacts', 'acme')
    const artifacts = createArtifacts({
      directory,
      maxBytes,
      store,
      keys,
      audit,
      now,
      workspace: () => workspace.config.id,
      provenance: (call) => gatherProvenance(call, collected.provenance()),
    })
    onStart(() => store.migrate('acme.artifacts', MIGRATIONS))
    const pathOf = ({ sha256 }: { readonly sha256: string }) => relative(workspace.root, join(directory(), sha256))
    return { artifacts, tools: [saveTool(artifacts.save, pathOf)], commands: artifactCommands(artifacts) }
  },
})
