// Decides what a link points at, from its text alone.
import { posix } from 'node:path'

/** What a link points at. Paths are relative to the workspace root. */
export type Target =
  | { readonly kind: 'file'; readonly path: string; readonly anchor: string | undefined }
  | { readonly kind: 'external'; readonly host: string; readonly url: string }
  /** `mailto:` and the like: nothing to check. */
  | { readonly kind: 'other' }
  | { readonly kind: 'broken'; readonly reason: string; readonly external: boolean }

/** The target of a link in a file, by GitHub's rules: a leading slash means the workspace root. */
export function targetOf(url: string, file: string): Target {
  if (/^(?:https?:)?\/\//i.test(url)) return external(url)
  if (/^[a-z][a-z0-9+.-]*:/i.test(url)) return { kind: 'other' }
  const [before = '', ...after] = url.split('#')
  const path = decoded(before.split('?')[0] ?? '')
  const anchor = after.length > 0 ? decoded(after.join('#')) : ''
  if (path === undefined || anchor === undefined) return broken('not a valid address')
  const named = anchor === '' ? undefined : anchor
  if (path === '') return { kind: 'file', path: file, anchor: named }
  const joined = posix.normalize(path.startsWith('/') ? `.${path}` : posix.join(posix.dirname(file), path))
  if (joined === '..' || joined.startsWith('../')) return broken('leads out of the workspace')
  return { kind: 'file', path: joined.replace(/\/$/, ''), anchor: named }
}

/** Whether a path is that of a Markdown file, in which anchors can be looked for. */
export function isMarkdown(path: string): boolean {
  return /\.(?:md|markdown)$/i.test(path)
}

function external(url: string): Target {
  const full = url.startsWith('//') ? `https:${url}` : url
  if (!URL.canParse(full)) return broken('not a valid address', true)
  const { host, href, hash } = new URL(full)
  // What a fragment names is in the page, which is not read.
  return { kind: 'external', host, url: hash === '' ? href : href.slice(0, -hash.length) }
}

function broken(reason: string, external = false): Target {
  return { kind: 'broken', reason, external }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return undefined
    throw error
  }
}
