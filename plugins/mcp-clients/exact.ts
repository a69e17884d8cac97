// Shows words of somebody else's file exactly: every character but printable ASCII is escaped, and no secret gets through.

/** A text as it is, or quoted, with everything that is not printable ASCII as `\u{…}`. */
export function exact(text: string): string {
  const shown = text.replace(/[^\x20-\x7e]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${shown.replaceAll("'", "\\'")}'`
}

/** A command, word for word. */
export function exactCommand(words: readonly string[]): string {
  return words.map(exact).join(' ')
}
