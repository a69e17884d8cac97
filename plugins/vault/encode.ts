// Encodes a value for the place in a request that it goes to; what a place cannot hold is refused, never bent to fit.

/** The text for a slot, or the reason why there is none. `slot` has been checked to be one. */
export function encodeFor(slot: string, value: Buffer): { readonly text: string } | { readonly problem: string } {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value)
  } catch {
    return { problem: 'the value is not UTF-8 text' }
  }
  switch (slot.slice(0, slot.indexOf(':'))) {
    case 'header':
      // A line break would begin another header or another request; other bytes are read differently by every server.
      return /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(text)
        ? { text }
        : { problem: 'the value holds a line break or another character that no header can' }
    case 'query':
      return { text: percent(text) }
    case 'path':
      // URL parsers drop such a segment, and the one before it.
      return text === '.' || text === '..'
        ? { problem: 'the value would be a step in a path' }
        : { text: percent(text) }
    case 'form':
      return { text: percent(text).replaceAll('%20', '+') }
    case 'json':
      return { text: JSON.stringify(text).slice(1, -1) }
    default:
      return { problem: 'there is no such slot' }
  }
}

/** As `encodeURIComponent`, and the five characters too that it leaves and some servers give a meaning. */
function percent(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}
