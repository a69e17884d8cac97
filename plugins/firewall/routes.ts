// The egress rules in force over HTTP, and what they answer to a request; nothing is sent, changes are proposed elsewhere.
import type { ApiPart } from '../api/slot.js'
import type { EgressLists, Policy } from '../policy/slot.js'
import { type ChangeRouteParts, changeRoutes } from './change-routes.js'
import type { Firewall } from './slot.js'

const RULE = {
  title: 'EgressRule',
  type: 'object',
  required: ['scope', 'answer', 'host', 'at'],
  properties: {
    scope: { type: 'string', description: '`everybody`, `tool ID` or `connector ID`.' },
    answer: { enum: ['allow', 'deny'] },
    host: { type: 'string' },
    schemes: { type: 'array', items: { enum: ['https', 'http'] } },
    ports: { type: 'array', items: { type: 'integer' } },
    methods: { type: 'array', items: { type: 'string' } },
    addresses: { type: 'array', items: { type: 'string' } },
    at: { type: 'string', description: 'Where the rule stands.' },
  },
  examples: [
    {
      scope: 'tool cloned.internal.http.fetch@v1',
      answer: 'allow',
      host: 'docs.example.com',
      methods: ['GET', 'HEAD'],
      at: '.cloned/policy/personal.yaml:4',
    },
  ],
} as const
const QUESTION = {
  title: 'EgressQuestion',
  type: 'object',
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: { type: 'string', minLength: 1, maxLength: 4096, examples: ['https://docs.example.com/start'] },
    method: { type: 'string', minLength: 1, maxLength: 20, description: 'GET without.', examples: ['GET'] },
    tool: { type: 'string', maxLength: 256, examples: ['cloned.internal.http.fetch@v1'] },
    connector: { type: 'string', maxLength: 256, examples: ['acme.docs'] },
  },
} as const
const EXPLAINED = {
  title: 'EgressAnswer',
  type: 'object',
  required: ['allowed', 'next'],
  properties: {
    allowed: { type: 'boolean' },
    host: { type: 'string', description: 'In its one spelling.' },
    rule: { type: 'string', description: 'Where the rule stands that decides.' },
    code: { type: 'string' },
    reason: { type: 'string' },
    next: { type: 'string', description: 'What would give another answer.' },
    propose: { type: 'object', description: 'The tool call that would propose it.' },
  },
  examples: [{ allowed: false, host: 'docs.example.com', code: 'NO_RULE', reason: 'no rule allows it', next: '…' }],
} as const

interface Question {
  readonly url: string
  readonly method?: string
  readonly tool?: string
  readonly connector?: string
}

/** For whom a question is put that names no tool: everybody's rules alone count. */
const NOBODY = 'http.request'

export interface FirewallRouteParts extends ChangeRouteParts {
  readonly firewall: Pick<Firewall, 'explain'>
  readonly policy: Pick<Policy, 'snapshot'>
}

export function firewallPart({ firewall, policy, ...parts }: FirewallRouteParts): ApiPart {
  return {
    tag: 'firewall',
    register(app, api) {
      changeRoutes(app, api, parts)
      app.get('/firewall/allowlist', {
        schema: {
          operationId: 'listEgressRules',
          summary: 'The egress rules in force, in the order in which they are asked, and where each stands',
          response: {
            200: { type: 'object', required: ['rules'], properties: { rules: { type: 'array', items: RULE } } },
          },
        },
        config: { scope: 'firewall:read' },
        handler: async () => {
          const { tools, connectors, global } = policy.snapshot().egress
          const scopes: [string, EgressLists][] = [
            ...Object.entries(tools).map(([id, lists]): [string, EgressLists] => [`tool ${id}`, lists]),
            ...Object.entries(connectors).map(([id, lists]): [string, EgressLists] => [`connector ${id}`, lists]),
            ['everybody', global],
          ]
          const rules = scopes.flatMap(([scope, lists]) =>
            (['deny', 'allow'] as const).flatMap((answer) => lists[answer].map((rule) => ({ scope, answer, ...rule }))),
          )
          return { rules }
        },
      })
      app.post<{ Body: Question }>('/firewall/explain', {
        schema: {
          operationId: 'explainEgress',
          summary: 'Whether a request would be let out, by which rule, and what would change that',
          body: QUESTION,
          response: { 200: EXPLAINED },
        },
        config: { scope: 'firewall:read' },
        handler: async ({ body: { url, method = 'GET', tool = NOBODY, connector } }) => {
          const caller = { tool, ...(connector === undefined ? {} : { connector }) }
          const { decision, ...more } = firewall.explain(caller, method, url)
          return { ...decision, ...more }
        },
      })
    },
  }
}
