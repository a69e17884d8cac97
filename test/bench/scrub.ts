// Scrubbing of one MiB with 200 secrets against SHA-256 of the same bytes.
import { hash, randomBytes } from 'node:crypto'
import type { Json } from 'cloned/kernel'
import { createScrubber } from 'cloned/plugins/scrub'
import { interleave, type Row, ratio, us } from './harness.js'

const SECRETS = 200
const SIZE = 1024 * 1024

export async function scrubBench(): Promise<Row[]> {
  const rows: Row[] = []
  for (const length of [40, 20, 12]) rows.push(await bytesRow(length))
  return [...rows, await jsonRow()]
}

async function bytesRow(length: number): Promise<Row> {
  const scrubber = scrubberOf(length)
  const body = Buffer.from(JSON.stringify(document()).slice(0, SIZE))
  const [sha, scrub] = await times(
    () => hash('sha256', body),
    () => scrubber.bytes(body, 'bench'),
  )
  const measured = `${us(scrub)} vs ${us(sha)} SHA-256`
  return ratio(`scrub 1 MiB, ${SECRETS} secrets of ${length} bytes, vs SHA-256`, sha / scrub, { atLeast: 1 }, measured)
}

/** A value has to be written as text before it can be read through; nothing can be faster than that. */
async function jsonRow(): Promise<Row> {
  const scrubber = scrubberOf(40)
  const value = document()
  const [stringify, scrub] = await times(
    () => JSON.stringify(value),
    () => scrubber.json(value, 'bench'),
  )
  const what = `scrub 1 MiB as a JSON value, ${SECRETS} secrets, vs JSON.stringify`
  return ratio(what, stringify / scrub, { atLeast: 0.5 }, `${us(scrub)} vs ${us(stringify)}`)
}

/** Medians of both, microseconds. */
async function times(peer: () => unknown, scrub: () => unknown): Promise<readonly [number, number]> {
  const repeat = (work: () => unknown) => (n: number) => {
    for (let i = 0; i < n; i++) work()
  }
  const contenders = [
    { name: 'peer', run: repeat(peer) },
    { name: 'scrub', run: repeat(scrub) },
  ]
  const medians = await interleave(contenders, 20)
  return [medians.get('peer') ?? Number.NaN, medians.get('scrub') ?? Number.NaN]
}

function scrubberOf(length: number) {
  const scrubber = createScrubber(() => undefined)
  for (let i = 0; i < SECRETS; i++) {
    scrubber.register(`secret-${i}`, Buffer.from(randomBytes(length).toString('base64url').slice(0, length)))
  }
  return scrubber
}

/** A result of many records, as an API answers them; about one MiB of JSON. */
function document(): Json {
  return Array.from({ length: 4600 }, (_, i) => ({
    id: i,
    path: `docs/guide/chapter-${i % 97}.md`,
    note: 'The quick brown fox jumps over the lazy dog, and then once more in the other direction.',
    digest: hash('sha256', String(i)),
    open: i % 3 === 0,
    list: [i, i * 7, i * 13],
  }))
}
