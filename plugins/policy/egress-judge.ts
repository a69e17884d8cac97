// Asks the firewall what a policy that is not in force would answer to a request; must never answer in its place.
import type { Effective } from './effective.js'
import type { EgressJudge } from './slot.js'

/** Those who can judge; more than one must agree. */
export type Judges = () => readonly EgressJudge[]

/** A request of a tool or connector. */
export interface JudgedRequest {
  readonly tool: string
  readonly connector?: string
  readonly method: string
  readonly url: string
}

export type RequestAnswer = { readonly answer: 'allow' | 'deny'; readonly rule: string }

/** Compiles a policy's egress rules; `undefined` when nobody can judge them. Throws `EGRESS_RULES`. */
export function egressOf(
  { content }: Pick<Effective, 'content'>,
  judges: Judges,
): ((request: JudgedRequest) => RequestAnswer) | undefined {
  const compiled = judges().map((judge) => judge.compile(content.egress))
  if (compiled.length === 0) return undefined
  return ({ tool, connector, method, url }) => {
    const caller = { tool, ...(connector === undefined ? {} : { connector }) }
    const answers = compiled.map((decide) => decide(caller, method, url))
    const found = answers.find(({ allowed }) => !allowed) ?? answers[0]
    return { answer: found?.allowed ? 'allow' : 'deny', rule: found?.rule ?? 'no rule: egress' }
  }
}
