// Standing grants over HTTP: look and revoke; a route can only ever take one away.
import type { Grants } from 'cloned/kernel'
import type { ApiTools, FastifyInstance } from '../api/slot.js'
import { grantJson } from './grants-command.js'

const GRANT = {
  title: 'Grant',
  type: 'object',
  required: ['id', 'state', 'approval', 'tool', 'count', 'used', 'until'],
  properties: {
    id: { type: 'string' },
    state: { enum: ['in force', 'used up', 'over', 'revoked'] },
    approval: { type: 'string', description: 'The decision that gave it.' },
    tool: { type: 'string' },
    contract: { type: 'string' },
    actor: { type: 'object' },
    asks: { type: 'array', items: { type: 'object' } },
    count: { type: 'integer', description: 'Calls that it covers.' },
    used: { type: 'integer' },
    until: { type: 'string', format: 'date-time' },
    granted_by: { type: 'object' },
    granted_at: { type: 'string', format: 'date-time' },
    revoked_at: { type: 'string', format: 'date-time' },
  },
  examples: [
    {
      id: 'gr_k3v7q2m4x5zt',
      state: 'in force',
      approval: 'ap_k3v7q2m4x5zt',
      tool: 'cloned.internal.fs.write@v1',
      count: 5,
      used: 1,
      until: '2026-11-23T09:30:00.000Z',
    },
  ],
} as const
const ID = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 64, examples: ['gr_k3v7q2m4x5zt'] } },
} as const
const REVOCATION = {
  type: 'object',
  additionalProperties: false,
  properties: { reason: { type: 'string', maxLength: 500, examples: ['no longer needed'] } },
} as const

export function grantRoutes(app: FastifyInstance, api: ApiTools, grants: Grants, now: () => number): void {
  app.get('/approvals/grants', {
    schema: {
      operationId: 'listGrants',
      summary: 'Standing grants, in force or not',
      response: {
        200: { type: 'object', required: ['grants'], properties: { grants: { type: 'array', items: GRANT } } },
      },
    },
    config: { scope: 'approvals:read' },
    handler: async () => ({ grants: (await grants.list()).map((grant) => grantJson(grant, now())) }),
  })
  app.post<{ Params: { id: string }; Body: { reason?: string } }>('/approvals/grants/:id/revoke', {
    schema: {
      operationId: 'revokeGrant',
      summary: 'Ends a standing grant at once',
      params: ID,
      body: REVOCATION,
      response: { 200: GRANT },
    },
    config: { scope: 'approvals:decide' },
    handler: async (request) => {
      const { actor } = api.principal(request)
      return grantJson(await grants.revoke(request.params.id, actor, request.body.reason), now())
    },
  })
}
