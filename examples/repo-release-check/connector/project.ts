// Holds what is known of a project, as the file tools of the host answered it; reads nothing itself.

/** package.json, as far as it can be relied on: anything may stand there. */
export interface Package {
  readonly [field: string]: unknown
}

/** What stands in the project, by paths relative to its directory. */
export interface Listed {
  readonly files: ReadonlySet<string>
  readonly directories: ReadonlySet<string>
}

/** One answer of `cloned.internal.fs.list@v1`. */
export interface ListAnswer {
  readonly entries: readonly { readonly path: string; readonly kind: string }[]
}

/** One answer of `cloned.internal.fs.read@v1`. */
export interface ReadAnswer {
  readonly path: string
  readonly content: string
  readonly sha256: string
}

/** The JSON object in a text, or why there is none. */
export function objectIn(text: string): Package | string {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Package)
      : 'is no JSON object'
  } catch (error) {
    return `is not JSON: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Puts several answers together. */
export function listed(answers: readonly ListAnswer[], directory: string): Listed {
  const entries = answers.flatMap(({ entries }) => entries)
  const named = (kind: string) =>
    new Set(entries.filter((entry) => entry.kind === kind).map(({ path }) => inside(path, directory)))
  return { files: named('file'), directories: named('directory') }
}

/** A path of the workspace as one of the project. */
export function inside(path: string, directory: string): string {
  return directory === '.' ? path : path.slice(directory.length + 1)
}

/** A directory as the host writes paths: no `./`, no slash at the end. */
export function plain(directory: string): string {
  const parts = directory.split('/').filter((part) => part !== '' && part !== '.')
  return parts.join('/') || '.'
}
