// A plugin of a third party: one tool, and the skill pack whose pipeline calls it.
import { fileURLToPath } from 'node:url'
import { definePlugin, toolsCollection } from 'cloned/kernel'
import { skillPacksCollection } from 'cloned/plugins/skills'
import { linksTool } from './tool.js'

/** Contributes `example.markdown.links@v2` and the pipeline `docs.link-report`. */
export const docsLinkReport = definePlugin({
  id: 'example.docs-link-report',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Checks the links of Markdown files and reports them.',
  contributes: { tools: toolsCollection, packs: skillPacksCollection },
  setup: () => ({
    tools: [linksTool],
    packs: [{ directory: fileURLToPath(new URL('./pack', import.meta.url)) }],
  }),
})
