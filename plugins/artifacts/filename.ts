// Decides which names an artifact may have; a name must never mean anything but one file in one directory, anywhere.

/** Characters of a name, and the media types that names may have; the same patterns stand in the manifest's schema. */
export const FILENAME = '^[\\p{L}\\p{N}][\\p{L}\\p{M}\\p{N} ._()+-]*$'
export const MEDIA_TYPE = '^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*(; charset=utf-8)?$'
export const MAX_FILENAME = 120

// Most file systems take 255 bytes; a few of them are left for those who copy the file under a longer name.
const MAX_BYTES = 200
const RESERVED_ON_WINDOWS = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i
const pattern = new RegExp(FILENAME, 'u')

/** Why a name is refused, or `undefined` when it is good. */
export function filenameProblem(name: string): string | undefined {
  if (name.length > MAX_FILENAME || Buffer.byteLength(name) > MAX_BYTES) return 'its file name is too long'
  if (!pattern.test(name)) return 'its file name holds more than letters, digits, spaces and ._()+- or starts with none'
  if (name !== name.normalize('NFC')) return 'its file name is not in Unicode form NFC'
  if (/[ .]$/.test(name)) return 'its file name ends in a space or a dot'
  if (RESERVED_ON_WINDOWS.test(name)) return 'its file name means a device on Windows'
  return undefined
}

const BY_EXTENSION: Readonly<Record<string, string>> = {
  csv: 'text/csv; charset=utf-8',
  html: 'text/html; charset=utf-8',
  json: 'application/json',
  md: 'text/markdown; charset=utf-8',
  svg: 'image/svg+xml',
  xml: 'application/xml',
  yaml: 'application/yaml',
}

/** The media type of a name that comes without one. Content is text, so that is the answer for what is not known. */
export function mediaTypeOf(filename: string): string {
  const extension = filename.slice(filename.lastIndexOf('.') + 1).toLowerCase()
  return (Object.hasOwn(BY_EXTENSION, extension) && BY_EXTENSION[extension]) || 'text/plain; charset=utf-8'
}
