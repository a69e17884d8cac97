// A plugin of a third party: one tool, and the skill pack whose pipeline calls it.
import { fileURLToPath } from 'node:url'
import { definePlugin, optional, toolsCollection } from 'cloned/kernel'
import { type Registry, registrySlot } from 'cloned/plugins/registry'
import { skillPacksCollection } from 'cloned/plugins/skills'
import { CHECK } from './external.js'
import { linksTool } from './tool.js'

/** Contributes `example.markdown.links@v2` and the pipeline `docs.link-report`. */
export const docsLinkReport = definePlugin({
  id: 'example.docs-link-report',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Checks the links of Markdown files and reports them.',
  requires: { registry: optional(registrySlot) },
  contributes: { tools: toolsCollection, packs: skillPacksCollection },
  setup: ({ deps: { registry } }) => ({
    tools: [linksTool(() => new Set(checkTool(registry)?.egress_hosts))],
    packs: [{ directory: fileURLToPath(new URL('./link-report', import.meta.url)) }],
  }),
})

/** The tool alone, for workspaces that install the pack as a signed package. */
export const markdownLinks = definePlugin({
  id: 'example.markdown-links',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Checks the links of Markdown files.',
  requires: { registry: optional(registrySlot) },
  contributes: { tools: toolsCollection },
  setup: ({ deps: { registry } }) => ({ tools: [linksTool(() => new Set(checkTool(registry)?.egress_hosts))] }),
})

/** The tool of the connector, while that is installed and enabled. */
function checkTool(registry: Registry | undefined) {
  return registry
    ?.enabled()
    .flatMap(({ manifest }) => manifest.tools)
    .find(({ id }) => id === CHECK)
}
