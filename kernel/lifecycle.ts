// Starts plugins in order and stops them in exact reverse, each step with a deadline; must never leave a half-started rest.
import { DeadlineExceeded, withDeadline } from './deadline.js'
import type { Limits } from './distribution.js'
import { ClonedError, describeThrown } from './errors.js'
import type { Step } from './setup.js'

/** Runs start steps in order. On a failure runs the stop steps of every plugin reached so far, then throws. */
export async function startAll(starts: readonly Step[], stops: readonly Step[], limits: Limits): Promise<void> {
  const reached = new Set<string>()
  for (const step of starts) {
    reached.add(step.plugin)
    try {
      await timed(step, 'start', limits.startMs, 'startMs')
    } catch (error) {
      const unwound = await stopAll(
        stops.filter(({ plugin }) => reached.has(plugin)),
        limits,
      )
      const also = unwound.map((problem) => `; stopping also failed: ${problem.message}`).join('')
      const params = { plugin: step.plugin, cause: `${describeThrown(error)}${also}` }
      // A workspace that cannot be used keeps its own code and exit status; anything else is a failed start.
      if (error instanceof ClonedError && error.exit === 6) throw error
      throw new ClonedError('START_FAILED', params, { plugin: step.plugin, cause: error })
    }
  }
}

/** Runs drain steps in reverse; collects every failure and goes on. */
export function drainAll(drains: readonly Step[], limits: Limits): Promise<ClonedError[]> {
  return backwards(drains, 'drain', limits.drainMs, 'drainMs')
}

/** Runs stop steps in reverse; collects every failure and goes on. */
export function stopAll(stops: readonly Step[], limits: Limits): Promise<ClonedError[]> {
  return backwards(stops, 'stop', limits.stopMs, 'stopMs')
}

async function backwards(steps: readonly Step[], name: string, ms: number, limit: string): Promise<ClonedError[]> {
  const problems: ClonedError[] = []
  for (const step of steps.toReversed()) {
    try {
      await timed(step, name, ms, limit)
    } catch (error) {
      problems.push(
        error instanceof ClonedError && error.code === 'LIFECYCLE_TIMEOUT'
          ? error
          : new ClonedError(
              'STEP_FAILED',
              { plugin: step.plugin, step: name, cause: describeThrown(error) },
              { cause: error },
            ),
      )
    }
  }
  return problems
}

async function timed(step: Step, name: string, ms: number, limit: string): Promise<void> {
  try {
    const running = step.run()
    if (running) await withDeadline(running, ms)
  } catch (error) {
    if (!(error instanceof DeadlineExceeded)) throw error
    throw new ClonedError('LIFECYCLE_TIMEOUT', { plugin: step.plugin, step: name, ms, limit }, { plugin: step.plugin })
  }
}
