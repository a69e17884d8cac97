// Serves `/mcp` on the HTTP API to whoever that has let in; nobody decides here who may not decide there.
import { isDevice } from 'cloned/kernel'
import type { ApiEndpoint, Principal } from '../api/slot.js'
import type { Mcp, McpCaller, McpDoor } from './slot.js'

export function mcpEndpoint(mcp: Mcp): ApiEndpoint {
  let door: McpDoor | undefined
  return {
    path: '/mcp',
    scope: 'tools:call',
    methods: ['GET', 'POST', 'DELETE'],
    async handle(request, response, principal) {
      door ??= mcp.door()
      await door.http(request, response, { ...callerOf(principal), hosts: 'checked' })
    },
  }
}

/** Who may do less than when a session began is somebody else to it. */
function callerOf({ actor, scopes, via }: Principal): McpCaller {
  // What is asked here is asked of a call of theirs, and no device decides on what it asked for itself.
  const decides = (scopes.has('*') || scopes.has('approvals:decide')) && !isDevice(actor)
  const skills = scopes.has('*') || scopes.has('skills:read')
  const key = JSON.stringify(['api', via, actor.id, actor.osUser, decides, skills])
  return { key, actor, skills, ...(decides ? { person: actor } : {}) }
}
