// Makes the cases of a suite whose rules only show in a running kernel; each case has a kernel and a bench of its own.
import type { Plugin } from '../plugin.js'
import type { Bench } from './bench-tools.js'
import { type ContractCase, type ContractSubject, contractCase } from './case.js'

/** A rule of such a suite. */
export type BenchRule<S, B extends Bench = Bench> = (
  name: string,
  check: (subject: S, bench: B) => Promise<void>,
) => ContractCase

/** `open` starts a kernel with the plugins of the bench in it besides; `make` answers a new bench for every case. */
export function benchRules<S extends ContractSubject, B extends Bench>(
  open: (options: { readonly plugins: readonly Plugin[] }) => Promise<S>,
  make: () => B,
): BenchRule<S, B> {
  return (name, check) =>
    contractCase(
      name,
      async () => {
        const bench = make()
        const subject = await open({ plugins: bench.plugins })
        return { bench, subject, close: () => subject.close() }
      },
      ({ bench, subject }) => check(subject, bench),
    )
}
