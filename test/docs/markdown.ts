// Words tables for the generated pages; knows nothing of what stands in them.

/** Opens every generated page. */
export const HEAD = '<!-- Generated from the code by `npm run docs`. Do not edit. -->\n\n'

/** A table; cells may hold any text. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`
}

export function code(text: string): string {
  return `\`${text}\``
}

/** Several names in one cell. */
export function names(ids: readonly string[]): string {
  return ids.map(code).join(', ') || '–'
}
