// Draws a pipeline as SVG without a browser: boxes in a column; every text of a pack is escaped, and nothing is linked or run.
import type { GraphNode } from './nodes.js'

const WIDTH = 560
const LINE = 18
const GAP = 24
const PAD = 12
const INDENT = 32
const MAX_CHARS = 68
const FILL = { call: '#eef4ff', approval: '#fff4d6', pipeline: '#eefaf0' } as const

export function svg(title: string, nodes: readonly GraphNode[]): string {
  let top = PAD
  const boxes = nodes.map((node) => {
    const lines = [node.title, node.detail, ...node.notes].map(cut)
    const box = { node, lines, x: PAD + node.depth * INDENT, y: top, height: lines.length * LINE + PAD }
    top += box.height + GAP
    return box
  })
  const width = WIDTH + 2 * PAD + Math.max(0, ...nodes.map(({ depth }) => depth)) * INDENT
  const height = Math.max(top - GAP, 0) + PAD
  const arrows = boxes.slice(1).map((box, i) => {
    const x = box.x + INDENT
    const from = (boxes[i]?.y ?? 0) + (boxes[i]?.height ?? 0)
    return `  <path d="M${x} ${from} V${box.y - 2}" stroke="#667" fill="none" marker-end="url(#end)"/>`
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13" role="img">`,
    `  <title>${escaped(title)}</title>`,
    '  <defs><marker id="end" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#667"/></marker></defs>',
    ...boxes.flatMap(({ node, lines, x, y, height: tall }) => [
      `  <rect x="${x}" y="${y}" width="${WIDTH}" height="${tall}" rx="6" fill="${FILL[node.kind]}" stroke="#667"/>`,
      ...lines.map((text, i) => {
        const weight = i === 0 ? ' font-weight="bold"' : ''
        return `  <text x="${x + PAD}" y="${y + LINE * (i + 1)}"${weight}>${escaped(text)}</text>`
      }),
    ]),
    ...arrows,
    '</svg>',
  ].join('\n')
}

function cut(text: string): string {
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS).toWellFormed()}…` : text
}

/** XML has no way to write most control characters, not even escaped; those of direction make a text read as another. */
function escaped(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cs}\p{Bidi_Control}\uFFFE\uFFFF]/gu, '\uFFFD')
    .replace(/[<>&"']/g, (char) => `&#${char.charCodeAt(0)};`)
}
