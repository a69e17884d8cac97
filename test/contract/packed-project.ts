// Packs this package and every replacement, and installs the tarballs in one project; must never link into the sources.
import { execFile } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const DIST = join(ROOT, 'dist')
const run = promisify(execFile)

/** Directories of `examples/replace`, by name. */
export const REPLACED = readdirSync(join(ROOT, 'examples/replace'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(entry.parentPath, entry.name, 'contract.ts')))
  .map(({ name }) => name)

/** A project of somebody else, with everything installed from tarballs. */
export interface PackedProject {
  /** Where it is. */
  readonly directory: string
  /** The JSON that `test/fixtures/PROGRAM.ts`, copied into the project, prints. */
  run(program: string, ...args: readonly string[]): Promise<unknown>
  /** The JSON that a command of the installed command line prints. */
  cloned(...argv: readonly string[]): Promise<unknown>
  remove(): void
}

/** Name of the package of a replacement. */
export function packageOf(name: string): string {
  return (JSON.parse(readFileSync(join(ROOT, 'examples/replace', name, 'package.json'), 'utf8')) as { name: string })
    .name
}

export async function packedProject(): Promise<PackedProject> {
  const built = REPLACED.map((name) => join(DIST, 'examples/replace', name))
  const missing = built.find((directory) => !existsSync(join(directory, 'contract.js')))
  if (missing !== undefined) throw new Error(`${missing} is not built: run "npm run build" first`)
  const directory = mkdtempSync(join(tmpdir(), 'cloned-packed-'))
  const packed = join(directory, 'packed')
  mkdirSync(packed)
  mkdirSync(join(directory, 'tmp'))
  writeFileSync(join(directory, 'package.json'), '{ "name": "packed", "private": true, "type": "module" }\n')
  await npm(directory, 'pack', '--ignore-scripts', '--pack-destination', packed, ROOT, ...built)
  const tarballs = readdirSync(packed).map((name) => join(packed, name))
  if (tarballs.length !== built.length + 1) throw new Error(`packed ${tarballs.length} of ${built.length + 1} packages`)
  const quietly = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
  await npm(directory, 'install', ...quietly, ...tarballs)
  // Each is a whole command line at work, so they take turns on what is usually at least two cores.
  const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()]
  let turn = 0
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const lane = turn++ % lanes.length
    const result = (lanes[lane] ?? Promise.resolve()).then(work)
    lanes[lane] = result.catch(() => undefined)
    return result
  }
  // What they leave in the temporary directory goes with the project.
  const env = { ...process.env, TMPDIR: join(directory, 'tmp') }
  const node = (...args: readonly string[]) =>
    inTurn(async () => {
      const options = { cwd: directory, env, maxBuffer: 64 * 1024 * 1024 }
      // A command says by its exit code that it found something, and in its document what: the caller looks there.
      const { stdout } = await run(process.execPath, args, options).catch((error: { stdout?: string }) => {
        if (error.stdout) return { stdout: error.stdout }
        throw error
      })
      return JSON.parse(stdout) as unknown
    })
  return {
    directory,
    run(program, ...args) {
      copyFileSync(join(DIST, 'test/fixtures', `${program}.js`), join(directory, `${program}.js`))
      return node(`${program}.js`, ...args)
    },
    cloned: (...argv) => node(join('node_modules', 'cloned', 'dist', 'plugins', 'bin.js'), ...argv),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

async function npm(cwd: string, ...args: readonly string[]): Promise<void> {
  const [command, ...first] = process.platform === 'win32' ? ['cmd', '/c', 'npm'] : ['npm']
  await run(command ?? 'npm', [...first, ...args], { cwd, maxBuffer: 64 * 1024 * 1024 })
}
