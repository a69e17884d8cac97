// Runs a program with a text on its standard input; it is ended with all that it started when its time is up.
import { spawn } from 'node:child_process'

interface HookRun {
  /** Absolute path. */
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly input: string
}

/** Resolves when the program has ended with code 0; rejects with the reason otherwise. No shell; its output is not read. */
export function runHook({ program, args, env, timeoutMs, input }: HookRun): Promise<void> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that what it leaves behind can be ended with it.
    const detached = process.platform !== 'win32'
    const child = spawn(program, args, { env, shell: false, cwd: '/', detached, stdio: ['pipe', 'ignore', 'ignore'] })
    const timer = setTimeout(() => {
      if (detached && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      else child.kill('SIGKILL')
      end(`it did not end within ${timeoutMs} ms`)
    }, timeoutMs)
    const end = (problem: string | undefined) => {
      clearTimeout(timer)
      if (problem === undefined) resolve()
      else reject(new Error(problem))
    }
    child.on('error', (error: NodeJS.ErrnoException) => end(`it could not be started (${error.code ?? error.name})`))
    child.on('exit', (code, signal) => {
      end(code === 0 ? undefined : signal ? `it was ended by ${signal}` : `it ended with code ${code}`)
    })
    // A program that does not read is none of our errors: how it ends says whether it took the request.
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}
