// An HTTP API on `node:http` in the place of the built-in one; it declares and wires, and listens only when it is asked to.
import { definePlugin, gateSlot } from 'cloned/kernel'
import { type Api, apiSlot, authenticatorsCollection, Lockout, localToken, type Principal } from 'cloned/plugins/api'
import { type Command, commandsCollection } from 'cloned/plugins/cli'
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

function serveCommand(api: Pick<Api, 'listen'>): Command {
  return {
    name: 'serve',
    summary: 'Serve the HTTP API until interrupted',
    options: [{ flags: '--port <n>', description: 'Port; one that is free without' }],
    examples: ['cloned serve --port 4117'],
    needs: 'workspace',
    async run({ options, dryRun, tell, signal, usageError }) {
      const port = Number(options['port'] ?? 0)
      if (!Number.isInteger(port) || port < 0 || port > 65_535) throw usageError('--port takes a number up to 65535')
      if (dryRun) return { json: { would: 'serve' }, text: 'Would serve the API.' }
      const server = await api.listen({ port })
      tell(`The API is at ${server.address}. Ctrl-C ends it.`)
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      await server.close()
      return { json: { address: server.address }, text: '' }
    },
  }
}
