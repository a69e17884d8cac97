// The page of every error: code, text, next step, parameters and exit code.
import { ERRORS } from 'cloned/kernel'
import { code, HEAD, table } from './markdown.js'

export function errorsPage(): string {
  const rows = Object.entries(ERRORS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, { what, next, exit }]) => [
      `<a id="${id.toLowerCase()}"></a>${code(id)}`,
      what.trim().replaceAll(/\{\w+\}/g, code),
      next.replaceAll(/\{\w+\}/g, code),
      String(exit),
    ])
  return [
    `# Errors\n\n${HEAD}Codes are stable: a code never changes its meaning. Words in braces are filled in.`,
    'The exit code is the one of a command that ends with the error; `commands.md` lists them.\n',
    table(['code', 'what happened', 'what to type or change next', 'exit'], rows),
  ].join('\n')
}
