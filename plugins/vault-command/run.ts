// Runs a program for the one secret it prints; what it prints must never be shown, on success or failure.
import { spawn } from 'node:child_process'

/** Largest secret, bytes. */
const MAX_BYTES = 64 * 1024

export interface CommandRun {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
}

/** Why a run gave no secret, in words that hold nothing of what the program said. */
export class CommandProblem extends Error {}

/**
 * Standard output of the program, as bytes. No shell, no standard input; standard error is not read, because programs
 * quote what they were asked there. Throws {@link CommandProblem}.
 */
export function runCommand({ program, args, env, timeoutMs }: CommandRun): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, shell: false, stdio: ['ignore', 'pipe', 'ignore'], windowsHide: true })
    const chunks: Buffer[] = []
    let size = 0
    let ended = false
    const end = (problem: string | undefined) => {
      if (ended) return
      ended = true
      clearTimeout(timer)
      const output = problem === undefined ? Buffer.concat(chunks) : undefined
      for (const chunk of chunks) chunk.fill(0)
      if (output) return resolve(output)
      // A child that it has left behind may hold the pipe open for ever.
      child.stdout.destroy()
      child.kill('SIGKILL')
      reject(new CommandProblem(problem))
    }
    const timer = setTimeout(() => end(`it did not end within ${timeoutMs} ms`), timeoutMs)
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (ended || size > MAX_BYTES) {
        chunk.fill(0)
        end(`it printed more than ${MAX_BYTES} bytes`)
      } else chunks.push(chunk)
    })
    child.on('error', (error: NodeJS.ErrnoException) => end(`it could not be started (${error.code ?? error.name})`))
    child.on('close', (code, signal) => {
      if (code === 0) end(undefined)
      else end(signal ? `it was ended by ${signal}` : `it ended with code ${code}`)
    })
  })
}
