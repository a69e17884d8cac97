// Decides which paths a package may hold; must never pass one that means another file somewhere else.

const MAX_BYTES = 200
/** Names that Windows takes for devices, with any extension. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?$/
// Control characters, what Windows refuses in names, and what hides or turns text around in a listing.
const FORBIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}<>:"|?*\\]/u

/** The members that are not files of the connector. */
export const MANIFEST = 'package.manifest.json'
/** What an author writes by hand; never in a package unless it is asked for. */
export const DRAFT = 'connector.json'
export const SIGNATURE = 'package.sig'

/** Why a path cannot stand in a manifest; `undefined` when it can. */
export function pathProblem(path: string): string | undefined {
  if (Buffer.byteLength(path) > MAX_BYTES) return `is longer than ${MAX_BYTES} bytes`
  if (!path.isWellFormed() || path !== path.normalize('NFC')) return 'is not in normal form C'
  if (FORBIDDEN.test(path)) return 'has a character that not every system takes'
  for (const part of path.split('/')) {
    if (part === '' || part === '.' || part === '..') return 'is not a plain relative path'
    if (part.endsWith('.') || part.endsWith(' ')) return 'has a part that ends in a dot or a space'
    if (DEVICE.test(part.toLowerCase())) return 'has the name of a device'
  }
  return [MANIFEST, SIGNATURE].includes(foldPath(path)) ? 'is taken by the package itself' : undefined
}

/** Paths with one folding are one file on some system. */
export function foldPath(path: string): string {
  // Twice through case mapping: ẞ and ß, K (Kelvin) and k meet only so.
  return path.toUpperCase().toLowerCase().normalize('NFC')
}

/** The path that is or lies under another one, or is spelt like it; `undefined` when all can stand beside each other. */
export function collision(paths: readonly string[]): string | undefined {
  const files = new Set<string>()
  const directories = new Map<string, string>()
  for (const path of paths) {
    const folded = foldPath(path)
    if (files.has(folded) || directories.has(folded)) return path
    files.add(folded)
    const parts = path.split('/')
    for (let end = 1; end < parts.length; end++) {
      const directory = parts.slice(0, end).join('/')
      const key = foldPath(directory)
      // `A/x` and `a/y` are one directory on some systems and two on others.
      if (files.has(key) || (directories.get(key) ?? directory) !== directory) return path
      directories.set(key, directory)
    }
  }
  return undefined
}
