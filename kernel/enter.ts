// Enters this process among the living instances; must never run unseen, for nobody would recover what it leaves behind.
import type { Instances } from './contracts.js'
import { withDeadline } from './deadline.js'
import { ClonedError, describeThrown } from './errors.js'

/** A membership that other processes can see. */
export interface Membership {
  readonly id: string
  readonly leave: () => Promise<void>
}

/** Throws `START_FAILED`, which blames the owner of the instances, unless the answer is a membership within `ms`. */
export async function enter(instances: Instances, owner: string, ms: number): Promise<Membership> {
  const entering = async (): Promise<Membership> => {
    const membership = await instances.enter()
    const { id, leave } = membership
    if (typeof id !== 'string' || id === '' || typeof leave !== 'function') {
      throw new TypeError('its instances service gave no membership')
    }
    return { id, leave: async () => leave.call(membership) }
  }
  try {
    return await withDeadline(entering(), ms)
  } catch (cause) {
    throw new ClonedError('START_FAILED', { plugin: owner, cause: describeThrown(cause) }, { plugin: owner, cause })
  }
}
