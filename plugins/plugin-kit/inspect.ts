// Runs the program that loads a package and gathers what it tells; a process that dies or hangs is a broken rule.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Message, RuleResult, Wish } from './report.js'

/** How long one rule may take; the slowest of ours takes a few seconds. */
const PATIENCE_MS = 60_000

/** How long to read on what a process that has ended had written. */
const DRAIN_MS = 500

/** Loading it may read files and nothing else: the flag that says so was renamed in Node 22.13. */
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission'
const READ_ONLY = [PERMISSION, '--allow-fs-read=*']

export interface Inspection {
  readonly rules: readonly RuleResult[]
  readonly plugins: readonly { readonly id: string; readonly version: string; readonly stability: string }[]
}

/** Loads the package from `from`, as `wish` says, in a process with nothing of this one's environment. */
export async function inspect(
  from: string,
  wish: Omit<Wish, 'directory' | 'word'>,
  { signal, onRule }: { readonly signal: AbortSignal; readonly onRule: (name: string) => void },
): Promise<Inspection> {
  const directory = mkdtempSync(join(tmpdir(), 'cloned-verify-'))
  try {
    return await run(from, { ...wish, directory, word: randomBytes(16).toString('hex') }, signal, onRule)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function run(from: string, wish: Wish, signal: AbortSignal, onRule: (name: string) => void): Promise<Inspection> {
  const program = new URL('./verify-child.js', import.meta.url).href
  // Evaluated, so that names resolve from the directory that the process is in.
  const text = `const { verify } = await import(${JSON.stringify(program)})
await verify((specifier) => import(specifier))`

  const child = spawn(
    process.execPath,
    ['--no-warnings', ...(wish.mode === 'import' ? READ_ONLY : []), '--input-type=module', '--eval', text],
    {
      cwd: from,
      env: { PATH: '/usr/bin:/bin', HOME: wish.directory, TMPDIR: wish.directory },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  )
  child.send(wish)
  const rules: RuleResult[] = []
  const plugins: Inspection['plugins'][number][] = []
  let doing = 'starting'
  let ended = false
  let output = ''
  return new Promise((resolve, reject) => {
    const kill = (why: string) => {
      rules.push({ name: 'it comes to an end', problem: `${why} while ${doing}` })
      ended = true
      child.kill('SIGKILL')
    }
    const arm = () => setTimeout(() => kill(`nothing was heard of it for ${PATIENCE_MS / 1000} s`), PATIENCE_MS)
    let timer = arm()
    const cancel = () => child.kill('SIGKILL')
    signal.addEventListener('abort', cancel, { once: true })
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (piece: string) => {
        output = (output + piece).slice(0, 2_000)
      })
    }
    child.on('message', (told: Message | null) => {
      // The package can send messages too, and could say that it keeps every rule.
      if (told?.word !== wish.word) return ended ? undefined : kill('it told something itself')
      clearTimeout(timer)
      timer = arm()
      if ('rule' in told) rules.push(told.rule)
      else if ('plugin' in told) plugins.push(told.plugin)
      else if ('doing' in told) {
        doing = told.doing
        onRule(doing)
      } else ended = true
    })
    child.on('error', reject)
    // A process that the package left behind may hold the pipes open for as long as it likes.
    child.on('exit', () =>
      setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, DRAIN_MS).unref(),
    )
    child.on('close', (code, by) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', cancel)
      if (!ended && !signal.aborted) {
        rules.push({
          name: 'it comes to an end',
          problem: `the process ended with ${code ?? by} while ${doing}: ${output}`,
        })
      } else if (wish.mode === 'import') {
        const problem = output.trim()
        rules.push({ name: 'importing it writes nothing to the terminal', ...(problem === '' ? {} : { problem }) })
      }
      resolve({ rules, plugins })
    })
  })
}
