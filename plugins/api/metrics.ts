// Counts what a server did, for Prometheus; the labels are names out of the code, never what a client sent.

/** Counts under the values of its labels, in their order. */
export type Count = (values: readonly string[], by?: number) => void

interface Counter {
  readonly help: string
  readonly labels: readonly string[]
  readonly values: Map<string, number>
}

export class Metrics {
  readonly #counters = new Map<string, Counter>()

  /** The counter of this name, made known before anything is counted. */
  counter(name: string, help: string, labels: readonly string[]): Count {
    const { values } = this.#counters.get(name) ?? { values: new Map<string, number>() }
    this.#counters.set(name, { help, labels, values })
    return (at, by = 1) => {
      const key = at.join('\n')
      values.set(key, (values.get(key) ?? 0) + by)
    }
  }

  /** Text exposition format 0.0.4. */
  text(): string {
    const counted = [...this.#counters].flatMap(([name, { help, labels, values }]) => [
      ...head(name, 'counter', help),
      ...[...values].map(([key, value]) => `${name}{${labelled(labels, key.split('\n'))}} ${value}`),
    ])
    const cpu = process.cpuUsage()
    return [
      ...counted,
      ...head('process_resident_memory_bytes', 'gauge', 'Resident memory size in bytes.'),
      `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
      ...head('process_cpu_seconds_total', 'counter', 'Total user and system CPU time spent in seconds.'),
      `process_cpu_seconds_total ${(cpu.user + cpu.system) / 1e6}`,
      ...head('process_start_time_seconds', 'gauge', 'Start time of the process since 1970 in seconds.'),
      `process_start_time_seconds ${Math.round(performance.timeOrigin / 1000)}`,
      '',
    ].join('\n')
  }
}

function labelled(labels: readonly string[], values: readonly string[]): string {
  return labels.map((label, i) => `${label}=${JSON.stringify(values[i] ?? '')}`).join(',')
}

function head(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]
}
