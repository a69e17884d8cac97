// Makes untrusted text safe to print; nothing that steers a terminal, reorders text or hides it may pass.

/**
 * Controls (C0, DEL, C1), format characters (bidirectional overrides, zero-width characters, tags), everything else that
 * Unicode shows as nothing, line separators and halves of surrogate pairs. Only the two selectors that choose between text
 * and emoji stay: people write them all the time.
 */
const UNSAFE = /(?![\ufe0e\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Default_Ignorable_Code_Point}\u2028\u2029]/gu

/**
 * Escapes what a terminal would not show as it is, as `\u001b`. One line goes in, one line comes out; with `lines`, line
 * feeds stay. A text without such characters comes back unchanged, and JSON stays JSON of the same value.
 */
export function printable(text: string, { lines = false }: { readonly lines?: boolean } = {}): string {
  return text.replace(UNSAFE, (character) => (lines && character === '\n' ? character : escaped(character)))
}

function escaped(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\t') return '\\t'
  if (character === '\r') return '\\r'
  // By UTF-16 unit, as JSON escapes: a pair becomes two escapes.
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
