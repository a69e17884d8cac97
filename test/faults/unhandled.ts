// Fails every test of a file that leaves a rejection unhandled; must be called once, outside the tests.
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect } from 'vitest'

export function refuseUnhandledRejections(): void {
  const unhandled: unknown[] = []
  process.on('unhandledRejection', (error) => void unhandled.push(error))
  afterEach(async () => {
    await turn()
    expect(unhandled.splice(0)).toEqual([])
  })
}
