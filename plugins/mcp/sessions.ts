// Keeps the HTTP sessions of revisions that have them; a session is its credential's alone, and its id cannot be guessed.
import { randomBytes } from 'node:crypto'
import type { Credential } from './caller.js'
import { Peer, type PeerParts } from './peer.js'
import type { Reply } from './reply.js'

export interface Session {
  readonly id: string
  readonly credential: string
  readonly peer: Peer
  /** Streams on which something can be told now; the requests' come first. */
  readonly streams: Set<Reply>
  /** The stream that the client keeps open for what belongs to no request. */
  standing: Reply | undefined
  usedAt: number
}

const MAX_SESSIONS = 1000
const MAX_OF_ONE = 100
const IDLE_MS = 60 * 60 * 1000

export class Sessions {
  readonly #sessions = new Map<string, Session>()
  readonly #parts: Omit<PeerParts, 'tell' | 'credential'>
  readonly #now: () => number

  constructor(parts: Omit<PeerParts, 'tell' | 'credential'>, now: () => number) {
    this.#parts = parts
    this.#now = now
  }

  /** Makes room by ending the session that was idle longest, the credential's own first. */
  open(credential: Credential): Session {
    const all = [...this.#sessions.values()].sort((a, b) => a.usedAt - b.usedAt)
    const own = all.filter((session) => session.credential === credential.key)
    for (const old of all) if (old.usedAt < this.#now() - IDLE_MS) this.end(old)
    if (own.length >= MAX_OF_ONE && own[0]) this.end(own[0])
    else if (this.#sessions.size >= MAX_SESSIONS && all[0]) this.end(all[0])
    const streams = new Set<Reply>()
    const session: Session = {
      id: randomBytes(24).toString('base64url'),
      credential: credential.key,
      streams,
      standing: undefined,
      usedAt: this.#now(),
      peer: new Peer({
        ...this.#parts,
        credential,
        tell: (text) => ([...streams].find(({ open }) => open) ?? session.standing)?.send(text),
      }),
    }
    this.#sessions.set(session.id, session)
    return session
  }

  find(id: string, { key }: Credential): Session | undefined {
    const session = this.#sessions.get(id)
    if (session?.credential !== key) return undefined
    session.usedAt = this.#now()
    return session
  }

  end(session: Session): void {
    this.#sessions.delete(session.id)
    session.peer.close()
    session.standing?.end(undefined, 200)
  }

  stop(): void {
    for (const session of [...this.#sessions.values()]) this.end(session)
  }
}
