// Starts a program by a command that confines it, and waits for the proof that it does; leaves nothing running without one.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ClonedError } from 'cloned/kernel'
import type { Ended, SandboxProcess, SandboxProgram } from '../sandbox/slot.js'
import { type Inside, PROOF_FD, type Proof, VARIABLE } from './agreed.js'

const START_MS = 15_000
const MAX_PROOF = 64 * 1024
const MAX_WORDS = 2000
const ENVIRONMENT = { PATH: '/usr/bin:/bin', HOME: '/tmp', TMPDIR: '/tmp', LANG: 'C.UTF-8' }
/** Descriptor 3 ends when this process does, after a kill -9 too; whoever waits for that then kills the whole group. */
const GUARD = '( exec </dev/null >/dev/null 2>&1 4>&-; cat <&3; kill -KILL 0 ) & exec 3<&-;'

/** `wrap` answers a command for a shell that runs this one confined. Rejects with `SANDBOX_ESCAPED` or `SANDBOX_FAILED`. */
export async function start(
  program: SandboxProgram,
  wrap: (command: string) => Promise<string>,
): Promise<SandboxProcess> {
  const own = mkdtempSync(join(tmpdir(), 'cloned-canary-'))
  const canary = join(own, 'canary')
  writeFileSync(canary, '', { mode: 0o600 })
  const nonce = randomBytes(16).toString('hex')
  const inside: Inside = {
    nonce,
    canary,
    home: homedir(),
    host: process.pid,
    // Shells set some of their own, macOS one of its text encoding.
    environment: [...Object.keys(ENVIRONMENT), 'PWD', 'OLDPWD', 'SHLVL', '_', '__CF_USER_TEXT_ENCODING'],
    modules: modulesOf(program),
  }
  const command = await wrap(commandOf(program, inside))
  const child = spawn('/bin/sh', ['-c', `${GUARD} ${command}`], {
    cwd: program.directory,
    env: ENVIRONMENT,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
  })
  const life = child.stdio[3] as Writable
  life.on('error', () => undefined)
  const ended = new Promise<Ended>((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }))
    child.once('exit', (code, signal) => {
      // The group outlives its first process in what that has started.
      life.destroy()
      resolve({ code, signal })
    })
  })
  const kill = () => killGroup(child.pid)
  try {
    await proved(child, program.connector, nonce)
  } catch (error) {
    kill()
    throw error
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
  const [stdin, stdout, stderr] = child.stdio as unknown as [Writable, Readable, Readable]
  return { stdin, stdout, stderr, backend: 'sandbox-runtime', ended, kill }
}

/** The trial first, then the program in its place; nothing of what the package sets stays in the environment. */
function commandOf({ command: [name = '', ...rest] }: SandboxProgram, inside: Inside): string {
  const here = import.meta.url
  const compiled = here.endsWith('.ts') ? '../../dist/plugins/sandbox-runtime/inside.js' : './inside.js'
  const trial = fileURLToPath(new URL(compiled, here))
  const node = process.execPath
  const environment = Object.entries({ ...ENVIRONMENT, [VARIABLE]: JSON.stringify(inside) })
  const words = [
    ...['exec', '/usr/bin/env', '-i', ...environment.map(([key, value]) => `${key}=${value}`)],
    ...(name === 'node'
      ? [node, '--import', trial, ...rest]
      : ['/bin/sh', '-c', `"$0" "$1" && unset ${VARIABLE} && shift && exec 4>&- "$@"`, node, trial, name, ...rest]),
  ]
  return words.map((word, i) => (i === 0 ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}

function modulesOf({ shared }: SandboxProgram): Inside['modules'] {
  const entries = Object.entries(shared?.modules ?? {})
  return Object.fromEntries(entries.map(([name, path]) => [name, pathToFileURL(join(shared?.root ?? '', path)).href]))
}

/** Resolves once the inside has said that it found no way out. */
function proved(child: ChildProcess, connector: string, nonce: string): Promise<void> {
  const proof = child.stdio[PROOF_FD] as Readable
  const words: Buffer[] = []
  const listen = (chunk: Buffer) => void words.push(chunk.subarray(0, MAX_WORDS))
  child.stderr?.on('data', listen)
  return new Promise<void>((resolve, reject) => {
    const failed = (problem: string) => reject(new ClonedError('SANDBOX_FAILED', { connector, problem }))
    const timer = setTimeout(() => failed(`it did not start within ${START_MS / 1000} s`), START_MS)
    child.once('error', (error) => failed(error.message))
    child.once('close', (code) => {
      const said = Buffer.concat(words).toString('utf8').slice(0, MAX_WORDS).trim()
      failed(`it ended with code ${code}${said === '' ? '' : `: ${said}`}`)
    })
    let text = ''
    proof.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end < 0 && text.length < MAX_PROOF) return
      clearTimeout(timer)
      const { nonce: answered, escaped } = parsed(text.slice(0, end))
      if (answered !== nonce) failed('its proof is not the one that was asked for')
      else if (escaped.length > 0) reject(new ClonedError('SANDBOX_ESCAPED', { connector, ways: escaped.join('; ') }))
      else resolve()
    })
  }).finally(() => {
    child.stderr?.off('data', listen).pause()
    proof.destroy()
  })
}

function parsed(line: string): Proof {
  try {
    return JSON.parse(line) as Proof
  } catch {
    return { nonce: '', escaped: [] }
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
