// Says when a message is tried again and when it is given up.

const [MINUTE, HOUR] = [60_000, 3_600_000]

/** As Standard Webhooks recommends: over three days in all. */
const AFTER_MS: readonly number[] = [
  5_000,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

/** How long to wait after so many attempts, milliseconds; `undefined`: it was the last. */
export function waitAfter(attempts: number): number | undefined {
  return AFTER_MS[attempts - 1]
}

/** How long to leave a receiver alone that has failed so many times in a row, whichever message it was. */
export function restAfter(failures: number): number {
  return AFTER_MS[Math.min(failures, AFTER_MS.length) - 1] ?? 0
}
