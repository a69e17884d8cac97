// Makes one edit in the text of a JSON document; must never touch a character that the edit does not need.
import type { Json } from 'cloned/kernel'
import type { Edit, Path } from './edit.js'
import { type Node, parseJsonc, pastTrivia } from './jsonc.js'

/** The text with the edit made. Comments, order, indentation and line ends of everything else stay. */
export function editJson(text: string, edit: Edit): string {
  const root = parseJsonc(text)
  return edit.op === 'remove' ? remove(text, root, edit.path) : put(text, root, edit)
}

interface Child {
  readonly start: number
  readonly node: Node
}

const childrenOf = ({ members, items }: Node): readonly Child[] =>
  members ?? items?.map((node) => ({ start: node.start, node })) ?? []

function childAt(node: Node, step: string | number): Child | undefined {
  if (node.items) return childrenOf(node)[Number(step)]
  return node.members?.find(({ key }) => key === step)
}

function remove(text: string, root: Node, path: Path): string {
  let parent = root
  for (const step of path.slice(0, -1)) {
    const next = childAt(parent, step)
    if (!next) return text
    parent = next.node
  }
  const child = childAt(parent, path.at(-1) ?? '')
  if (!child) return text
  const siblings = childrenOf(parent)
  const before = siblings[siblings.indexOf(child) - 1]
  const comma = pastTrivia(text, child.node.end)
  const own = text[comma] === ','
  // The comma by itself: a comment may stand before it.
  if (own) return cut(text.slice(0, comma) + text.slice(comma + 1), child.start, child.node.end)
  if (!before) return cut(text, child.start, child.node.end)
  const spaces = /(?<=,)[ \t]*$/.exec(text.slice(before.node.end, child.start))?.[0] ?? ''
  const rest = cut(text, child.start - spaces.length, child.node.end)
  // It was the last: the comma of the one before it goes too, and stands before everything that was cut.
  const left = pastTrivia(text, before.node.end)
  return rest.slice(0, left) + rest.slice(left + 1)
}

/** Cuts, with the line when nothing else stands on it. */
function cut(text: string, from: number, to: number): string {
  const lineStart = text.lastIndexOf('\n', from - 1) + 1
  const tail = /^[ \t]*\r?\n/.exec(text.slice(to))?.[0]
  const alone = tail !== undefined && text.slice(lineStart, from).trim() === ''
  return alone ? text.slice(0, lineStart) + text.slice(to + tail.length) : text.slice(0, from) + text.slice(to)
}

function put(text: string, root: Node, { op, path, value }: Exclude<Edit, { op: 'remove' }>): string {
  let node = root
  for (const [i, step] of path.entries()) {
    const child = childAt(node, step)
    if (!child) {
      const inner = op === 'append' ? [value] : value
      const whole = path.slice(i + 1).reduceRight<Json>((made, key) => ({ [key]: made }), inner)
      return insert(text, node, `${JSON.stringify(step)}: `, whole)
    }
    node = child.node
  }
  if (op === 'append') return insert(text, node, '', value)
  return text.slice(0, node.start) + render(text, value, indentAt(text, node.start)) + text.slice(node.end)
}

/** Adds a child at the end of an object or list. */
function insert(text: string, node: Node, label: string, value: Json): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  const last = childrenOf(node).at(-1)
  const outer = indentAt(text, node.start)
  if (last) {
    const broken = text.slice(node.start, last.start).includes('\n')
    const indent = broken ? indentAt(text, last.start) : outer
    const glue = broken ? `,${eol}${indent}` : ', '
    const { end } = last.node
    return text.slice(0, end) + glue + label + render(text, value, indent) + text.slice(end)
  }
  const indent = outer + unitOf(text)
  const open = node.start + 1
  const close = node.end - 1
  const inside = text.slice(open, close)
  const made = eol + indent + label + render(text, value, indent)
  if (inside.trim() === '') return text.slice(0, open) + made + eol + outer + text.slice(close)
  return text.slice(0, open) + made + (inside.trimStart() === inside ? eol : '') + text.slice(open)
}

function render(text: string, value: Json, indent: string): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  return JSON.stringify(value, null, unitOf(text)).replaceAll('\n', eol + indent)
}

function indentAt(text: string, at: number): string {
  const line = text.slice(text.lastIndexOf('\n', at - 1) + 1, at)
  return /^[ \t]*/.exec(line)?.[0] ?? ''
}

/** One level of indentation, as the document has it. */
function unitOf(text: string): string {
  return /\n([ \t]+)\S/.exec(text)?.[1] ?? '  '
}
