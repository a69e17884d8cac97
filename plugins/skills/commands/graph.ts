// The command that draws a pipeline, as Mermaid for documents or as SVG to look at.
import { ClonedError } from 'cloned/kernel'
import type { Command } from '../../cli/slot.js'
import { mermaid } from '../graph/mermaid.js'
import { nodesOf } from '../graph/nodes.js'
import { svg } from '../graph/svg.js'
import { createSkills, type ShownParts } from '../skills.js'

export function graphCommand(parts: ShownParts): Command {
  return {
    name: 'skills graph',
    summary: 'Draw a pipeline as Mermaid, or as SVG',
    args: [{ name: 'pipeline', description: 'Id of the pipeline', required: true }],
    options: [{ flags: '--format <format>', description: 'mermaid, which is the default, or svg' }],
    examples: ['cloned skills graph docs.link-report', 'cloned skills graph docs.link-report --format svg'],
    needs: 'workspace',
    async run({ args, options, usageError, printable }) {
      const { format = 'mermaid' } = options
      if (format !== 'mermaid' && format !== 'svg') throw usageError('--format is mermaid or svg')
      const skills = createSkills(parts)
      const id = args['pipeline'] ?? ''
      const pipeline = await skills.pipeline(id)
      if (!pipeline) {
        const known = (await skills.pipelines()).map((each) => each.id).join(', ')
        throw new ClonedError('PIPELINE_UNKNOWN', { pipeline: id, known: known || 'there are none' })
      }
      const drawn = format === 'svg' ? svg(pipeline.title, nodesOf(pipeline)) : mermaid(nodesOf(pipeline))
      return { json: { pipeline: id, format, graph: drawn }, text: printable(drawn, { lines: true }) }
    },
  }
}
