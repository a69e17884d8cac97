// Proposals to change the egress rules over HTTP: each is a policy write that a person decides; it changes nothing itself.
import { type Actor, type Gate, type JsonObject, type Outcome, policyWrite } from 'cloned/kernel'
import type { ApiTools, FastifyInstance, FastifyReply } from '../api/slot.js'
import { type Change, type ChangeParts, workOut } from './change.js'
import type { Edit } from './overlay-text.js'
import { type RuleFields, scopeOf } from './proposal.js'
import { policyWriteRequest } from './write.js'

const HOSTS = {
  type: 'array',
  minItems: 1,
  maxItems: 100,
  uniqueItems: true,
  items: { type: 'string', minLength: 1, maxLength: 255 },
  examples: [['docs.example.com']],
} as const
const FOR_WHOM = {
  tool: { type: 'string', maxLength: 256, examples: ['cloned.internal.http.fetch@v1'] },
  connector: { type: 'string', maxLength: 256, description: 'Of a tool or of a connector; everybody without both.' },
  reason: { type: 'string', maxLength: 500, description: 'For the person who decides.' },
  dry_run: { type: 'boolean', description: 'Judges only.' },
} as const
const ADDITIONS = {
  title: 'EgressAdditions',
  type: 'object',
  additionalProperties: false,
  required: ['hosts'],
  properties: {
    hosts: HOSTS,
    schemes: { type: 'array', minItems: 1, uniqueItems: true, items: { enum: ['https', 'http'] } },
    ports: { type: 'array', minItems: 1, maxItems: 20, items: { type: 'integer', minimum: 1, maximum: 65_535 } },
    methods: { type: 'array', minItems: 1, maxItems: 20, items: { type: 'string', maxLength: 20 } },
    addresses: { type: 'array', minItems: 1, maxItems: 20, items: { type: 'string', maxLength: 64 } },
    ...FOR_WHOM,
  },
  examples: [{ hosts: ['docs.example.com'], tool: 'cloned.internal.http.fetch@v1', methods: ['GET', 'HEAD'] }],
} as const
const REMOVALS = {
  title: 'EgressRemovals',
  type: 'object',
  additionalProperties: false,
  required: ['hosts'],
  properties: { hosts: HOSTS, ...FOR_WHOM },
  examples: [{ hosts: ['docs.example.com'], tool: 'cloned.internal.http.fetch@v1' }],
} as const
const PROPOSED = {
  title: 'EgressProposal',
  type: 'object',
  required: ['status', 'added', 'removed', 'notes'],
  properties: {
    status: { enum: ['in force', 'done', 'pending', 'dry-run'], description: '`in force`: nothing had to change.' },
    added: { type: 'array', items: { type: 'object' } },
    removed: { type: 'array', items: { type: 'string' } },
    notes: { type: 'array', items: { type: 'string' } },
    approval_id: { type: 'string', description: 'With `pending`: what a person decides.' },
    call_id: { type: 'string' },
    verdict: { enum: ['allow', 'ask', 'deny'], description: 'With `dry-run`.' },
    reason: { type: 'string' },
    help: { type: 'string' },
  },
  examples: [
    {
      status: 'pending',
      added: [{ host: 'docs.example.com', methods: ['GET', 'HEAD'] }],
      removed: [],
      notes: [],
      approval_id: 'ap_k3v7q2m4x5zt',
    },
  ],
} as const

interface ForWhom {
  readonly tool?: string
  readonly connector?: string
  readonly reason?: string
  readonly dry_run?: boolean
}
type Additions = ForWhom & Omit<RuleFields, 'host'> & { readonly hosts: readonly string[] }

export interface ChangeRouteParts {
  readonly change: ChangeParts
  readonly gate: Pick<Gate, 'act'>
}

export function changeRoutes(app: FastifyInstance, api: ApiTools, parts: ChangeRouteParts): void {
  app.post<{ Body: Additions }>('/firewall/allowlist', {
    schema: {
      operationId: 'proposeEgress',
      summary: 'Proposes to allow hosts; it counts once a person has approved it',
      body: ADDITIONS,
      response: { 200: PROPOSED, 202: PROPOSED },
    },
    config: { scope: 'firewall:propose' },
    handler: async (request, reply) => {
      const { hosts, tool, connector, reason, dry_run, ...rule } = request.body
      const scope = scopeOf({ tool, connector })
      const edit = { scope, add: hosts.map((host) => ({ host, ...rule })), remove: [] }
      return propose(parts, api, reply, { ...request.body, edit, actor: api.principal(request).actor })
    },
  })
  app.post<{ Body: ForWhom & { readonly hosts: readonly string[] } }>('/firewall/allowlist/remove', {
    schema: {
      operationId: 'proposeEgressRemoval',
      summary: 'Proposes to allow hosts no longer',
      body: REMOVALS,
      response: { 200: PROPOSED, 202: PROPOSED },
    },
    config: { scope: 'firewall:propose' },
    handler: async (request, reply) => {
      const { hosts, tool, connector } = request.body
      const edit = { scope: scopeOf({ tool, connector }), add: [], remove: hosts }
      return propose(parts, api, reply, { ...request.body, edit, actor: api.principal(request).actor })
    },
  })
}

async function propose(
  { change, gate }: ChangeRouteParts,
  api: ApiTools,
  reply: FastifyReply,
  { edit, actor, reason, dry_run = false }: ForWhom & { readonly edit: Edit; readonly actor: Actor },
): Promise<JsonObject> {
  const worked = await workOut(change, edit)
  if (!worked.write) return { status: 'in force', ...shown(worked) }
  const asked = policyWriteRequest(worked.write, worked, edit.scope, reason)
  const outcome: Outcome = await gate.act(policyWrite, { ...asked, actor }, { dryRun: dry_run })
  return { ...api.answer(reply, outcome), ...shown(worked) }
}

function shown({ added, removed, notes }: Change): JsonObject {
  return { added: added.map((rule) => ({ ...rule }) as JsonObject), removed: [...removed], notes: [...notes] }
}
