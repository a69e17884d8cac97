// Counts requests by operation and status, and how long they took; changes nothing of them.
import fp from 'fastify-plugin'
import type { Metrics } from '../metrics.js'

export const measured = fp<{ readonly metrics: Metrics }>(
  async (app, { metrics }) => {
    const requests = metrics.counter('cloned_http_requests_total', 'Requests that were answered.', [
      'operation',
      'status',
    ])
    const seconds = metrics.counter('cloned_http_request_seconds_total', 'Time that answers took.', ['operation'])
    app.addHook('onResponse', (request, reply, done) => {
      const { operationId = 'none' } = (request.routeOptions.schema ?? {}) as { operationId?: string }
      requests([operationId, String(reply.statusCode)])
      seconds([operationId], reply.elapsedTime / 1000)
      done()
    })
  },
  { name: 'cloned-api-measured', fastify: '5.x' },
)
