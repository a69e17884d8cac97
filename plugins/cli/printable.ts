// Makes untrusted text safe to print; nothing that steers a terminal, reorders text or hides it may pass.

/**
 * Controls (C0, DEL, C1), format characters (bidirectional overrides, zero-width characters, tags), line separators
 * and halves of surrogate pairs.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu

/**
 * Escapes what a terminal would not show as it is, as `\u001b` or `\u{e0041}`. One line goes in, one line comes out; with
 * `lines`, line feeds stay. A text without such characters comes back unchanged.
 */
export function printable(text: string, { lines = false }: { readonly lines?: boolean } = {}): string {
  return text.replace(UNSAFE, (character) => (lines && character === '\n' ? character : escaped(character)))
}

function escaped(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  if (character === '\r') return '\\r'
  const point = character.codePointAt(0) ?? 0
  return point > 0xffff ? `\\u{${point.toString(16)}}` : `\\u${point.toString(16).padStart(4, '0')}`
}
