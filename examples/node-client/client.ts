// What a program does over the API: look, propose, wait for a person, run; it decides nothing that a person should.
import { setTimeout as pause } from 'node:timers/promises'
import { type Client, isPending, type Problem } from 'cloned/client'

/** How often to look for a change that was approved and begun. */
const LOOKS = 30
const FETCH = 'cloned.internal.http.fetch@v1'

/** The answer of a request, or an error with the words of the server. */
function answered<T>({ data, error }: { data?: T; error?: Problem }): T {
  if (data === undefined) throw new Error(error ? `${error.code}: ${error.detail} ${error.help}` : 'no answer')
  return data
}

/** Ids of the tools, over as many pages as there are. */
export async function toolIds(client: Client): Promise<string[]> {
  const ids: string[] = []
  let cursor: string | undefined
  do {
    const page = answered(await client.GET('/tools', { params: { query: cursor === undefined ? {} : { cursor } } }))
    ids.push(...page.tools.map(({ id }) => id))
    cursor = page.next
  } while (cursor !== undefined)
  return ids
}

/**
 * Proposes that the fetch tool may read from a host, and waits until a person has decided. Answers whether it may now.
 * `everyMs`: how often to look.
 */
export async function mayRead(
  client: Client,
  host: string,
  { everyMs = 1000, tell = (_: string) => {} } = {},
): Promise<boolean> {
  const body = { hosts: [host], tool: FETCH, methods: ['GET', 'HEAD'], reason: 'the report reads it' }
  const proposal = answered(await client.POST('/firewall/allowlist', { body }))
  if (!isPending(proposal)) return true
  tell(`waiting for a person: cloned approvals approve ${proposal.approval_id}`)
  const path = { id: proposal.approval_id }
  for (let used = 0; used < LOOKS; await pause(everyMs)) {
    // An approved change is carried out a moment later; it counts once it is in force.
    const { rules } = answered(await client.GET('/firewall/allowlist'))
    if (rules.some((rule) => rule.host === host && rule.answer === 'allow')) return true
    const { state } = answered(await client.GET('/approvals/{id}', { params: { path } }))
    if (state === 'denied' || state === 'expired') return false
    if (state === 'used') used++
  }
  return false
}

/** Runs a pipeline to its end, or until it waits for a person. */
export async function run(client: Client, pipeline: string, inputs: Record<string, unknown>) {
  // The key makes a repeated request harmless, whatever became of the first one.
  const headers = { 'idempotency-key': crypto.randomUUID(), prefer: 'wait=60' }
  const started = answered(await client.POST('/runs', { body: { pipeline, inputs }, headers }))
  if (!('state' in started)) throw new Error('that was a dry run')
  return started
}
