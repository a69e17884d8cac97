// Decides whether a build is as it was made, before any other part of it is loaded; it can vouch for everything but itself.
import { hash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { arch, platform, version, versions } from 'node:process'

/** Directories that code and addons are loaded from; beside them a user may keep files. */
const LOADED = ['app', 'node_modules', 'packages']
const AGAIN = 'Take the build from where it was made again.'

/** The part of a lock that says what the build is and where it runs. */
interface Built {
  readonly files: Readonly<Record<string, string>>
  readonly platforms?: readonly string[]
  /** Member of `process.versions` → the first that serves. */
  readonly node?: Readonly<Record<string, string>>
}

/** Throws for the first file that is missing, changed, or was not built. `root` is the URL of the directory, ending in a slash. */
export function check(root: URL, lockDigest: string): void {
  const lock = read(new URL('distribution.lock.json', root), 'distribution.lock.json', lockDigest)
  const { files, platforms, node = {} } = JSON.parse(lock.toString()) as Built
  for (const [path, digest] of Object.entries(files)) {
    // Nothing loads a source map by itself.
    if (!path.endsWith('.map')) read(place(root, path), path, digest)
  }
  for (const directory of LOADED) {
    const foreign = below(root, directory).find((path) => !Object.hasOwn(files, path))
    // Node, and the loaders of addons, look in several places: an added file would be found before one that was checked.
    if (foreign) throw fail('BUILD_TAMPERED', `${foreign} was not built.`, 'Remove it.', 5)
  }
  if (platforms && !platforms.includes(`${platform}-${arch}`)) {
    const problem = `this build is for ${platforms.join(', ')}, and this is ${platform}-${arch}.`
    throw fail('BUILD_PLATFORM', problem, 'Build it here: cloned build', 1)
  }
  for (const [part, first] of Object.entries(node)) {
    const found = versions[part]
    if (found !== undefined && !isBefore(found, first)) continue
    const problem = `this build needs a Node with ${part} ${first} or newer in it, and ${version} has ${found ?? 'none'}.`
    throw fail('BUILD_NODE', problem, 'Run it with a newer Node, or build it with its addons: cloned build', 1)
  }
}

function isBefore(found: string, first: string): boolean {
  const [one, other] = [found, first].map((text) => text.split('.').map(Number))
  const at = other?.findIndex((part, i) => part !== (one?.[i] ?? 0)) ?? -1
  return at >= 0 && (one?.[at] ?? 0) < (other?.[at] ?? 0)
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
    throw fail('BUILD_TAMPERED', `${path} cannot be read (${(cause as NodeJS.ErrnoException).code}).`, AGAIN, 5, cause)
  }
  if (`sha256-${hash('sha256', content)}` === digest) return content
  throw changed(path)
}

/** Says that a file has other bytes than it was built with. */
export function changed(path: string): Error {
  return fail('BUILD_TAMPERED', `${path} is not the file that was built.`, AGAIN, 5)
}

/** An error as `cloned` tells its own. What a stranger may have named cannot steer a terminal. */
export function fail(code: string, text: string, help: string, exit: number, cause?: unknown): Error {
  const message = text.replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { code, help, exit })
}
