// Takes tables out of a TOML document, or adds one at its end; must never touch a line of anything else.
import type { Json, JsonObject } from 'cloned/kernel'
import { parse } from 'smol-toml'
import { type Edit, Unfit } from './edit.js'
import { Unreadable } from './jsonc.js'

/** The content of a document. Throws {@link Unreadable} without a word of the text, which may hold secrets. */
export function parseToml(text: string): JsonObject {
  try {
    return parse(text) as JsonObject
  } catch (error) {
    const { line } = error as { line?: number }
    throw new Unreadable(line === undefined ? 'it is not TOML' : `line ${line}: it is not TOML`)
  }
}

/** The text with a table gone or added. Only tables under headers of their own can be removed. */
export function editToml(text: string, edit: Edit): string {
  const path = edit.path.map(String)
  if (edit.op === 'append') throw new Unfit('lists of a TOML document are not added to')
  const without = removeTables(text, path)
  if (edit.op === 'remove') return without
  const eol = text.includes('\r\n') ? '\r\n' : '\n'
  const gap = without === '' ? '' : without.endsWith('\n') ? eol : eol + eol
  return `${without}${gap}${renderTable(path, edit.value, eol)}`
}

function removeTables(text: string, path: readonly string[]): string {
  const headers = headersOf(text)
  let kept = ''
  let from = 0
  for (const [i, { start, path: own }] of headers.entries()) {
    if (!path.every((key, depth) => own[depth] === key)) continue
    const next = headers[i + 1]?.start ?? text.length
    kept += text.slice(from, start)
    // What stands between the last line of the table and the next header is about what follows.
    from = start + bodyLength(text.slice(start, next))
  }
  return kept + text.slice(from)
}

function bodyLength(table: string): number {
  const lines = table.split(/(?<=\n)/)
  while (lines.length > 1 && /^\s*(#|$)/.test(lines.at(-1) ?? '')) lines.pop()
  return lines.join('').length
}

/** Every `[table]` and `[[table]]` line, outside of texts and lists. */
function headersOf(text: string): readonly { start: number; path: readonly string[] }[] {
  const found: { start: number; path: readonly string[] }[] = []
  const token = /"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[[\]{}\n]/g
  let depth = 0
  let lineStart = 0
  for (let part = token.exec(text); part; part = token.exec(text)) {
    const [piece] = part
    if (piece === '\n') lineStart = part.index + 1
    else if (piece === ']' || piece === '}') depth -= 1
    else if (piece === '[' || piece === '{') {
      const header = depth === 0 && text.slice(lineStart, part.index).trim() === ''
      if (header) {
        const end = text.indexOf('\n', part.index)
        const line = text.slice(part.index, end < 0 ? text.length : end)
        found.push({ start: lineStart, path: pathOf(line) })
        token.lastIndex = part.index + line.length
      } else depth += 1
    }
  }
  return found
}

function pathOf(header: string): readonly string[] {
  const path: string[] = []
  let here: Json | undefined = parseToml(header)
  while (here !== null && typeof here === 'object' && !Array.isArray(here)) {
    const entries: readonly [string, Json][] = Object.entries(here as JsonObject)
    const [[key, inner] = []] = entries
    if (key === undefined) break
    path.push(key)
    here = inner
  }
  return path
}

function renderTable(path: readonly string[], value: Json, eol: string): string {
  const lines = Object.entries(value as JsonObject).map(([key, each]) => `${quotedKey(key)} = ${inline(each)}`)
  return [`[${path.map(quotedKey).join('.')}]`, ...lines, ''].join(eol)
}

function inline(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`
  if (value === null) throw new Unfit('TOML has no null')
  if (typeof value !== 'object') return JSON.stringify(value)
  const members = Object.entries(value).map(([key, each]) => `${quotedKey(key)} = ${inline(each)}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

function quotedKey(key: string): string {
  return /^[\w-]+$/.test(key) ? key : JSON.stringify(key)
}
