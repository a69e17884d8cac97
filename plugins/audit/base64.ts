// Decodes standard base64 in its one canonical spelling; must never accept a second spelling of the same bytes.

/** The bytes, or `undefined` for anything but padded, canonical RFC 4648 section 4 base64. */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  // Node skips what it does not know and takes the URL alphabet too; only the round trip tells.
  return bytes.toString('base64') === text ? bytes : undefined
}
