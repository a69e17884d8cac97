// Names one case of a contract suite; it belongs to no test runner and must never need one.

/** One rule of a contract. `run` rejects, with an assertion error that says what was seen, when the rule is broken. */
export interface ContractCase {
  /** Reads as a rule. */
  readonly name: string
  run(): Promise<void>
}
