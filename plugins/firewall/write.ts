// Puts a change of the egress rules to the gate as a policy write, which asks a person; must never write a file itself.
import type { ActRequest, JsonObject } from 'cloned/kernel'
import type { Change } from './change.js'
import type { Scope } from './proposal.js'

/** What the gate is asked. `reason` is for the person who decides, in the words of whoever asks. */
export function policyWriteRequest(
  write: NonNullable<Change['write']>,
  { added, removed }: Change,
  { list, id }: Scope,
  reason?: string,
): Omit<ActRequest, 'actor'> {
  const whom = id === undefined ? 'everybody' : id
  const parts = [
    ...(added.length > 0 ? [`allow ${added.map(({ host }) => host).join(', ')}`] : []),
    ...(removed.length > 0 ? [`no longer allow ${removed.join(', ')}`] : []),
  ]
  const about: JsonObject = {
    title: `Firewall: ${parts.join('; ')} for ${whom}`,
    scope: id === undefined ? list : `${list}.${id}`,
    hosts: [...added.map(({ host }) => host), ...removed],
    ...(reason === undefined ? {} : { reason }),
  }
  return { target: write.pack, input: write, about }
}
