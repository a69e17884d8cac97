// Checks the links of Markdown files; what could not be looked at is reported, never taken as fine.
import { posix } from 'node:path'
import { describeThrown, type HandlerContext } from 'cloned/kernel'
import { type Answer, type Asking, askExternal, type Blocked } from './external.js'
import { type Page, parsePage } from './page.js'
import { isMarkdown, type Target, targetOf } from './target.js'
import { listAll, readAll, type Seen } from './workspace.js'

/** A link with a problem. */
export interface Problem {
  readonly file: string
  /** 0 for the whole file. */
  readonly line: number
  readonly url: string
  readonly reason: string
}

/** What was found, everything in the order of files and lines. */
export interface Findings {
  readonly files: number
  readonly links: number
  readonly internal: number
  readonly broken: readonly Problem[]
  readonly unchecked: readonly Problem[]
  /** External origins that the policy does not allow. */
  readonly blocked: readonly Blocked[]
  /** Links per external host. */
  readonly hosts: ReadonlyMap<string, number>
}

interface Found {
  readonly file: string
  readonly line: number
  readonly url: string
  readonly target: Target
}

const MAX_LOOKUPS = 2_000
const PARSE_LIMITS = { fileMs: 5_000, allMs: 20_000 }

/** Reads the files, then whatever their links point at, asks the external ones, then judges every link. */
export async function checkLinks(
  paths: readonly string[],
  ctx: Pick<HandlerContext, 'call'>,
  { parsing = PARSE_LIMITS, ...asking }: Asking & { readonly parsing?: typeof PARSE_LIMITS } = {},
): Promise<Findings> {
  const files = [...new Set(paths)].sort()
  const parse = parser(parsing)
  const pages = new Map([...(await readAll(files, ctx))].map(([path, seen]) => [path, parse(seen)]))
  const links = files.flatMap((file) => linksOf(file, pages.get(file)))
  const wanted = links.flatMap(({ target }) =>
    target.kind === 'file' && !isPage(pages.get(target.path)) ? [target] : [],
  )
  const places = await listAll(first(wanted.map(({ path }) => posix.dirname(path))), ctx)
  const others = wanted.filter(
    ({ path, anchor }) =>
      anchor !== undefined && isMarkdown(path) && !pages.has(path) && absence(path, places) === undefined,
  )
  const unread = first(others.map(({ path }) => path))
  for (const [path, seen] of await readAll(unread, ctx)) pages.set(path, parse(seen))

  const external = links.flatMap(({ target }) => (target.kind === 'external' ? [target.url] : []))
  const { answers, blocked } = await askExternal(external, ctx, asking)
  const broken: Problem[] = []
  const unchecked: Problem[] = files.flatMap((file) => {
    const page = pages.get(file)
    return page && 'unseen' in page ? [{ file, line: 0, url: '', reason: page.unseen }] : []
  })
  for (const link of links) {
    const verdict =
      link.target.kind === 'external' ? answered(answers.get(link.target.url)) : judge(link, pages, places)
    if (!verdict) continue
    const { file, line, url } = link
    const list = verdict.kind === 'broken' ? broken : unchecked
    list.push({ file, line, url, reason: verdict.reason })
  }
  return {
    files: files.length,
    links: links.length,
    internal: links.filter(({ target }) => isInternal(target)).length,
    broken,
    unchecked,
    blocked,
    hosts: countHosts(links),
  }
}

type Places = ReadonlyMap<string, Seen<ReadonlySet<string>>>

interface Verdict {
  readonly kind: 'broken' | 'unchecked'
  readonly reason: string
}

/** Nothing speaks against a link that is fine, nor about one of a blocked origin, which is reported as such. */
function answered(answer: Answer | undefined): Verdict | undefined {
  return answer === undefined || answer.kind === 'fine' ? undefined : { kind: answer.kind, reason: answer.reason }
}

function judge({ file, target }: Found, pages: ReadonlyMap<string, Seen<Page>>, places: Places): Verdict | undefined {
  if (target.kind === 'broken') return target
  if (target.kind !== 'file') return undefined
  const { path, anchor } = target
  const page = pages.get(path)
  const absent = isPage(page) ? undefined : absence(path, places)
  if (absent) return absent
  if (anchor === undefined || !isMarkdown(path) || anchor === 'top') return undefined
  if (!page) return { kind: 'unchecked', reason: 'too many files to look into' }
  if ('unseen' in page) return { kind: 'unchecked', reason: page.unseen }
  if (page.found.anchors.has(anchor)) return undefined
  return { kind: 'broken', reason: path === file ? 'no such heading in this file' : 'no such heading in that file' }
}

/** What speaks against a path: it is not in its directory, or its directory could not be seen. */
function absence(path: string, places: Places): Verdict | undefined {
  if (path === '.') return undefined
  const place = places.get(posix.dirname(path)) ?? { unseen: 'too many directories to look into' }
  if ('unseen' in place) return { kind: 'unchecked', reason: place.unseen }
  return place.found.has(path) ? undefined : { kind: 'broken', reason: 'no such file' }
}

function linksOf(file: string, page: Seen<Page> | undefined): readonly Found[] {
  if (!isPage(page)) return []
  return page.found.links.map(({ url, line }) => ({ file, line, url, target: targetOf(url, file) }))
}

function isInternal(target: Target): boolean {
  return target.kind === 'file' || (target.kind === 'broken' && !target.external)
}

function isPage(page: Seen<Page> | undefined): page is { readonly found: Page } {
  return page !== undefined && 'found' in page
}

/** Parses texts until their time is used up. A file that is listed and gone is one that could not be looked at. */
function parser({ fileMs, allMs }: typeof PARSE_LIMITS): (seen: Seen<string | undefined>) => Seen<Page> {
  let left = allMs
  return (seen) => {
    if ('unseen' in seen) return seen
    if (seen.found === undefined) return { unseen: 'it is gone' }
    if (left <= 0) return { unseen: 'the time for parsing is used up' }
    const start = performance.now()
    try {
      return { found: parsePage(seen.found, fileMs) }
    } catch (error) {
      return { unseen: `it could not be parsed: ${describeThrown(error)}` }
    } finally {
      left -= performance.now() - start
    }
  }
}

function first(keys: readonly string[]): readonly string[] {
  return [...new Set(keys)].sort().slice(0, MAX_LOOKUPS)
}

function countHosts(links: readonly Found[]): ReadonlyMap<string, number> {
  const hosts = new Map<string, number>()
  for (const { target } of links) {
    if (target.kind === 'external') hosts.set(target.host, (hosts.get(target.host) ?? 0) + 1)
  }
  return hosts
}
