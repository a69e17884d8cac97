// What the cases of the firewall contract share: the subject, its rules, and a handler that asks; holds no rule of its own.
import type { CheckAnswer, EgressSubject, Hook, JsonObject } from 'cloned/kernel'
import type { ContractCase, ContractSubject } from 'cloned/testing'
import type { Firewall } from './slot.js'
import type { TestServer } from './testing-server.js'

/** The rules of a policy, as a policy file has them under `egress`. */
export type TestRules = {
  readonly global?: TestLists
  readonly tools?: { readonly [tool: string]: TestLists }
  readonly connectors?: { readonly [connector: string]: TestLists }
}
type TestLists = { readonly allow?: readonly JsonObject[]; readonly deny?: readonly JsonObject[] }

/** A firewall under test, in a workspace whose policy has no egress rules. */
export interface FirewallSubject extends ContractSubject {
  readonly firewall: Firewall
  /** Puts these rules in force, and no others. Rejects for rules that cannot be. */
  rules(egress: TestRules): Promise<void>
}

export type Context = Parameters<Firewall['fetch']>[0]
export const TOOL = 'test.tool@v1'
export const CALLER = { tool: TOOL }

/** Makes a case of a rule. */
export type Rule = (name: string, check: (subject: FirewallSubject) => Promise<void>) => ContractCase
/** Makes a case with a server of its own. */
export type Served = (
  name: string,
  check: (subject: FirewallSubject & { readonly server: TestServer }) => Promise<void>,
) => ContractCase

export const DENIED: CheckAnswer = { allowed: false, reason: 'a guard said no', help: '', ballot: [] } as never

/** What a handler gives along, with guards that allow everything and a list of what they were asked. */
export function context(): { readonly ctx: Context; readonly asked: string[] } {
  const asked: string[] = []
  const check = (_: Hook, { method, url }: EgressSubject): CheckAnswer => {
    asked.push(`${method} ${url}`)
    return { allowed: true, ballot: [] }
  }
  const ctx = { tool: { id: TOOL }, check, signal: new AbortController().signal }
  return { ctx: ctx as unknown as Context, asked }
}

export function loopback(port: number): JsonObject {
  return { host: '127.0.0.1', schemes: ['http'], ports: [port] }
}

/** The same with a rule for the server. */
export async function opened<S extends FirewallSubject & { readonly server: TestServer }>(subject: S): Promise<S> {
  await subject.rules({ global: { allow: [loopback(subject.server.port)] } })
  return subject
}
