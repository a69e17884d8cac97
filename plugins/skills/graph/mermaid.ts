// Words a pipeline as a Mermaid flowchart; no text of a pack can end its label or add to the chart.
import type { GraphNode } from './nodes.js'

const SHAPES = { call: ['["', '"]'], approval: ['{{"', '"}}'], pipeline: ['[["', '"]]'] } as const
const MAX_TEXT = 120

export function mermaid(nodes: readonly GraphNode[]): string {
  const lines = nodes.map(({ kind, title, detail, notes }, i) => {
    const [open, close] = SHAPES[kind]
    return `  n${i}${open}${[title, detail, ...notes].map(label).join('<br/>')}${close}`
  })
  const edges = nodes
    .slice(1)
    .map(({ depth }, i) => `  n${i} ${depth > (nodes[i]?.depth ?? 0) ? '-.->' : '-->'} n${i + 1}`)
  return ['flowchart TD', ...lines, ...edges].join('\n')
}

/** Everything that means something to Mermaid or to HTML as a numbered entity; what turns the direction of a text is left out. */
function label(text: string): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT).toWellFormed()}…` : text
  return short
    .replace(/\p{Bidi_Control}/gu, '\uFFFD')
    .replace(/[^\p{L}\p{N} .,:/@_…-]/gu, (char) => `#${char.codePointAt(0)};`)
}
