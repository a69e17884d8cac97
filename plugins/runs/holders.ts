// Says which process holds a run; never calls a living holder dead.
import { type Member, type Members, membersOf } from 'cloned/kernel'
import type { Ledger } from './ledger.js'

/** The holders of runs, in a directory of the workspace. */
export class Holders {
  readonly #members: Members
  #me: Member | undefined

  constructor(directory: () => string) {
    this.#members = membersOf(directory)
  }

  /** Id of this process among them; it lives until `leave`. */
  enter(): string {
    this.#me ??= this.#members.enter()
    return this.#me.id
  }

  /** Frees what dead holders still count for; answers whether there was anything. */
  async bury(ledger: Pick<Ledger, 'holders' | 'free'>): Promise<boolean> {
    const dead = (await ledger.holders()).filter((id) => id !== this.#me?.id && !this.#members.alive(id))
    for (const id of dead) await ledger.free(id)
    for (const member of this.#members.dead()) member.forget()
    return dead.length > 0
  }

  /** Legal at any time, and twice. */
  leave(): void {
    this.#me?.leave()
    this.#me = undefined
  }
}
