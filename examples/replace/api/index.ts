// An HTTP API on `node:http` in the place of the built-in one; it declares and wires, and listens only when it is asked to.
import { definePlugin, gateSlot } from 'cloned/kernel'
import {
  type Api,
  apiSlot,
  authenticatorsCollection,
  Lockout,
  localToken,
  type Principal,
  serveCommand,
} from 'cloned/plugins/api'
import { commandsCollection } from 'cloned/plugins/cli'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { type Door, hostDoor, type Listener, listenAt } from './doors.js'
import { describeRoutes, routesOf } from './routes.js'
import { createAnswerer } from './server.js'

/** List it, and say so: `replace: { 'cloned.api': 'acme.api' }`. */
export default definePlugin({
  id: 'acme.api',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'An HTTP API on node:http: tools, calls and the workspace, for programs.',
  requires: { gate: gateSlot, workspace: workspaceSlot },
  provides: { api: apiSlot },
  owns: { authenticators: authenticatorsCollection },
  contributes: { commands: commandsCollection },
  setup({ deps: { gate, workspace }, collected, onStop, now }) {
    const routes = routesOf({ gate, workspace, document: () => describeRoutes(routes, gate.plan().distribution) })
    const schemes = () => collected.authenticators().map(({ item }) => item)
    const owner = (via: string): Principal => ({ actor: gate.actor(), scopes: new Set(['*']), via })
    const open = new Set<Listener>()

    const answererAt = (door: Door) => {
      const token = localToken(workspace.path('api'))
      const local = owner('token')
      const lockout = new Lockout(now)
      const byToken = (candidate: string) => (token.matches(candidate) ? local : undefined)
      return createAnswerer({ routes, door, schemes, lockout, byToken })
    }
    const api: Api = {
      async listen(options = {}) {
        const listener = await listenAt(options, workspace, owner('socket'), answererAt)
        open.add(listener)
        return {
          address: listener.address,
          async close() {
            if (open.delete(listener)) await listener.close()
          },
        }
      },
      handle: (request, response, principal) => answererAt(hostDoor(principal))(request, response),
      document: async () => describeRoutes(routes, gate.plan().distribution),
    }
    onStop(async () => {
      const listeners = [...open]
      open.clear()
      await Promise.all(listeners.map((listener) => listener.close()))
    })
    return { api, commands: [serveCommand(api)] }
  },
})
