// Answers the kernel's question which of its instances live, from lock files; never calls a living one dead.
import { type Instances, type Members, membersOf } from 'cloned/kernel'

/** Instances that can be left all at once. */
export interface WorkspaceInstances extends Instances {
  /** Lets go of whatever this process still holds; an instance that has not left is dead from now on. Legal twice. */
  close(): void
}

/** The kernel instances of a workspace, in its directory `instances`. Does no input or output before the first call. */
export function createInstances(directory: () => string): WorkspaceInstances {
  const members: Members = membersOf(directory)
  const held = new Set<() => void>()
  const holding = (release: () => void) => {
    held.add(release)
    return () => held.delete(release)
  }
  return {
    async enter() {
      const { id, leave, release } = members.enter()
      const forgotten = holding(release)
      return {
        id,
        // The kernel leaves after every plugin has stopped, so this works after `close` too.
        leave: async () => {
          leave()
          forgotten()
        },
      }
    },
    async dead() {
      return members.dead().map(({ id, forget, release }) => {
        const forgotten = holding(release)
        const ending = (end: () => void) => async () => {
          end()
          forgotten()
        }
        return { id, forget: ending(forget), release: ending(release) }
      })
    },
    close() {
      for (const release of held) release()
      held.clear()
    },
  }
}
