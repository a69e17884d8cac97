// Refuses a route that does not say what it takes and answers; an undescribed route must never be served.
import { ClonedError } from 'cloned/kernel'
import type { RouteOptions } from 'fastify'
import fp from 'fastify-plugin'

interface Described {
  readonly operationId?: string
  readonly summary?: string
  readonly params?: object
  readonly querystring?: object
  readonly body?: object
  readonly response?: Readonly<Record<string, object>>
}

export const described = fp(
  async (app) => {
    const ids = new Set<string>()
    app.addHook('onRoute', (route) => {
      const schema = (route.schema ?? {}) as Described
      // Made by Fastify itself beside each GET.
      if (route.method === 'HEAD' || (route.schema as { hide?: boolean } | undefined)?.hide) return
      const problem = problemOf(route, schema) ?? (ids.has(schema.operationId ?? '') ? 'its operationId is taken' : '')
      if (problem !== '') throw new ClonedError('API_ROUTE', { route: `${String(route.method)} ${route.url}`, problem })
      ids.add(schema.operationId ?? '')
    })
  },
  { name: 'cloned-api-described', fastify: '5.x' },
)

function problemOf({ config, url, method }: RouteOptions, schema: Described): string | undefined {
  const { scope, open } = config ?? {}
  if (!/^[a-z][A-Za-z]+$/.test(schema.operationId ?? '')) return 'it has no operationId'
  if (!schema.summary) return 'it has no summary'
  if (scope === undefined && !open) return 'it has no config.scope'
  if (!Object.keys(schema.response ?? {}).some((status) => /^[23]/.test(status))) return 'no success has a schema'
  if (url.includes(':') && !schema.params) return 'its params have no schema'
  if ((method === 'POST' || method === 'PUT') && !schema.body) return 'its body has no schema'
  const open_ = [schema.params, schema.querystring, schema.body].find((part) => part && !isClosed(part))
  return open_ ? 'a schema of what it reads is open: additionalProperties: false' : undefined
}

function isClosed(schema: object): boolean {
  const { type, additionalProperties } = schema as { type?: unknown; additionalProperties?: unknown }
  return type !== 'object' || additionalProperties === false
}
