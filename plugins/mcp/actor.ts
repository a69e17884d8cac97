// Decides who acts when a client calls; what a client says of itself is a claim and nothing more.
import type { ActorInput } from 'cloned/kernel'
import type { Scope } from './caller.js'

/** Who calls: whom the credential stands for, or else an agent by the name that its client claims. */
export function actorOf({ credential, client }: Pick<Scope, 'credential' | 'client'>): ActorInput {
  const name = (client.name ?? '').replace(/[^\w.+-]+/g, '-').slice(0, 100)
  return credential.actor ?? { id: name === '' ? 'agent:mcp' : `agent:mcp.${name}`, claimed: true }
}
