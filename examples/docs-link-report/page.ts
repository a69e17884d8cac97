// Takes the links and anchors out of one Markdown text; opens nothing and follows nothing.
import { runInNewContext } from 'node:vm'
import GithubSlugger from 'github-slugger'
import { fromMarkdown } from 'mdast-util-from-markdown'

/** A link as it stands in a file. */
export interface Link {
  readonly url: string
  readonly line: number
}

/** What a Markdown file says and offers. */
export interface Page {
  /** In the order of the text: inline links, references, images and autolinks. Code is not looked into. */
  readonly links: readonly Link[]
  /** Headings as GitHub names them, and the ids of raw HTML. */
  readonly anchors: ReadonlySet<string>
}

type Root = ReturnType<typeof fromMarkdown>
type Node = Root | Root['children'][number]

const HTML_ID = /\s(?:id|name)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))/gi

/** Parses a Markdown text. Throws when that takes longer than `timeout` milliseconds. */
export function parsePage(markdown: string, timeout: number): Page {
  const nodes = inOrder(parseWithin(markdown, timeout))
  const definitions = new Map<string, string>()
  for (const node of nodes) {
    if (node.type === 'definition' && !definitions.has(node.identifier)) definitions.set(node.identifier, node.url)
  }
  const links: Link[] = []
  const anchors = new Set<string>()
  const slugger = new GithubSlugger()
  for (const node of nodes) {
    const url = urlOf(node, definitions)
    if (url !== undefined) links.push({ url, line: node.position?.start.line ?? 1 })
    if (node.type === 'heading') anchors.add(slugger.slug(textOf(node)))
    if (node.type === 'html') {
      for (const [, double, single, bare] of node.value.matchAll(HTML_ID)) anchors.add(double ?? single ?? bare ?? '')
    }
  }
  return { links, anchors }
}

/** 60 kB of `*a_` keep the parser busy for minutes (measured). A vm timeout ends whatever runs on this thread. */
function parseWithin(markdown: string, timeout: number): Root {
  return runInNewContext('parse()', { parse: () => fromMarkdown(markdown) }, { timeout }) as Root
}

function urlOf(node: Node, definitions: ReadonlyMap<string, string>): string | undefined {
  if (node.type === 'link' || node.type === 'image') return node.url
  if (node.type === 'linkReference' || node.type === 'imageReference') return definitions.get(node.identifier)
  return undefined
}

function textOf(heading: Node): string {
  return inOrder(heading)
    .map((node) => (node.type === 'text' || node.type === 'inlineCode' ? node.value : ''))
    .join('')
}

/** A node and everything in it, in the order of the text. Without recursion: nesting is up to the author of the text. */
function inOrder(start: Node): readonly Node[] {
  const found: Node[] = []
  const open: Node[] = [start]
  for (let node = open.pop(); node; node = open.pop()) {
    found.push(node)
    if ('children' in node) open.push(...[...node.children].reverse())
  }
  return found
}
