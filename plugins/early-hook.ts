// Has a gateway that runs answer `cloned hook`, before the kernel is loaded; without an answer everything goes its usual way.
import { isUtf8 } from 'node:buffer'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isTuned, settingsOf } from './cli/settings.js'
import { askGateways } from './mcp-clients/hook/ask.js'
import { MAX_EVENT, SOCKETS } from './mcp-clients/hook/socket.js'
import { DIRECTORY, nearestWorkspace, type Whereabouts } from './workspace/nearest.js'

/**
 * Clients give their hooks 30 s, and some of them run the call of one that took longer. Many at once, or one that waits for
 * a lock, may take that long; the client has to hear of it before.
 */
const DEADLINE_MS = 25_000

/** What is to be printed, or what was read of standard input by then. */
export type EarlyHook = { readonly answer: string } | { readonly stdin: Buffer } | undefined

/** `undefined` for a command line that is not the one which an import writes, and where no gateway can be asked. */
export async function earlyHook(argv: readonly string[]): Promise<EarlyHook> {
  const [flag, root] = argv.length === 4 ? argv : ['--workspace', undefined]
  const [verb, client = ''] = argv.slice(-2)
  if (verb !== 'hook' || flag !== '--workspace' || (argv.length !== 2 && argv.length !== 4)) return undefined
  setTimeout(() => process.exit(2), DEADLINE_MS).unref()
  if (isTuned()) return undefined
  const [cwd, home] = [process.cwd(), homedir()]
  const settings = settingsOf('cloned.mcp-clients', cwd)
  const sockets = socketsOf({ root, cwd, home, configHome: settings['configHome'] ?? join(home, '.config') })
  if (sockets === undefined) return undefined
  const stdin = await everything()
  if (stdin.length > MAX_EVENT || !isUtf8(stdin)) return { stdin }
  const where = { cwd, home, ...settings }
  const program = fileURLToPath(new URL('./bin.js', import.meta.url))
  const request = { version: 1, program, client, event: stdin.toString('utf8'), where } as const
  // What keeps it from asking is as no gateway at all: then it judges itself.
  const answer = await askGateways(sockets, request).catch(() => undefined)
  return answer === undefined ? { stdin } : { answer: JSON.stringify(answer) }
}

function socketsOf(where: Whereabouts): string | undefined {
  try {
    const nearest = nearestWorkspace(where)
    if (!nearest || nearest.problem !== undefined) return undefined
    // Whoever may make a `.cloned` in a project could listen there, and allow everything.
    if (where.root === undefined && nearest.noted === undefined) return undefined
    return join(nearest.root, DIRECTORY, SOCKETS)
  } catch {
    // Met again on the usual way, and said there.
    return undefined
  }
}

/** A little more than a hook is told at most: whoever reads on refuses it. */
async function everything(): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size > MAX_EVENT) break
  }
  return Buffer.concat(chunks)
}
