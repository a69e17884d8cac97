// Decides what of a server's answer to a call reaches the caller: what is no result does not, and what is too large goes beside it.
import { describeThrown, type HandlerContext, type Json, type JsonObject, type Scrubber } from 'cloned/kernel'
import { isObject } from './peer.js'

const ARTIFACT_SAVE = 'cloned.internal.artifact.save@v1'
const SHOWN = 2_000

/** Why this is no result of a call; `undefined` for one. */
export function unsound(result: JsonObject): string | undefined {
  const { content, isError } = result
  if (!Array.isArray(content)) return 'it has no list "content"'
  if (isError !== undefined && typeof isError !== 'boolean') return 'its "isError" is neither true nor false'
  const wrong = content.findIndex((block) => !isObject(block) || typeof block['type'] !== 'string' || misfit(block))
  return wrong < 0 ? undefined : `content ${wrong} is not what it says that it is`
}

function misfit(block: JsonObject): boolean {
  const { type, text, data, mimeType, uri, resource } = block
  if (type === 'text') return typeof text !== 'string'
  if (type === 'image' || type === 'audio') return typeof data !== 'string' || typeof mimeType !== 'string'
  if (type === 'resource_link') return typeof uri !== 'string'
  return type === 'resource' && !(isObject(resource) && typeof resource['uri'] === 'string')
}

/** The result without links to files that its server could not have seen: a client would open them as its own. */
export function withoutForeignFiles(result: JsonObject, seen: readonly string[]): JsonObject {
  const content = result['content'] as readonly JsonObject[]
  const foreign = (block: JsonObject) => {
    const { uri } = block['type'] === 'resource' ? (block['resource'] as JsonObject) : block
    const path = typeof uri === 'string' ? pathOf(uri) : undefined
    return path !== undefined && !seen.some((each) => path === each || path.startsWith(`${each}/`))
  }
  if (!content.some(foreign)) return result
  const text = '[a link to a file was left out: the server that names it may not see that file]'
  return { ...result, content: content.map((block) => (foreign(block) ? { type: 'text', text } : block)) }
}

/** The path of a `file:` URL; empty for one that has none that could be judged. */
function pathOf(uri: string): string | undefined {
  // Readers of URLs leave out what stands before one, and line ends and tabs anywhere (WHATWG URL, 4.4).
  if (!/^file:/i.test(uri.replace(UNREAD, ''))) return undefined
  try {
    const { host, pathname } = new URL(uri)
    return host === '' && !/%2f/i.test(pathname) ? decodeURIComponent(pathname) : ''
  } catch {
    return ''
  }
}

const UNREAD = /[\p{Cc}\p{Cf}\s]/gu

/** What the gateway says itself of how a call ended, or of what kind its answer is: of that a server's word counts for nothing. */
const OURS = /^(?:cloned\/|io\.modelcontextprotocol\/authorization$)/i

/** The answer of a server without what would read as said by the gateway. */
export function inItsOwnName({ resultType: _, ...result }: JsonObject): JsonObject {
  const meta = result['_meta']
  if (!isObject(meta) || !Object.keys(meta).some((key) => OURS.test(key))) return result
  return { ...result, _meta: Object.fromEntries(Object.entries(meta).filter(([key]) => !OURS.test(key))) }
}

interface Spill {
  readonly maxBytes: number
  readonly scrubber: Scrubber | undefined
  readonly filename: () => string
  /** Its tool promises structured content, so that a result without it can only be an error. */
  readonly structured: boolean
}

/** The result, or where it was saved and how it begins. */
export async function spilled(result: JsonObject, ctx: HandlerContext, spill: Spill): Promise<JsonObject> {
  const whole = JSON.stringify(result)
  const bytes = Buffer.byteLength(whole)
  if (bytes <= spill.maxBytes) return result
  // An artifact is read by whoever may read the workspace.
  const clean = spill.scrubber?.text(whole, 'artifacts', ctx.callId) ?? whole
  const { words, id } = await saved(clean, ctx, spill.filename())
  const begins = beginning(spill.scrubber?.json(result, 'output', ctx.callId) ?? result)
  const text = `The result has ${bytes} bytes, more than the ${spill.maxBytes} that are passed on. ${words}\n\n${begins}`
  return {
    content: [{ type: 'text', text }],
    ...(spill.structured || result['isError'] === true ? { isError: true } : {}),
    _meta: { 'cloned/bytes': bytes, ...(id === undefined ? {} : { 'cloned/artifact': id }) },
  }
}

async function saved(content: string, ctx: HandlerContext, filename: string): Promise<{ words: string; id?: string }> {
  try {
    const outcome = await ctx.call(ARTIFACT_SAVE, { filename, content, media_type: 'application/json' })
    if (outcome.status === 'done') {
      const { id, path } = outcome.output as { readonly id: string; readonly path: string }
      return { words: `All of it was saved as ${path} (artifact ${id}). It begins:`, id }
    }
    const why = 'reason' in outcome ? outcome.reason : outcome.status
    return { words: `It was not saved: ${why} It begins:` }
  } catch (error) {
    return { words: `It was not saved: ${describeThrown(error)} It begins:` }
  }
}

function beginning(result: Json): string {
  const content = isObject(result) && Array.isArray(result['content']) ? (result['content'] as Json[]) : []
  const texts = content.flatMap((block) =>
    isObject(block) && typeof block['text'] === 'string' ? [block['text']] : [],
  )
  return (texts.length === 0 ? JSON.stringify(result) : texts.join('\n')).slice(0, SHOWN).toWellFormed()
}
