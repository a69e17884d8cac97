// The page of every contract: which number it has, which one before it still works, and what takes its place.
import { code, HEAD, table } from './markdown.js'
import { exportedTokens, sortOf } from './tokens.js'

export async function contractsPage(): Promise<string> {
  const rows = (await exportedTokens())
    .map(({ name, from, token }) => [
      sortOf(token),
      code(token.id),
      code(name),
      code(from),
      String(token.contract),
      token.previous ? String(token.contract - 1) : '–',
      token.deprecated ?? '',
    ])
    .sort((a, b) => (a.slice(0, 2).join() < b.slice(0, 2).join() ? -1 : 1))
  return [
    `# Contracts\n\n${HEAD}What this version of the package has. A plugin that was built for the contract before works where an`,
    'adapter is named; [Versions](../versions.md#contracts) says how long.\n',
    table(['what', 'id', 'token', 'exported by', 'contract', 'adapter for', 'deprecated'], rows),
  ].join('\n')
}
