// Decides whether a build is as it was made, before any other part of it is loaded; it can vouch for everything but itself.
import { hash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { arch, platform } from 'node:process'

/** Directories that code and addons are loaded from; beside them a user may keep files. */
const LOADED = ['app', 'node_modules', 'packages']

/** Throws for the first file that is missing, changed, or was not built. `root` is the URL of the directory, ending in a slash. */
export function check(root: URL, lockDigest: string): void {
  const lock = read(new URL('distribution.lock.json', root), 'distribution.lock.json', lockDigest)
  const { files, platforms } = JSON.parse(lock.toString()) as { files: Record<string, string>; platforms?: string[] }
  for (const [path, digest] of Object.entries(files)) {
    // Nothing loads a source map by itself.
    if (!path.endsWith('.map')) read(place(root, path), path, digest)
  }
  for (const directory of LOADED) {
    const foreign = below(root, directory).find((path) => !Object.hasOwn(files, path))
    // Node, and the loaders of addons, look in several places: an added file would be found before one that was checked.
    if (foreign) throw fail('BUILD_TAMPERED', `${foreign} was not built. Remove it`, 5)
  }
  if (platforms && !platforms.includes(`${platform}-${arch}`)) {
    const problem = `this build is for ${platforms.join(', ')}, and this is ${platform}-${arch}`
    throw fail('BUILD_PLATFORM', `${problem}. Build it here: cloned build`, 1)
  }
}

/** Paths of all files; a link counts as one, wherever it leads. */
function below(root: URL, directory: string): string[] {
  const at = place(root, `${directory}/`)
  if (!existsSync(at)) return []
  return readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`
    return entry.isDirectory() ? below(root, path) : [path]
  })
}

function place(root: URL, path: string): URL {
  return new URL(path.split('/').map(encodeURIComponent).join('/'), root)
}

function read(url: URL, path: string, digest: string): Buffer {
  let content: Buffer
  try {
    content = readFileSync(url)
  } catch (cause) {
    throw fail('BUILD_TAMPERED', `${path} cannot be read (${(cause as NodeJS.ErrnoException).code})`, 5, cause)
  }
  if (`sha256-${hash('sha256', content)}` === digest) return content
  throw fail('BUILD_TAMPERED', `${path} is not the file that was built. Take the build from where it was made again`, 5)
}

function fail(code: string, text: string, exit: number, cause?: unknown): Error {
  return Object.assign(new Error(`${text}.`, cause === undefined ? undefined : { cause }), { code, exit })
}
