// Runs the compiled programs of test/fixtures as real processes; ends them with the test, whatever happened.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A running program that talks in lines. */
export interface Child {
  /** The next line of its standard output. Rejects when it ends before. */
  line(): Promise<string>
  /** Every further line, until it ends. */
  rest(): Promise<string[]>
  say(line: string): void
  /** Ends it as `kill -9` does and waits until it is gone. */
  kill(): Promise<void>
  /** Waits for its end; answers its exit code. */
  ended(): Promise<number | null>
}

/** Starts `test/fixtures/<name>.ts` in its compiled form. */
export function startChild(name: string, ...args: string[]): Child {
  const program = fileURLToPath(new URL(`../dist/test/fixtures/${name}.js`, import.meta.url))
  if (!existsSync(program)) throw new Error(`${program} is missing: run "npm run build" first`)
  const child: ChildProcess = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const gone = once(child, 'close').then(([code]) => code as number | null)
  // Collected by hand: readline's iterator lost lines of a child that was killed.
  let text = ''
  let over = false
  let wake = (): void => {}
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
    wake()
  })
  void gone.then(() => {
    over = true
    wake()
  })
  const next = async (): Promise<string | undefined> => {
    for (;;) {
      const end = text.indexOf('\n')
      if (end >= 0) {
        const line = text.slice(0, end)
        text = text.slice(end + 1)
        return line
      }
      if (over) return undefined
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
  return {
    async line() {
      const line = await next()
      if (line === undefined) throw new Error(`${name} ended with ${await gone} before it said anything more`)
      return line
    },
    async rest() {
      const all: string[] = []
      for (let line = await next(); line !== undefined; line = await next()) all.push(line)
      return all
    },
    say: (line) => void child.stdin?.write(`${line}\n`),
    async kill() {
      child.kill('SIGKILL')
      await gone
    },
    ended: () => gone,
  }
}
