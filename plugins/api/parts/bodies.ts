// Reads JSON bodies; refuses one that is nested deeper than anything here takes, before it is parsed.
import { ClonedError } from 'cloned/kernel'
import fp from 'fastify-plugin'

/** As deep as the input of a tool call may be, and what an envelope adds. */
const MAX_DEPTH = 80

export const bodies = fp(
  async (app) => {
    app.removeAllContentTypeParsers()
    const parse = app.getDefaultJsonParser('error', 'error')
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
      // A POST with nothing to say may still name its type.
      if (body.length === 0) return done(null, undefined)
      if (depthOf(String(body)) <= MAX_DEPTH) return parse(request, String(body), done)
      return done(new ClonedError('API_REQUEST', { problem: `body: nested deeper than ${MAX_DEPTH} levels` }))
    })
  },
  { name: 'cloned-api-bodies', fastify: '5.x' },
)

/** How deep the brackets of a JSON text go; at least as deep as what a parser makes of it. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // A string: brackets in it do not count.
        for (at++; at < text.length && text.charCodeAt(at) !== 0x22; at++) if (text.charCodeAt(at) === 0x5c) at++
        break
      case 0x5b:
      case 0x7b:
        deepest = Math.max(deepest, ++depth)
        break
      case 0x5d:
      case 0x7d:
        depth--
    }
  }
  return deepest
}
