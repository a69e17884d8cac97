// Decides which names an artifact may have; a name must never mean anything but one file in one directory, anywhere.

/** Characters of a name, and the media types that names may have; the same patterns stand in the manifest's schema. */
export const FILENAME = '^[\\p{L}\\p{N}][\\p{L}\\p{M}\\p{N} ._()+-]*$'
export const MEDIA_TYPE = '^[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*(; charset=utf-8)?$'
export const MAX_FILENAME = 120

// Most file systems take 255 bytes; a few of them are left for those who copy the file under a longer name.
const MAX_BYTES = 200
const RESERVED_ON_WINDOWS = /^(con|prn|aux|nul|(com|lpt)[\d¹²³])(\.|$)/i
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

const mediaType = new RegExp(MEDIA_TYPE)

export function isMediaType(type: string): boolean {
  return type.length <= 127 && mediaType.test(type)
}

const BY_EXTENSION: Readonly<Record<string, string>> = {
  csv: 'text/csv; charset=utf-8',
  gif: 'image/gif',
  html: 'text/html; charset=utf-8',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  json: 'application/json',
  md: 'text/markdown; charset=utf-8',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
  webp: 'image/webp',
  xml: 'application/xml',
  yaml: 'application/yaml',
}

/** The media type of a name that comes without one; text when the name does not tell. */
export function mediaTypeOf(filename: string): string {
  return knownType(filename) ?? 'text/plain; charset=utf-8'
}

/** The media type that the extension of a name stands for, if it is one of those known here. */
export function knownType(filename: string): string | undefined {
  const extension = filename.slice(filename.lastIndexOf('.') + 1).toLowerCase()
  return Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined
}
