// Measures contenders in one interleaved run and reports medians as ratios; asserts nothing about time.

/** Something to measure: runs `n` times and resolves. */
export interface Contender {
  readonly name: string
  run(n: number): Promise<void> | void
}

/** Median of the time of one run, microseconds, by contender. */
export async function interleave(
  contenders: readonly Contender[],
  n: number,
  rounds = 9,
): Promise<Map<string, number>> {
  const samples = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (const { run } of contenders) await run(Math.max(1, Math.ceil(n / 5)))
  for (let round = 0; round < rounds; round++) {
    // Alternating order: what one leaves behind in caches and on the heap falls on each of the others in turn.
    for (const { name, run } of round % 2 ? [...contenders].reverse() : contenders) {
      const start = performance.now()
      await run(n)
      samples.get(name)?.push(((performance.now() - start) / n) * 1000)
    }
  }
  return new Map([...samples].map(([name, values]) => [name, quantile(values, 0.5)]))
}

/** Times single runs, microseconds; for percentiles. */
export async function latencies(run: () => Promise<unknown>, n: number): Promise<{ p50: number; p99: number }> {
  const samples: number[] = []
  for (let i = 0; i < n; i++) {
    const start = performance.now()
    await run()
    samples.push((performance.now() - start) * 1000)
  }
  return { p50: quantile(samples, 0.5), p99: quantile(samples, 0.99) }
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

/** Keeps `width` runs in flight until `n` have ended. */
export async function flight(n: number, width: number, run: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < n) await run(next++)
  }
  await Promise.all(Array.from({ length: Math.min(width, n) }, lane))
}

/** One line of the report. */
export interface Row {
  readonly what: string
  readonly measured: string
  /** The figure that the target speaks of. */
  readonly figure?: number
  readonly target?: string
  readonly met?: boolean
}

export function ratio(
  what: string,
  value: number,
  target: { atMost?: number; atLeast?: number },
  measured: string,
): Row {
  const { atMost, atLeast } = target
  const met = (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast)
  const text = atMost === undefined ? `≥ ${atLeast}×` : `≤ ${atMost}×`
  return { what, measured, figure: Number(value.toFixed(3)), target: text, met }
}

export function us(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(2)} ms` : `${value.toFixed(1)} µs`
}
