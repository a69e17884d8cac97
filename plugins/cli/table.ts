// Lays out rows for people; a cell can carry the colours of `paint` and nothing else that a terminal obeys.
import { createRequire } from 'node:module'
import { printable } from './printable.js'

const require = createRequire(import.meta.url)
const NOTHING = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' }
const NO_BORDER = {
  ...NOTHING,
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}
/** What `paint` writes: bold, dim, four colours, and their ends. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what is looked for
const PAINTED = /(\x1b\[(?:1|2|22|31|32|33|36|39)m)/

/** A table without borders: a head and one line a row. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const Table = require('cli-table3') as typeof import('cli-table3')
  const grid = new Table({
    chars: NO_BORDER,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  grid.push(...[head, ...rows].map((row) => row.map(cell)))
  return grid.toString().replace(/[ ]+$/gm, '')
}

function cell(text: string): string {
  return text
    .split(PAINTED)
    .map((part, i) => (i % 2 === 1 ? part : printable(part)))
    .join('')
}
