// Opens a conversation with a server as it was approved: its program confined, its address through the firewall; there is no third way.
import { mkdirSync } from 'node:fs'
import type { EgressDoor, EgressProxy } from '../egress-proxy/slot.js'
import type { Firewall } from '../firewall/slot.js'
import type { Sandbox, SandboxExemption, SandboxProgram } from '../sandbox/slot.js'
import { httpLink } from './http.js'
import type { Link, Via } from './link.js'
import type { PeerHandlers } from './peer.js'
import { environmentOf, headersWith, type SecretParts } from './secrets.js'
import { Session, type SessionParts } from './session.js'
import type { ServerSpec } from './slot.js'
import { stdioLink } from './stdio.js'

export interface StartParts extends SecretParts {
  readonly sandbox: Sandbox
  readonly firewall: Firewall
  readonly egress: EgressProxy | undefined
  /** `.cloned`, which no server sees. */
  readonly secret: () => string
  /** A directory with nothing in it; it need not exist. */
  readonly empty: () => string
  readonly startMs: number
  readonly graceMs: number
  readonly now: () => number
}

/** What a program is started without a sandbox on. */
export interface Started {
  readonly session: Session
  readonly exemption: SandboxExemption | undefined
}

/** What rules and exemptions call the program of a server. */
export function connectorOf(name: string): string {
  return `mcp.${name}`
}

type Handlers = Omit<PeerHandlers<Via>, 'broken'>

export async function start(
  name: string,
  server: ServerSpec,
  via: Via,
  parts: StartParts,
  notice: SessionParts['notice'],
): Promise<Started> {
  let exemption: SandboxExemption | undefined
  const connect = async (handlers: Handlers): Promise<Link> => {
    if (server.kind === 'url') {
      const { url } = server
      const secrets = (given: Via) => headersWith(name, server, given, parts)
      const { firewall, now } = parts
      return httpLink({ url, connector: connectorOf(name), firewall, secrets, now }, handlers)
    }
    const environment = await environmentOf(name, server, via.ctx, parts)
    const started = await confined(programOf(name, server, environment, parts), server.hosts.length > 0, parts)
    exemption = started.exemption
    return stdioLink(started, handlers, parts)
  }
  const session = await Session.open(connect, via, { startMs: parts.startMs, notice })
  return { session, exemption }
}

function programOf(
  name: string,
  { command, read, write, cwd }: Extract<ServerSpec, { kind: 'command' }>,
  environment: Readonly<Record<string, string>>,
  { secret, empty }: StartParts,
): SandboxProgram {
  const directory = empty()
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const mounts = { read, write, hidden: [secret()], ...(cwd === undefined ? {} : { cwd }) }
  return { connector: connectorOf(name), directory, command, mounts, environment }
}

/** With a door to the hosts that it names, where there are any. */
async function confined(program: SandboxProgram, outward: boolean, { sandbox, egress }: StartParts) {
  if (!outward || !egress) return await sandbox.start(program)
  let door: Promise<EgressDoor> | undefined
  const starting = sandbox.start({
    ...program,
    egress: (listener) => {
      door = egress.open({ connector: program.connector, listener })
      // Closed with the program, also with one that did not come up; that it did not open is told below.
      door.then(
        async (opened) => {
          await starting.then(({ ended }) => ended).catch(() => undefined)
          await opened.close()
        },
        () => undefined,
      )
    },
  })
  const process = await starting
  try {
    await door
    return process
  } catch (error) {
    process.kill()
    throw error
  }
}
