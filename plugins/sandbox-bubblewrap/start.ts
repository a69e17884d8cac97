// Starts a program in a sandbox and waits for the proof that it is one; must leave nothing running when there is none.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import type { Readable, Writable } from 'node:stream'
import { ClonedError } from 'cloned/kernel'
import type { Ended, SandboxProcess, SandboxProgram } from '../sandbox/slot.js'
import { PROOF_FD, type Proof } from './agreed.js'
import { argumentsFd, bubblewrapArguments, FILTER_FD, type Parts } from './arguments.js'
import { withoutInherited } from './descriptors.js'
import { type Group, makeGroup } from './group.js'
import { type Share, watchShare } from './share.js'

const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts']
/** The streams, the filter, the proof. */
const PIPES = ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'] as const
const START_MS = 15_000
const MAX_PROOF = 64 * 1024
const MAX_WORDS = 2000

/** What a backend starts with. */
export interface Launcher extends Parts {
  /** Absolute path of `bwrap`. */
  readonly bubblewrap: string
  readonly filter: Buffer
  readonly share: Share
}

/** Rejects with `SANDBOX_ESCAPED` or `SANDBOX_FAILED`. */
export async function start(launcher: Launcher, program: SandboxProgram): Promise<SandboxProcess> {
  const nonce = randomBytes(16).toString('hex')
  const host = Object.fromEntries(NAMESPACES.map((name) => [name, readlinkSync(`/proc/self/ns/${name}`)]))
  const { open, secret } = bubblewrapArguments(program, launcher, { nonce, host, listen: program.egress !== undefined })
  const streams = [...PIPES, ...(program.egress ? (['ipc'] as const) : []), 'pipe'] as const
  // Above what is watched, so that whoever takes too much is ended with words; the kernel only says no.
  const group = makeGroup(nonce, { tasks: 2 * launcher.share.tasks, bytes: 2 * launcher.share.bytes })
  const [command, ...words] = within(group, [launcher.bubblewrap, ...open])
  const child: ChildProcess = withoutInherited(streams, (stdio) =>
    spawn(command, words, {
      // The first process in the sandbox keeps this environment, where everybody inside can read it.
      env: {},
      cwd: '/',
      // A group of its own, so that a Ctrl-C in the terminal is not for it.
      detached: true,
      stdio,
    }),
  )
  const kill = () => void child.kill('SIGKILL')
  // Read before anything runs, or bwrap has ended and said why.
  const secretly = child.stdio[argumentsFd(program)] as Writable
  secretly.on('error', () => undefined).end(secret)
  let problem: string | undefined
  const stopWatching = watchShare(child.pid, launcher.share, (excess) => {
    problem = excess
    kill()
  })
  child.once('exit', stopWatching)
  const ended = new Promise<Ended>((resolve) => {
    const end = (how: Ended) => {
      group?.remove()
      resolve(how)
    }
    child.once('error', () => end({ code: null, signal: null }))
    child.once('close', (code, signal) => end({ code, signal, ...(problem === undefined ? {} : { problem }) }))
  })
  try {
    if (program.egress) handover(child, nonce, program.egress)
    await proved(child, launcher, program, nonce)
  } catch (error) {
    kill()
    throw error
  }
  const [stdin, stdout, stderr] = child.stdio as unknown as [Writable, Readable, Readable]
  return { stdin, stdout, stderr, backend: 'bubblewrap', ended, kill }
}

/** The command that runs another one in a group. */
function within(group: Group | undefined, command: readonly [string, ...string[]]): readonly [string, ...string[]] {
  if (!group) return command
  const enter = group.directories.map((directory) => `echo $$ >${directory}/cgroup.procs`).join(' && ')
  return ['/bin/sh', '-c', `${enter} && exec "$@"`, 'sh', ...command]
}

/** Resolves once the inside has said that it found no way out. */
function proved(child: ChildProcess, { filter }: Launcher, program: SandboxProgram, nonce: string): Promise<void> {
  const { connector } = program
  const proof = child.stdio[PROOF_FD] as Readable
  const input = child.stdio[FILTER_FD] as Writable
  const words: Buffer[] = []
  const listen = (chunk: Buffer) => void words.push(chunk.subarray(0, MAX_WORDS))
  return new Promise<void>((resolve, reject) => {
    const failed = (problem: string) => reject(new ClonedError('SANDBOX_FAILED', { connector, problem }))
    const timer = setTimeout(() => failed(`it did not start within ${START_MS / 1000} s`), START_MS)
    const settle = (how: () => void) => {
      clearTimeout(timer)
      child.stderr?.off('data', listen)
      how()
    }
    child.once('error', (error) => settle(() => failed(error.message)))
    child.once('close', (code) => {
      const said = Buffer.concat(words).toString('utf8').slice(0, MAX_WORDS).trim()
      settle(() => failed(`it ended with code ${code}${said === '' ? '' : `: ${said}`}`))
    })
    // The filter is read, or bwrap has ended and said why.
    input.on('error', () => undefined).end(filter)
    child.stderr?.on('data', listen)
    let text = ''
    proof.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end < 0 && text.length < MAX_PROOF) return
      settle(() => {
        const { nonce: answered, escaped } = parsed(text.slice(0, end))
        if (answered !== nonce) failed('its proof is not the one that was asked for')
        else if (escaped.length === 0) resolve()
        else reject(new ClonedError('SANDBOX_ESCAPED', { connector, ways: escaped.join('; ') }))
      })
    })
  }).finally(() => {
    child.stderr?.pause()
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

/** Takes the listener, once; the inside closes the channel then, before the program could speak on it. */
function handover(child: ChildProcess, nonce: string, egress: (listener: unknown) => void): void {
  child.once('message', (message, listener) => {
    if ((message as { nonce?: unknown } | null)?.nonce === nonce && listener) egress(listener)
    child.send('held')
  })
}
