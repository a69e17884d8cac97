// Runs the program of a build, or says why it does not start; must never load anything to tell its version.
import { realpathSync } from 'node:fs'
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'

/** What a build with a command line exports. */
interface Program {
  readonly default: unknown
  main(distribution: unknown, argv: readonly string[]): Promise<unknown>
}

/** Whether Node was started with this module, and does not only import it. */
export function isStarted(url: string): boolean {
  if (!isMainThread || argv[1] === undefined) return false
  try {
    return realpathSync(argv[1]) === realpathSync(fileURLToPath(url))
  } catch {
    // What `node -e` was given beside its code need not be a file.
    return false
  }
}

/** An error is told as every command of the program tells its own: in one document where `--json` asks for it. */
export async function start(version: string, load: () => Promise<Program>): Promise<void> {
  const words = argv.slice(2)
  // Asked for often, by scripts.
  if (words.length === 1 && (words[0] === '--version' || words[0] === '-v')) return console.log(version)
  try {
    const { default: distribution, main } = await load()
    await main(distribution, words)
  } catch (thrown) {
    const { code = 'COMMAND_FAILED', message, help = '', exit = 1 } = thrown as Partial<Told> & Error
    const own = words.includes('--') ? words.slice(0, words.indexOf('--')) : words
    if (own.includes('--json')) process.stdout.write(`${JSON.stringify({ error: { code, message, help } }, null, 2)}\n`)
    else process.stderr.write(`error ${code} ${message}\n${help && `  ${help}\n`}`)
    process.exitCode = exit
  }
}

interface Told {
  readonly code: string
  readonly help: string
  readonly exit: number
}
