// Answers the hooks of this user's clients in a process that runs anyway; what it cannot judge it leaves to the hook.
import { randomBytes } from 'node:crypto'
import { chmodSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { isAbsolute, join } from 'node:path'
import { describeThrown, type JsonObject, type Logger, privateDirectory } from 'cloned/kernel'
import { type HookReply, type HookRequest, MAX_LINE, MAX_PATH, SOCKET } from './socket.js'

export interface DoorParts {
  /** Its directory, which becomes this user's alone. */
  readonly sockets: string
  /** Judges and records; `undefined` for a hook of another program. */
  readonly answer: (request: HookRequest) => Promise<JsonObject | undefined>
  readonly log: Pick<Logger, 'warn' | 'debug'>
}

/** A hook says everything at once. */
const PATIENCE_MS = 5_000
const MAX_AT_ONCE = 64

/** Listens until the returned function is called. Nothing depends on it: what keeps it from listening is only logged. */
export function openDoor({ sockets, answer, log }: DoorParts): () => void {
  const path = join(sockets, randomBytes(4).toString('hex'))
  const server = createServer((socket) => {
    // A hook that its client has killed.
    socket.on('error', (error) => log.debug('a hook has gone', { error: error.message }))
    receive(socket, async (line) => {
      const request = requestIn(line)
      if (!request) return socket.destroy()
      const judged = await answer(request)
      socket.end(`${JSON.stringify((judged === undefined ? {} : { answer: judged }) satisfies HookReply)}\n`)
    }).catch((error: unknown) => {
      log.debug('a hook was not answered', { error: describeThrown(error) })
      socket.destroy()
    })
  })
  const failed = (error: unknown) => log.warn('hooks are not answered here', { error: describeThrown(error) })
  server.maxConnections = MAX_AT_ONCE
  server.on('error', failed)
  if (process.getuid === undefined || Buffer.byteLength(path) > MAX_PATH) return () => {}
  try {
    privateDirectory(sockets)
    sweep(sockets)
    server.listen(path, () => chmodSync(path, 0o600))
    server.unref()
  } catch (error) {
    failed(error)
  }
  return () => server.close()
}

/** Reads one line; `undefined` when it does not come. Throws what the socket does. */
async function receive(socket: Socket, take: (line: string) => Promise<unknown>): Promise<void> {
  socket.setTimeout(PATIENCE_MS, () => socket.destroy())
  socket.setEncoding('utf8')
  let line = ''
  for await (const text of socket.iterator({ destroyOnReturn: false })) {
    line += text
    if (line.length > MAX_LINE) break
    if (!line.endsWith('\n')) continue
    socket.setTimeout(0)
    await take(line)
    return
  }
  socket.destroy()
}

function requestIn(line: string): HookRequest | undefined {
  const request = parsed(line) as Partial<HookRequest> | null | undefined
  const { version, program, client, event, where } = request ?? {}
  const texts = [program, client, event, where?.cwd, where?.home]
  const paths = Object.values(where ?? {})
  const fits = version === 1 && texts.every((text) => typeof text === 'string')
  return fits && paths.every((path) => typeof path === 'string' && isAbsolute(path))
    ? (request as HookRequest)
    : undefined
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    // Not quoted in any log: it may hold anything.
    return undefined
  }
}

/** Removes what killed gateways have left. */
function sweep(sockets: string): void {
  for (const name of readdirSync(sockets)) {
    if (!SOCKET.test(name)) continue
    const path = join(sockets, name)
    const socket = connect(path)
    socket.unref()
    socket.once('connect', () => socket.destroy())
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      if (code === 'ECONNREFUSED') rmSync(path, { force: true })
    })
  }
}
