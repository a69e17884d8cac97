// An HTTP API on `node:http` in the place of the built-in one; it declares and wires, and answers no request itself.
import { definePlugin, gateSlot } from 'cloned/kernel'
import { apiSlot, authenticatorsCollection, createApi, type Door, serveCommand } from 'cloned/plugins/api'
import { commandsCollection } from 'cloned/plugins/cli'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { describeRoutes, routesOf } from './routes.js'
import { answerer } from './server.js'

/** List it, and say so: `replace: { 'cloned.api': 'acme.api' }`. */
export default definePlugin({
  id: 'acme.api',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'An HTTP API on node:http: tools and their calls, for programs.',
  requires: { gate: gateSlot, workspace: workspaceSlot },
  provides: { api: apiSlot },
  owns: { authenticators: authenticatorsCollection },
  contributes: { commands: commandsCollection },
  setup({ deps: { gate, workspace }, collected: { authenticators }, onStop, now }) {
    const routes = routesOf(gate)
    const document = async () => describeRoutes(routes, gate.plan().distribution)
    // Where it listens, and who comes in, is the door's to decide; this plugin answers whom it lets in.
    const answering = (door: Door) => ({ answer: answerer(routes, door), document })
    const api = createApi({ gate, workspace, authenticators, now, answering })
    onStop(() => api.close())
    return { api, commands: [serveCommand(api)] }
  },
})
