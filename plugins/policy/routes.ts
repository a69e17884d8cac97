// The policy in force over HTTP, with the place of every rule; it changes nothing.
import type { Json } from 'cloned/kernel'
import type { ApiPart } from '../api/slot.js'
import type { Change } from './history-commands.js'
import type { LivePolicy } from './live.js'

const EFFECTIVE = {
  title: 'EffectivePolicy',
  type: 'object',
  required: ['file', 'pack', 'digest', 'overlay', 'drift', 'rules'],
  properties: {
    file: { type: 'string', description: 'Where changes are written.' },
    pack: { enum: ['personal', 'shared', 'enterprise'] },
    digest: { type: 'string', description: 'SHA-256 of the merged content.' },
    overlay: { type: ['string', 'null'], description: 'SHA-256 of the overlay in force.' },
    drift: { type: 'boolean', description: 'The file was edited by hand and is not in force.' },
    rules: {
      type: 'array',
      items: {
        type: 'object',
        required: ['section', 'value', 'at'],
        properties: {
          section: { type: 'string' },
          value: { type: 'string' },
          at: { type: 'string', description: 'Where the rule stands.' },
        },
      },
    },
  },
  examples: [
    {
      file: '.cloned/policy/personal.yaml',
      pack: 'personal',
      digest: '5b3e…',
      overlay: null,
      drift: false,
      rules: [{ section: 'tools.risk.high', value: 'ask', at: 'personal pack: tools.risk.high' }],
    },
  ],
} as const

const CHANGES = {
  type: 'object',
  required: ['changes'],
  properties: {
    changes: {
      type: 'array',
      items: {
        title: 'PolicyChange',
        type: 'object',
        required: ['id', 'digest', 'approved_at', 'requested_by', 'approved_by', 'audit'],
        properties: {
          id: { type: 'string' },
          digest: { type: 'string', description: 'SHA-256 of the overlay that it put in force.' },
          previous: { type: ['string', 'null'], description: 'That of the overlay before.' },
          approved_at: { type: 'string', format: 'date-time' },
          requested_by: { type: 'string' },
          approved_by: { type: 'string' },
          approval: { type: ['string', 'null'] },
          audit: { type: 'object', description: 'Where the record stands.' },
        },
        examples: [
          {
            id: 'ch_1',
            digest: '5b3e…',
            previous: null,
            approved_at: '2026-11-22T09:30:00.000Z',
            requested_by: 'agent:researcher',
            approved_by: 'user:ada',
            audit: { seq: 12 },
          },
        ],
      },
    },
  },
} as const

export interface PolicyRouteParts {
  readonly policy: () => LivePolicy
  readonly name: () => string
  readonly history: () => Promise<readonly Change[]>
}

export function policyPart({ policy, name, history }: PolicyRouteParts): ApiPart {
  return {
    tag: 'policy',
    register(app) {
      app.get('/policy/effective', {
        schema: {
          operationId: 'getEffectivePolicy',
          summary: 'The merged policy in force, and where each rule stands',
          response: { 200: EFFECTIVE },
        },
        config: { scope: 'policy:read' },
        handler: async (): Promise<Json> => {
          const live = policy()
          await live.reading()
          const { pack, digest, overlay, drift } = live.snapshot()
          const rules = live.effective().rules.map(({ section, value, at }) => ({ section, value, at }))
          return { file: name(), pack, digest, overlay, drift, rules }
        },
      })
      app.get('/policy/history', {
        schema: {
          operationId: 'listPolicyChanges',
          summary: 'The changes of the policy, newest first, at most a hundred',
          response: { 200: CHANGES },
        },
        config: { scope: 'policy:read' },
        handler: async () => ({ changes: await history() }),
      })
    },
  }
}
