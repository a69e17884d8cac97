// Finds the line on which a value of a YAML text stands; only for people, and must never throw over a value not there.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** Answers the line, counted from 1, of the value at a path; `undefined` when it stands nowhere by itself. */
export function locate(text: string): (path: readonly (string | number)[]) => number | undefined {
  const { isNode, LineCounter, parseDocument } = require('yaml') as typeof import('yaml')
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, schema: 'core', prettyErrors: false })
  return (path) => {
    const node = document.getIn(path, true)
    return isNode(node) && node.range ? lines.linePos(node.range[0]).line : undefined
  }
}
