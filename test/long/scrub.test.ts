import { randomBytes, randomInt } from 'node:crypto'
import { createScrubber } from 'cloned/plugins/scrub'
import { expect, it } from 'vitest'

const MARKER = /\[REDACTED:vault:k\d+\]/g

/** Few letters, so that values begin alike, overlap and nearly match; many, so that they look like real ones. */
function randomText(length: number): string {
  const letters = randomInt(2) === 0 ? 'abcd' : 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-'
  return Array.from({ length }, () => letters[randomInt(letters.length)]).join('')
}

it('finds exactly what a search for each value finds, in large bodies and streams', { timeout: 600_000 }, () => {
  for (let round = 0; round < 400; round++) {
    const values = [...new Set(Array.from({ length: 1 + randomInt(40) }, () => `abXY${randomText(4 + randomInt(40))}`))]
    const scrubber = createScrubber(() => undefined)
    for (const [i, value] of values.entries()) scrubber.register(`k${i}`, Buffer.from(value))
    const parts = Array.from({ length: 200 }, () => {
      const value = values[randomInt(values.length)] ?? ''
      const whole = randomInt(3) > 0 ? value : value.slice(0, randomInt(value.length))
      return whole + randomText(randomInt(80))
    })
    const body = parts.join('')
    const hidden = new Uint8Array(body.length)
    for (const value of values) {
      for (let at = body.indexOf(value); at >= 0; at = body.indexOf(value, at + 1))
        hidden.fill(1, at, at + value.length)
    }
    const kept = [...body].filter((_, i) => hidden[i] === 0).join('')
    const scrubbed = scrubber.text(body, 'test')
    expect(scrubbed.replace(MARKER, '')).toBe(kept)

    const stream = scrubber.stream('test')
    const bytes = Buffer.from(body)
    const out: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      const next = at + 1 + randomInt(200)
      out.push(stream.write(Buffer.from(bytes.subarray(at, next))))
      at = next
    }
    out.push(stream.end())
    expect(Buffer.concat(out).toString()).toBe(scrubbed)
  }
})

it('changes nothing in random bytes', { timeout: 600_000 }, () => {
  const scrubber = createScrubber(() => undefined)
  for (let i = 0; i < 200; i++) scrubber.register(`k${i}`, randomBytes(8 + randomInt(40)))
  for (let round = 0; round < 100; round++) {
    const bytes = randomBytes(1024 * 1024)
    expect(scrubber.bytes(bytes, 'test')).toBe(bytes)
  }
})
