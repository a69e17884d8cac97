// Adds a second set of routes to the API: what an auditor of the company asks for; it reads only.
import { definePlugin, gateSlot } from 'cloned/kernel'
import { routesCollection } from 'cloned/plugins/api'

export const reportRoutes = definePlugin({
  id: 'acme.report-routes',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Reports of the company, under /v1/acme.',
  requires: { gate: gateSlot },
  contributes: { routes: routesCollection },
  setup: ({ deps: { gate } }) => ({
    routes: [
      {
        tag: 'acme',
        register(app) {
          app.get('/acme/guards', {
            schema: {
              operationId: 'listAcmeGuards',
              summary: 'The plugins without whose vote nothing runs, by hook',
              response: {
                200: {
                  type: 'object',
                  required: ['guards'],
                  properties: {
                    guards: {
                      type: 'object',
                      additionalProperties: { type: 'array', items: { type: 'string' } },
                      examples: [{ beforeToolCall: ['cloned.policy', 'acme.leak-guard'] }],
                    },
                  },
                },
              },
            },
            config: { scope: 'workspace:read' },
            handler: async () => ({ guards: gate.plan().requiredGuards }),
          })
        },
      },
    ],
  }),
})
