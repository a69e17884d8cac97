// Approval requests over HTTP: look and decide; who may decide is settled where decisions are taken, never here.
import { type ApprovalRequest, type Approvals, ClonedError, type Grants } from 'cloned/kernel'
import type { ApiPart, PageQuery } from '../api/slot.js'
import { DECISION, type DecisionBody, decisionOf, GRANT_SCOPE, MAX_DECISION } from './decision-body.js'
import { outcomeJson, requestJson } from './documents.js'
import { grantRoutes } from './grant-routes.js'

const ACTOR = {
  type: 'object',
  required: ['id', 'claimed', 'os_user'],
  properties: { id: { type: 'string' }, claimed: { type: 'boolean' }, os_user: { type: 'string' } },
} as const
const REQUEST = {
  title: 'ApprovalRequest',
  type: 'object',
  required: ['id', 'state', 'kind', 'target', 'input', 'requester', 'asks', 'created_at', 'expires_at', 'digest'],
  properties: {
    id: { type: 'string' },
    state: { enum: ['pending', 'approved', 'denied', 'expired', 'used', 'edited'] },
    kind: { type: 'string', description: 'Of action: `tool.call`, `policy.write`.' },
    target: { type: 'string', description: 'The tool, for calls.' },
    about: { type: 'object', description: 'For people.' },
    input: { description: 'Exactly what would run.' },
    requester: ACTOR,
    asks: { type: 'array', items: { type: 'object' }, description: 'Who asks, and why.' },
    created_at: { type: 'string', format: 'date-time' },
    expires_at: { type: 'string', format: 'date-time' },
    decided_by: ACTOR,
    decided_at: { type: 'string', format: 'date-time' },
    reason: { type: 'string' },
    used_by: { type: 'string', description: 'The call that used it.' },
    contract: { type: 'string' },
    digest: { type: 'string', description: 'What the decision is bound to.' },
  },
  examples: [
    {
      id: 'ap_k3v7q2m4x5zt',
      state: 'pending',
      kind: 'tool.call',
      target: 'cloned.internal.fs.write@v1',
      about: { title: 'Write a file' },
      input: { path: 'notes.md', content: '# Notes' },
      requester: { id: 'agent:researcher', claimed: true, os_user: 'ada' },
      asks: [{ plugin: 'cloned.policy', key: 'tool-call', reason: 'the policy asks before it' }],
      created_at: '2026-11-22T09:30:00.000Z',
      expires_at: '2026-11-23T09:30:00.000Z',
      digest: 'hmac-sha256:…',
    },
  ],
} as const
const DECIDED = {
  title: 'ApprovalDecided',
  type: 'object',
  required: ['approval'],
  properties: {
    approval: REQUEST,
    outcome: {
      type: 'object',
      description: 'How the action ended, for kinds that run when they are approved, and for an edit that was denied.',
    },
    grant: { type: 'string', description: 'Id of the standing grant that was given with it.' },
  },
} as const
const ID = {
  type: 'object',
  additionalProperties: false,
  required: ['id'],
  properties: { id: { type: 'string', minLength: 1, maxLength: 64, examples: ['ap_k3v7q2m4x5zt'] } },
} as const
type ById = { Params: { id: string } }

export interface ApprovalRouteParts {
  readonly approvals: Pick<Approvals, 'get' | 'list' | 'decide'> & { readonly grants: Grants }
  readonly now: () => number
}

export function approvalsPart({ approvals, now }: ApprovalRouteParts): ApiPart {
  return {
    tag: 'approvals',
    register(app, api) {
      grantRoutes(app, api, approvals.grants, now)
      app.get<{ Querystring: PageQuery & { state?: ApprovalRequest['state'] } }>('/approvals', {
        schema: {
          operationId: 'listApprovals',
          summary: 'Approval requests, newest first',
          querystring: {
            type: 'object',
            additionalProperties: false,
            properties: { ...api.pageQuery, state: REQUEST.properties.state },
          },
          response: {
            200: {
              type: 'object',
              required: ['approvals'],
              properties: { approvals: { type: 'array', items: REQUEST }, next: { type: 'string' } },
            },
          },
        },
        config: { scope: 'approvals:read' },
        handler: async ({ query }) => {
          const all = await approvals.list(query.state === undefined ? {} : { state: query.state })
          const { items, ...rest } = api.page(all, query, ({ id }) => id)
          return { approvals: items.map(requestJson), ...rest }
        },
      })
      app.get<ById>('/approvals/:id', {
        schema: {
          operationId: 'getApproval',
          summary: 'One approval request in full',
          params: ID,
          response: { 200: REQUEST },
        },
        config: { scope: 'approvals:read' },
        handler: async ({ params: { id } }) => {
          const request = await approvals.get(id)
          if (!request) throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
          return requestJson(request)
        },
      })
      app.post<ById & { Body: DecisionBody }>('/approvals/:id/decide', {
        bodyLimit: MAX_DECISION,
        schema: {
          operationId: 'decideApproval',
          summary: 'Approves or denies a pending request, as whoever asks',
          params: ID,
          body: DECISION,
          response: { 200: DECIDED },
        },
        config: { scope: 'approvals:decide' },
        handler: async (request) => {
          const { id } = request.params
          const { actor, scopes } = api.principal(request)
          const { edit, grant } = request.body
          if ((edit !== undefined || grant !== undefined) && !scopes.has(GRANT_SCOPE) && !scopes.has('*'))
            throw new ClonedError('API_SCOPE', { scope: GRANT_SCOPE })
          const pending = await approvals.get(id)
          if (!pending) throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
          const decided = await approvals.decide(id, decisionOf(request.body, pending, actor, now()))
          const grants = await approvals.grants.list()
          const given = grants.find(({ approval }) => approval === decided.request.id)
          return {
            approval: requestJson(decided.request),
            ...(given ? { grant: given.id } : {}),
            ...(decided.outcome ? { outcome: outcomeJson(decided.outcome) } : {}),
          }
        },
      })
    },
  }
}
