// Decides whether a path passes through a protected name; must never be fooled by another spelling of the same file.

/** The longest path that is looked into; a longer one counts as protected. */
const MAX_PATH = 4096

/** The first part of a path that file systems may take for one of these names; `undefined` when there is none. */
export function protectedPart(path: string, names: readonly string[]): string | undefined {
  if (path.length > MAX_PATH) return 'a path too long to look into'
  const wanted = new Set(names.map(fold))
  return path.split(/[\\/]/).find((part) => wanted.has(fold(part)))
}

/**
 * One spelling for all that some file system confuses: case and Unicode composition (macOS, Windows), code points that
 * HFS+ ignores, NTFS stream names, and the dots and spaces that Windows drops from the end.
 */
export function fold(name: string): string {
  return name
    .normalize('NFKC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .replace(/(?<!^):.*$/s, '')
    .replace(/(?<=[^. ])[. ]+$/, '')
    .toUpperCase()
}
