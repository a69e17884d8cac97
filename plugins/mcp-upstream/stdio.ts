// Speaks with a server over its standard streams; a line that is no message is left out, and one without end is its end.
import { eachLine } from 'cloned/connector'
import { describeThrown } from 'cloned/kernel'
import type { SandboxProcess } from '../sandbox/slot.js'
import type { Link, Via } from './link.js'
import { Peer, type PeerHandlers } from './peer.js'

/** Longest message of a server, bytes: a list of a thousand tools with all they say. */
const MAX_LINE = 32 * 1024 * 1024
/** Bytes that may wait to be read by a server. */
const MAX_UNREAD = 64 * 1024 * 1024
const KEPT = 1_200
const STOPPED = 'it was stopped'

export function stdioLink(
  process: SandboxProcess,
  handlers: Omit<PeerHandlers<Via>, 'broken'>,
  { now, graceMs }: { readonly now: () => number; readonly graceMs: number },
): Link {
  let problem: string | undefined
  const kill = (why: string = STOPPED) => {
    problem ??= why
    peer.close(new Error(problem))
    process.kill()
  }
  const peer: Peer<Via> = new Peer<Via>(
    (message) => {
      if (process.stdin.writableLength > MAX_UNREAD) kill('it does not read what it is sent')
      else process.stdin.write(`${JSON.stringify(message)}\n`)
    },
    { ...handlers, broken: kill },
    now,
  )
  // Its end is told by the process; a write that comes too late is no news.
  process.stdin.on('error', () => undefined)
  let said = ''
  process.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-KEPT)
  })
  eachLine(process.stdout, MAX_LINE, (line) => take(line, peer)).catch((error: unknown) => kill(describeThrown(error)))
  const ended = process.ended.then(({ code, signal, problem: excess }) => {
    const words = said.trim() === '' ? '' : ` and said: ${said.trim()}`
    problem ??= excess ?? `it ended with ${signal ?? `code ${code}`}${words}`
    peer.close(new Error(problem))
    return problem === STOPPED ? undefined : problem
  })
  return {
    peer,
    separate: false,
    ended,
    agreed: () => undefined,
    notify: async (method, params) => peer.notify(method, params),
    kill,
    async stop() {
      problem ??= STOPPED
      process.stdin.end()
      const timer = setTimeout(() => process.kill(), graceMs)
      await ended
      clearTimeout(timer)
    },
  }
}

function take(line: string, peer: Peer<Via>): void {
  if (line.trim() === '') return
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch {
    peer.stray()
    return
  }
  // Revisions before 2025-06-18 had batches.
  if (Array.isArray(message)) for (const each of message) peer.receive(each)
  else peer.receive(message)
}
