// Words findings as Markdown; the same findings give the same bytes, and nothing found can break out of its place.
import type { Findings, Problem } from './check.js'

const MAX_SHOWN = 500
const MAX_HOSTS = 200
const MAX_TEXT = 300

/** What the tool answers. */
export function answerOf(root: string, truncated: boolean, findings: Findings) {
  const hosts = [...findings.hosts]
    .sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))
    .map(([host, links]) => ({ host, links }))
  return {
    report: reportOf(root, truncated, findings, hosts),
    files: findings.files,
    links: findings.links,
    broken: findings.broken.length,
    broken_links: findings.broken.slice(0, MAX_SHOWN).map((problem) => ({ ...problem, url: cut(problem.url) })),
    external_hosts: hosts.slice(0, MAX_HOSTS),
    unchecked: findings.unchecked.length,
    blocked: findings.blocked.map((origin) => ({ ...origin })),
  }
}

function reportOf(
  root: string,
  truncated: boolean,
  { files, links, internal, broken, unchecked, blocked }: Findings,
  hosts: readonly { readonly host: string; readonly links: number }[],
): string {
  const external = hosts.reduce((sum, host) => sum + host.links, 0)
  const summary = table(
    ['What', 'Count'],
    [
      ['Markdown files', files],
      ['Links', links],
      ['Internal links', internal],
      ['Broken links', broken.length],
      ['External links', external],
      ['External hosts', hosts.length],
      ['Blocked hosts', blocked.length],
      ['Not checked', unchecked.length],
    ],
  )
  return [
    `# Links in ${code(root)}`,
    ...(truncated ? ['**Incomplete:** the directory has more files than were looked at.'] : []),
    summary,
    '## Broken links',
    problems(broken),
    '## External hosts',
    hosts.length === 0
      ? 'None.'
      : table(['Host', 'Links'], cutList(hosts.map(({ host, links }) => [code(host), links]))),
    ...(hosts.length > MAX_HOSTS ? [more(hosts.length - MAX_HOSTS)] : []),
    ...(blocked.length === 0 ? [] : ['## Blocked hosts', BLOCKED, blockedList(blocked)]),
    ...(unchecked.length === 0 ? [] : ['## Not checked', problems(unchecked)]),
  ]
    .join('\n\n')
    .concat('\n')
}

function problems(list: readonly Problem[]): string {
  if (list.length === 0) return 'None.'
  const lines = list.slice(0, MAX_SHOWN).map(({ file, line, url, reason }) => {
    const place = line === 0 ? file : `${file}:${line}`
    return `- ${code(place)}${url === '' ? '' : ` → ${code(url)}`}: ${reason}`
  })
  if (list.length > MAX_SHOWN) lines.push(`- ${more(list.length - MAX_SHOWN)}`)
  return lines.join('\n')
}

const BLOCKED =
  'The policy does not allow these, so their links were not checked. Each command proposes to allow one; a person decides.'

function blockedList(blocked: Findings['blocked']): string {
  return blocked.map(({ origin, propose }) => `- ${code(origin)}: ${code(propose)}`).join('\n')
}

function table(head: readonly [string, string], rows: readonly (readonly [string, number])[]): string {
  const lines = rows.map(([what, count]) => `| ${what} | ${count} |`)
  return [`| ${head.join(' | ')} |`, '|---|---:|', ...lines].join('\n')
}

function cutList<T>(list: readonly T[]): readonly T[] {
  return list.slice(0, MAX_HOSTS)
}

function more(count: number): string {
  return `… and ${count} more`
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT).toWellFormed()}…` : text
}

/** A code span that holds any text: what is not printable is escaped, and the fence is longer than any run inside. */
function code(text: string): string {
  const safe = cut(text).replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`,
  )
  const longest = Math.max(0, ...(safe.match(/`+/g) ?? []).map((run) => run.length))
  const fence = '`'.repeat(longest + 1)
  const space = longest > 0 ? ' ' : ''
  return `${fence}${space}${safe}${space}${fence}`
}
