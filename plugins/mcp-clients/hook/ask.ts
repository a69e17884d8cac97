// Asks the gateways that run to answer a hook, before anything else is loaded; in doubt there is no answer, never one that allows.
import { lstatSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type HookReply, type HookRequest, isOwn, MAX_PATH, SOCKET } from './socket.js'

/** Clients kill their hooks after 30 s; there has to be time to judge without a gateway. */
const PATIENCE_MS = 8_000

/** The answer of the first gateway that has one; `undefined`: the hook has to judge itself. */
export async function askGateways(
  sockets: string,
  request: HookRequest,
  patienceMs = PATIENCE_MS,
): Promise<HookReply['answer']> {
  // Where there are no users, nothing says whose a socket is.
  if (process.getuid === undefined) return undefined
  const directory = lstatSync(sockets, { throwIfNoEntry: false })
  if (!directory?.isDirectory() || !isOwn(directory)) return undefined
  const deadline = Date.now() + patienceMs
  for (const name of readdirSync(sockets)) {
    const path = join(sockets, name)
    if (!SOCKET.test(name) || Buffer.byteLength(path) > MAX_PATH) continue
    const socket = lstatSync(path, { throwIfNoEntry: false })
    if (!socket?.isSocket() || !isOwn(socket)) continue
    const reply = await ask(path, request, deadline)
    if (reply === 'nobody') continue
    if (reply?.answer !== undefined || reply === undefined) return reply?.answer
  }
  return undefined
}

/** `undefined` where somebody listens and does not reply. */
function ask(path: string, request: HookRequest, deadline: number): Promise<HookReply | 'nobody' | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const end = (reply: HookReply | 'nobody' | undefined) => {
      clearTimeout(timer)
      socket.destroy()
      resolve(reply)
    }
    const timer = setTimeout(end, deadline - Date.now(), undefined)
    let connected = false
    let said = ''
    socket.setEncoding('utf8')
    socket.on('connect', () => {
      connected = true
      socket.write(`${JSON.stringify(request)}\n`)
    })
    socket.on('data', (text: string) => {
      said += text
      if (said.endsWith('\n')) end(replyIn(said))
    })
    // A gateway that was killed leaves its socket.
    socket.on('error', () => end(connected ? undefined : 'nobody'))
    socket.on('close', () => end(undefined))
  })
}

function replyIn(line: string): HookReply | undefined {
  try {
    const reply: unknown = JSON.parse(line)
    if (!isObject(reply)) return undefined
    const { answer } = reply
    if (answer === undefined) return {}
    return isObject(answer) ? { answer } : undefined
  } catch {
    // Whatever it is, it allows nothing: the hook judges itself.
    return undefined
  }
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
