// Captures what a worker writes to standard error: passed on line by line, the last of it kept; never more than a little.
import type { Readable } from 'node:stream'
import { MAX_ERROR_LINE, MAX_ERROR_LINES } from './limits.js'

const MINUTE_MS = 60_000
const KEPT = 1_200

/** Answers a function that tells the end of what was written. */
export function captureErrors(stream: Readable, pass: (line: string) => void, now: () => number): () => string {
  let rest = ''
  let last = ''
  let window = { since: now(), lines: 0 }
  const line = (text: string) => {
    const shown = text.slice(0, MAX_ERROR_LINE)
    last = `${last}${shown}\n`.slice(-KEPT)
    if (now() - window.since > MINUTE_MS) window = { since: now(), lines: 0 }
    window.lines++
    if (window.lines < MAX_ERROR_LINES) pass(shown)
    else if (window.lines === MAX_ERROR_LINES) pass('wrote more to standard error, which is left out for a minute')
  }
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    // A line without an end is cut, not kept.
    rest = (lines.pop() ?? '').slice(0, MAX_ERROR_LINE)
    for (const each of lines) line(each)
  })
  stream.on('end', () => {
    if (rest !== '') line(rest)
  })
  stream.resume()
  return () => `${last}${rest}`.trim().slice(-KEPT)
}
