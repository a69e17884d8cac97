// Makes actors of what callers name; a name is recorded as a claim or not, and must never gain rights by its spelling.
import { userInfo } from 'node:os'
import type { Actor } from './action.js'
import type { ActorInput } from './contracts.js'
import { ClonedError } from './errors.js'

/** Of a name of an operating-system user, domains included. */
const LONGEST_USER = 256

const ACTOR = /^(user|device|agent|run):[\w.@+-]{1,128}$/

/** The operating-system user of this process. */
export function currentOsUser(): string {
  try {
    return userInfo().username
  } catch {
    // A container may run under a uid that no passwd entry names.
    return `uid-${process.getuid?.() ?? 'unknown'}`
  }
}

/**
 * Whether it acts from a paired device. What comes in over the network has no user of this machine and carries its own
 * name there, and no name of an operating-system user has a colon.
 */
export function isDevice({ osUser }: Pick<Actor, 'osUser'>): boolean {
  return osUser.startsWith('device:')
}

/** Throws `ACTOR_INVALID`. Without a name: the operating-system user itself, not claimed. */
export function makeActor(input: ActorInput | undefined, osUser: string): Actor {
  if (input === undefined) return Object.freeze({ id: `user:${osUser}`, claimed: false, osUser })
  const given = typeof input === 'object' && input !== null ? input : { id: input }
  const { id, claimed = false } = given
  if (typeof id !== 'string' || !ACTOR.test(id))
    throw new ClonedError('ACTOR_INVALID', { actor: String(id).slice(0, 160) })
  const user = given.osUser ?? osUser
  if (typeof user !== 'string' || user.length > LONGEST_USER)
    throw new ClonedError('ACTOR_INVALID', { actor: `${id}, OS user ${String(user).slice(0, 40)}` })
  return Object.freeze({ id, claimed: claimed === true, osUser: user })
}
