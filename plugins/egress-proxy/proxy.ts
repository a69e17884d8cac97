// Opens and closes the doors of connectors; none is open before the start of the kernel or after it began to end.
import { Server } from 'node:net'
import { type AuditLog, ClonedError, describeThrown, type Gate, type Logger } from 'cloned/kernel'
import type { Firewall } from '../firewall/slot.js'
import { Door, type DoorLimits } from './door.js'
import { Governed } from './governed.js'
import { listenOnPort, listenOnSocket } from './listen.js'
import { Records } from './records.js'
import type { DoorOptions, EgressDoor, EgressProxy } from './slot.js'

export interface ProxyParts {
  readonly gate: Pick<Gate, 'act'>
  readonly firewall: Pick<Firewall, 'connect' | 'fetch' | 'read'>
  readonly audit: Pick<AuditLog, 'append'>
  readonly log: Pick<Logger, 'error'>
  readonly now: () => number
  readonly limits: DoorLimits & { readonly totalMs: number }
}

/** As the policy names connectors and tools; what it cannot name has no rules, and its records nobody could read. */
const CONNECTOR = /^[a-z][a-z0-9]*(?:[.-][a-z0-9]+)*$/
const TOOL = /^[a-z0-9._-]+@v[1-9][0-9]*$/

export class Doors implements EgressProxy {
  readonly governed: Governed
  readonly #parts: ProxyParts
  readonly #open = new Set<EgressDoor>()
  #state: 'closed' | 'open' = 'closed'

  constructor(parts: ProxyParts) {
    this.#parts = parts
    this.governed = new Governed({ ...parts, totalMs: parts.limits.totalMs })
  }

  start(): void {
    this.#state = 'open'
  }

  /** Closes every door. Legal without start, and twice. */
  async close(): Promise<void> {
    this.#state = 'closed'
    await Promise.all([...this.#open].map((door) => door.close()))
  }

  async open({ connector, tool, port = false, listener }: DoorOptions): Promise<EgressDoor> {
    const refused = (problem: string) => new ClonedError('EGRESS_PROXY_OPEN', { connector: String(connector), problem })
    if (!isId(connector, CONNECTOR)) throw refused('it is no id of a connector')
    if (tool !== undefined && !isId(tool, TOOL)) throw refused('the tool is no tool id with version')
    if (this.#state === 'closed') throw refused('the kernel is not running')
    const whose = tool === undefined ? { connector } : { connector, tool }
    const { firewall, limits, log, now } = this.#parts
    const { governed } = this
    const door = new Door({ whose, governed, firewall, limits, log, now, records: new Records(this.#parts, whose) })
    try {
      if (listener !== undefined) door.take(mustListen(listener))
      const sockets = listener === undefined && process.platform !== 'win32'
      const place = sockets ? await listenOnSocket(door.listener()) : undefined
      const opened: EgressDoor = {
        ...(place ? { socket: place.path } : {}),
        ...(port || (listener === undefined && !place) ? { port: await listenOnPort(door.listener()) } : {}),
        close: async () => {
          this.#open.delete(opened)
          await door.close()
          place?.remove()
        },
      }
      this.#open.add(opened)
      // The kernel may have begun to end meanwhile.
      if (this.#isOpen()) return opened
      await opened.close()
    } catch (error) {
      await door.close()
      throw refused(describeThrown(error))
    }
    throw refused('the kernel is not running')
  }

  #isOpen(): boolean {
    return this.#state === 'open'
  }
}

function isId(id: string, pattern: RegExp): boolean {
  return typeof id === 'string' && id.length <= 200 && pattern.test(id)
}

function mustListen(listener: unknown): Server {
  if (listener instanceof Server && listener.listening) return listener
  throw new Error('the listener is no server that listens')
}
