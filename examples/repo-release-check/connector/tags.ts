// Reads the names of the tags of a git repository out of its own files; runs no git and follows no reference.

/** Tags of `.git/packed-refs` and of the files below `.git/refs/tags`, sorted. */
export function tagsOf(packedRefs: string, files: Iterable<string>): readonly string[] {
  const packed = packedRefs.split('\n').flatMap((line) => /^[0-9a-f]{40,64} refs\/tags\/(\S+)$/.exec(line)?.[1] ?? [])
  const loose = [...files].flatMap((path) => /^\.git\/refs\/tags\/(.+)$/.exec(path)?.[1] ?? [])
  return [...new Set([...packed, ...loose])].sort()
}
