// Routes about the server: is it well, what is it made of, what can be asked.
import type { Gate, Json, JsonObject } from 'cloned/kernel'
import type { Workspace } from '../../workspace/slot.js'
import type { Metrics } from '../metrics.js'
import { REFERENCE_CSP, referencePage } from '../reference.js'
import type { ApiPart, FastifyRequest } from '../slot.js'

export interface ServerPartDeps {
  readonly gate: Pick<Gate, 'plan'>
  readonly workspace: Workspace
  readonly document: () => Promise<Json>
  readonly metrics: Pick<Metrics, 'text'>
}

const HEALTH = {
  title: 'Health',
  type: 'object',
  required: ['status'],
  properties: {
    status: { const: 'ok' },
    proof: {
      type: 'string',
      description:
        'To a challenge: base64url of HMAC-SHA256 under the local token over the lines `cloned.api.server.v1`, the origin of the URL (`http://127.0.0.1:41173`) and the challenge, joined by line feeds.',
    },
  },
  examples: [{ status: 'ok', proof: 'k1nBq7Jm0uQ6oU1l2sX8d3yQ9cT5wR4vZ0aE6hG7iLM' }],
} as const
const CHALLENGE = {
  type: 'object',
  additionalProperties: false,
  properties: {
    challenge: {
      type: 'string',
      pattern: '^[A-Za-z0-9_-]{43}$',
      description:
        '32 random bytes, base64url. Ask before the local token is sent: the port may have gone to another program.',
      examples: ['8e2mS0nJb6m7oYw3rJ1v5uQ9xK4tL2pD6fH8gA0cZcE'],
    },
  },
} as const
const DOCUMENT = {
  type: 'object',
  required: ['openapi', 'info', 'paths'],
  properties: { openapi: { type: 'string' }, info: { type: 'object' }, paths: { type: 'object' } },
  examples: [{ openapi: '3.1.0', info: { title: 'cloned', version: '0.1.0' }, paths: {} }],
} as const
const WORKSPACE = {
  title: 'Workspace',
  type: 'object',
  required: ['id', 'type', 'root'],
  properties: {
    id: { type: 'string' },
    type: { enum: ['personal', 'shared', 'enterprise'] },
    root: { type: 'string', description: 'Absolute path on the machine of the server.' },
  },
  examples: [{ id: 'fb6633697f6dc4b1300ec4c7b9dd53e9', type: 'personal', root: '/home/ada/notes' }],
} as const
const PLUGINS = {
  title: 'Plan',
  type: 'object',
  required: ['distribution', 'kernel', 'plugins'],
  properties: {
    distribution: { type: 'object', properties: { name: { type: 'string' }, version: { type: 'string' } } },
    kernel: { type: 'string' },
    plugins: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'version'],
        properties: { id: { type: 'string' }, version: { type: 'string' }, stability: { type: 'string' } },
      },
    },
  },
  examples: [
    {
      distribution: { name: 'cloned', version: '0.1.0' },
      kernel: '0.1.0',
      plugins: [{ id: 'cloned.workspace', version: '0.1.0', stability: 'beta' }],
    },
  ],
} as const

export function serverPart({ gate, workspace, document, metrics }: ServerPartDeps): ApiPart {
  return {
    tag: 'server',
    register(app) {
      const proofTo = app.getDecorator<(request: FastifyRequest, challenge: string) => string>('proofTo')
      app.get<{ Querystring: { challenge?: string } }>('/healthz', {
        schema: {
          operationId: 'getHealth',
          summary: 'Whether the server answers, and whether it is the one that knows the local token',
          querystring: CHALLENGE,
          response: { 200: HEALTH },
        },
        config: { open: true },
        handler: async (request) => {
          const { challenge } = request.query
          return { status: 'ok', ...(challenge === undefined ? {} : { proof: proofTo(request, challenge) }) }
        },
      })
      app.get('/openapi.json', {
        schema: {
          operationId: 'getOpenapi',
          summary: 'This description; as a page for people with `Accept: text/html`',
          response: {
            200: {
              content: {
                'application/json': { schema: DOCUMENT },
                'text/html': { schema: { type: 'string', examples: ['<!doctype html>'] } },
              },
            },
          },
        },
        config: { open: true },
        handler: async (request, reply) => {
          reply.header('vary', 'Accept')
          if (!/\btext\/html\b/.test(request.headers.accept ?? '')) return document()
          reply.type('text/html; charset=utf-8').header('content-security-policy', REFERENCE_CSP)
          return referencePage(await document())
        },
      })
      app.get('/workspace', {
        schema: { operationId: 'getWorkspace', summary: 'The workspace that is served', response: { 200: WORKSPACE } },
        config: { scope: 'workspace:read' },
        handler: async () => ({ id: workspace.config.id, type: workspace.config.type, root: workspace.root }),
      })
      app.get('/plugins', {
        schema: { operationId: 'listPlugins', summary: 'What this build is made of', response: { 200: PLUGINS } },
        config: { scope: 'workspace:read' },
        handler: async () => gate.plan(),
      })
      app.get('/metrics', {
        schema: {
          operationId: 'getMetrics',
          summary: 'Counters in the text format of Prometheus',
          response: { 200: { content: { 'text/plain': { schema: TEXT } } } },
        },
        config: { scope: 'metrics:read' },
        handler: async (_, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(metrics.text()),
      })
    },
  }
}

const TEXT: JsonObject = {
  type: 'string',
  examples: ['cloned_actions_total{kind="tool.call",status="done"} 3\n'],
}
