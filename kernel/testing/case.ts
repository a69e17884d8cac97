// Names one case of a contract suite; it belongs to no test runner and must never need one.

/** One rule of a contract. `run` rejects, with an assertion error that says what was seen, when the rule is broken. */
export interface ContractCase {
  /** Reads as a rule. */
  readonly name: string
  run(): Promise<void>
}

/** What a case is about. */
export interface ContractSubject {
  /** Ends it and removes what it stored. Called after every case, whatever became of it. */
  close(): Promise<void> | void
}

/** Makes a case of a rule, with a subject of its own. */
export function contractCase<S extends ContractSubject>(
  name: string,
  make: () => Promise<S> | S,
  check: (subject: S) => Promise<void> | void,
): ContractCase {
  return {
    name,
    async run() {
      const subject = await make()
      try {
        await check(subject)
      } finally {
        await subject.close()
      }
    },
  }
}
