// Counts the steps of judging one value by a schema; a judgement that takes too many ends, and must never read as "it fits".

let most = 0
let left = 0

/** Ends a judgement that takes too many steps. */
export class TooLong extends Error {
  override readonly name = 'TooLong'
  constructor() {
    super(`takes more than ${most} steps to check`)
  }
}

/** Before each judgement, with what it may take. They are synchronous, and none begins within another. */
export function freshSteps(steps: number): void {
  most = steps
  left = steps
}

/** Throws {@link TooLong} once there are no more. */
export function spend(steps: number): void {
  left -= steps
  if (left < 0) throw new TooLong()
}
