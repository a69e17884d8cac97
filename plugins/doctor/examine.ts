// Runs doctor checks side by side; a check that throws, hangs or answers junk is a failed row, never a missing one.
import { type Contribution, describeThrown, isClonedError } from 'cloned/kernel'
import type { DoctorCheck, DoctorResult, DoctorRow } from './slot.js'

/** How long one check may take. */
const CHECK_DEADLINE_MS = 5_000

/** Runs every check, in the order given. */
export function examine(
  checks: readonly Contribution<DoctorCheck>[],
  { workspaceOpen, deadlineMs = CHECK_DEADLINE_MS }: { workspaceOpen: boolean; deadlineMs?: number },
): Promise<readonly DoctorRow[]> {
  return Promise.all(
    checks.map(async ({ plugin, item }): Promise<DoctorRow> => {
      const { id } = item
      if (!workspaceOpen && item.needs !== 'nothing') {
        return { id, plugin, level: 'skip', message: 'needs an open workspace' }
      }
      return { id, plugin, ...(await answer(item, plugin, deadlineMs)) }
    }),
  )
}

async function answer(check: DoctorCheck, plugin: string, deadlineMs: number): Promise<DoctorResult> {
  const fix = `Report it to the author of "${plugin}"`
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<DoctorResult>((resolve) => {
    timer = setTimeout(
      () => resolve({ level: 'fail', message: `the check did not answer in ${deadlineMs} ms`, fix }),
      deadlineMs,
    )
  })
  try {
    const result: unknown = await Promise.race([check.run(), deadline])
    return isResult(result)
      ? result
      : { level: 'fail', message: 'the check answered something else than a result', fix }
  } catch (thrown) {
    // An error of the table is a finding with its own way out; any other is a fault of the check.
    if (isClonedError(thrown)) return { level: 'fail', message: thrown.message, fix: thrown.help }
    return { level: 'fail', message: `the check failed: ${describeThrown(thrown)}`, fix }
  } finally {
    clearTimeout(timer)
  }
}

function isResult(value: unknown): value is DoctorResult {
  if (value === null || typeof value !== 'object') return false
  const { level, message, fix } = value as Record<string, unknown>
  return (
    (level === 'ok' || level === 'warn' || level === 'fail') &&
    typeof message === 'string' &&
    (fix === undefined || typeof fix === 'string')
  )
}
