// Brings every operation of the API to a success, in a world where nothing was prepared for it.
import { approvalsSlot, gateSlot } from 'cloned/kernel'
import { expect } from 'vitest'
import { toolId } from '../fixtures/runs-tools.js'
import { type Answer, type ApiWorld, PIPELINE, RISKY_PIPELINE } from './api-fixture.js'
import { type ApiVendor, CONNECTOR, installed, PACK, packInstalled, trusted } from './api-vendor.js'
import * as pairing from './pairing-fixture.js'
import { addWebhook, allowTarget } from './webhooks-fixture.js'

/** By operation id. */
export const SUCCESSES: Readonly<Record<string, (world: ApiWorld, acme: ApiVendor) => Promise<Answer>>> = {
  getHealth: ({ get }) => get('/v1/healthz', { token: null }),
  getOpenapi: ({ get }) => get('/v1/openapi.json', { token: null }),
  getWorkspace: ({ get }) => get('/v1/workspace'),
  listPlugins: ({ get }) => get('/v1/plugins'),
  getMetrics: ({ get }) => get('/v1/metrics'),
  listTools: ({ get }) => get('/v1/tools?limit=2'),
  getTool: ({ get }) => get(`/v1/tools/${toolId('echo')}`),
  callTool: ({ post }) => post(`/v1/tools/${toolId('echo')}/call`, { input: { said: 'hello' } }),
  explainTool: ({ post }) => post(`/v1/tools/${toolId('risky')}/explain`, { input: {} }),
  listRuns: ({ get }) => get('/v1/runs'),
  startRun: ({ post }) => post('/v1/runs', { pipeline: PIPELINE }, { headers: { prefer: 'wait=20' } }),
  getRun: async ({ get, post }) => get(`/v1/runs/${(await post('/v1/runs', { pipeline: PIPELINE })).body.id}`),
  cancelRun: async ({ post }) =>
    post(`/v1/runs/${(await post('/v1/runs', { pipeline: RISKY_PIPELINE }, WAIT)).body.id}/cancel`),
  resumeRun: async ({ post }) =>
    post(`/v1/runs/${(await post('/v1/runs', { pipeline: RISKY_PIPELINE }, WAIT)).body.id}/resume`),
  pauseRun: async ({ post }) =>
    post(`/v1/runs/${(await post('/v1/runs', { pipeline: RISKY_PIPELINE }, WAIT)).body.id}/pause`),
  rerunRun: async ({ post }) =>
    post(`/v1/runs/${(await post('/v1/runs', { pipeline: PIPELINE }, WAIT)).body.id}/rerun`, { from: 'only' }, WAIT),
  listSkills: ({ get }) => get('/v1/skills?limit=1'),
  getSkill: async (world, acme) => {
    await packInstalled(world, acme, 'enabled')
    return world.get(`/v1/skills/${PACK}`)
  },
  listPipelines: ({ get }) => get('/v1/pipelines?limit=1'),
  installSkillPack: async (world, acme) => {
    await trusted(world, acme)
    return world.post('/v1/skills', { archive: acme.pack.archive.toString('base64'), dry_run: true })
  },
  enableSkillPack: async (world, acme) => {
    await packInstalled(world, acme, 'disabled')
    return world.post(`/v1/skills/${PACK}/enable`)
  },
  disableSkillPack: async (world, acme) => {
    await packInstalled(world, acme, 'enabled')
    return world.post(`/v1/skills/${PACK}/disable`)
  },
  removeSkillPack: async (world, acme) => {
    await packInstalled(world, acme, 'disabled')
    return world.post(`/v1/skills/${PACK}/remove`)
  },
  listApprovals: ({ get }) => get('/v1/approvals?state=pending'),
  getApproval: async (world) => world.get(`/v1/approvals/${await asked(world)}`),
  decideApproval: async (world) =>
    world.post(`/v1/approvals/${await asked(world)}/decide`, { verdict: 'approve', reason: 'as discussed' }),
  getEffectivePolicy: ({ get }) => get('/v1/policy/effective'),
  listPolicyChanges: async (world) => {
    await allowed(world, 'history.example.com')
    return world.get('/v1/policy/history')
  },
  proposeEgress: ({ post }) => post('/v1/firewall/allowlist', { hosts: ['proposed.example.com'], dry_run: true }),
  proposeEgressRemoval: async (world) => {
    await allowed(world, 'removed.example.com')
    return world.post('/v1/firewall/allowlist/remove', { hosts: ['removed.example.com'] })
  },
  listGrants: async (world) => {
    await granted(world)
    return world.get('/v1/approvals/grants')
  },
  revokeGrant: async (world) => {
    await granted(world)
    const { grants } = (await world.get('/v1/approvals/grants')).body
    return world.post(`/v1/approvals/grants/${grants[0].id}/revoke`, { reason: 'no longer needed' })
  },
  listEgressRules: ({ get }) => get('/v1/firewall/allowlist'),
  explainEgress: ({ post }) => post('/v1/firewall/explain', { url: 'https://docs.example.com/' }),
  listBudgets: ({ get }) => get('/v1/budgets'),
  queryAudit: ({ get }) => get('/v1/audit?limit=3&outcome=done'),
  verifyAudit: ({ post }) => post('/v1/audit/verify'),
  signAuditCheckpoint: ({ post }) => post('/v1/audit/checkpoint'),
  getAuditCheckpoint: async ({ get, post }) => {
    await post('/v1/audit/checkpoint')
    return get('/v1/audit/checkpoint')
  },
  proveAuditRecord: async ({ get, post }) => {
    await post('/v1/audit/checkpoint')
    return get('/v1/audit/records/1/proof')
  },
  proveAuditConsistency: async ({ post }) => {
    const { note } = (await post('/v1/audit/checkpoint')).body
    await post(`/v1/tools/${toolId('echo')}/call`, { input: {} })
    await post('/v1/audit/checkpoint')
    return post('/v1/audit/consistency', { since: note })
  },
  listArtifacts: async (world) => {
    await saved(world)
    return world.get('/v1/artifacts')
  },
  getArtifact: async (world) => world.get(`/v1/artifacts/${await saved(world)}`),
  downloadArtifact: async (world) => world.get(`/v1/artifacts/${await saved(world)}/content`),
  getArtifactBundle: async (world) => world.get(`/v1/artifacts/${await saved(world)}/bundle`),
  verifyArtifact: async (world) => world.post(`/v1/artifacts/${await saved(world)}/verify`),
  getTrust: ({ get }) => get('/v1/trust'),
  addPublisher: ({ post }, acme) => post('/v1/trust/publishers', { document: acme.document, dry_run: true }),
  removePublisher: async (world, acme) => {
    await trusted(world, acme)
    return world.post('/v1/trust/publishers/acme/remove', { dry_run: true })
  },
  revokeTrust: async (world, acme) => {
    await trusted(world, acme)
    return world.post('/v1/trust/revocations', { kind: 'package', id: CONNECTOR, range: '<0.9.0', reason: 'old' })
  },
  replaceRevocations: ({ post }) =>
    post('/v1/trust/revocations/replace', { document: '{}', signature: '{}', dry_run: true }),
  changeRoot: ({ post }) => post('/v1/trust/root', { change: 'renew', dry_run: true }),
  searchCatalogs: async (world, acme) => {
    await trusted(world, acme)
    return world.get('/v1/registry/packages?word=WEATHER')
  },
  listOutdated: async (world, acme) => {
    await installed(world, acme, 'disabled')
    return world.get('/v1/registry/outdated')
  },
  verifyPackage: async (world, acme) => {
    await trusted(world, acme)
    return world.post('/v1/connectors/verify', { archive: archiveOf(acme) })
  },
  installConnector: async (world, acme) => {
    await trusted(world, acme)
    return world.post('/v1/connectors', { archive: archiveOf(acme) })
  },
  listConnectors: async (world, acme) => {
    await installed(world, acme, 'disabled')
    return world.get('/v1/connectors')
  },
  getConnector: async (world, acme) => {
    await installed(world, acme, 'disabled')
    return world.get(`/v1/connectors/${CONNECTOR}`)
  },
  enableConnector: async (world, acme) => {
    await installed(world, acme, 'disabled')
    return world.post(`/v1/connectors/${CONNECTOR}/enable`)
  },
  disableConnector: async (world, acme) => {
    await installed(world, acme, 'enabled')
    return world.post(`/v1/connectors/${CONNECTOR}/disable`)
  },
  updateConnector: async (world, acme) => {
    await installed(world, acme, 'disabled')
    return world.post(`/v1/connectors/${CONNECTOR}/update`)
  },
  removeConnector: async (world, acme) => {
    await installed(world, acme, 'disabled')
    return world.post(`/v1/connectors/${CONNECTOR}/remove`)
  },
  requestPairing: async (world) => pairing.ask(world, pairing.newKey(), await pairing.invite(world)),
  createToken: async (world) => pairing.fetchToken(world, await pairing.paired(world)),
  listPairings: ({ get }) => get('/v1/pairings'),
  getPairing: async (world) => world.get(`/v1/pairings/${(await pairing.waiting(world)).id}`),
  approvePairing: async (world) => {
    const { id, code } = await pairing.waiting(world)
    return world.post(`/v1/pairings/${id}/approve`, { code })
  },
  revokePairing: async (world) => world.post(`/v1/pairings/${(await pairing.paired(world)).id}/revoke`),
  listWebhooks: async (world) => {
    await hooked(world, 'listed')
    return world.get('/v1/webhooks')
  },
  addWebhook: async (world) => {
    await allowTarget(world, 'added', 9)
    return world.post('/v1/webhooks', { name: 'added', url: 'http://127.0.0.1:9/', types: ['run.'] })
  },
  testWebhook: async (world) => {
    await hooked(world, 'tested')
    return world.post('/v1/webhooks/tested/test')
  },
  removeWebhook: async (world) => {
    await hooked(world, 'removed')
    return world.post('/v1/webhooks/removed/remove')
  },
  replayWebhook: async (world) => {
    await hooked(world, 'replayed')
    return world.post('/v1/webhooks/replayed/replay')
  },
  listDeadLetters: async (world) => {
    await hooked(world, 'dead')
    return world.get('/v1/webhooks/dead/dead')
  },
  listEvents: ({ get }) => get('/v1/events?type=log.&limit=5'),
  runDoctor: ({ get }) => get('/v1/doctor'),
  getVaultStatus: ({ get }) => get('/v1/vault/status'),
}
const archiveOf = ({ made }: ApiVendor) => made[1]?.archive.toString('base64') ?? ''
/** A webhook that nobody answers. */
const hooked = (world: ApiWorld, name: string) =>
  addWebhook(world, name, { url: 'http://127.0.0.1:9/', port: 9 }, { types: ['acme.never'] })
export const WAIT = { headers: { prefer: 'wait=20' } }

/** A host that is allowed by a proposal which was approved over the API. */
async function allowed({ post }: ApiWorld, host: string): Promise<void> {
  const { approval_id } = (await post('/v1/firewall/allowlist', { hosts: [host] })).body
  const { body } = await post(`/v1/approvals/${approval_id}/decide`, { verdict: 'approve' })
  expect(body.outcome.status).toBe('done')
}

/** A standing grant for the tool that asks. */
async function granted(world: ApiWorld): Promise<void> {
  const { kernel, get, now } = world
  if ((await get('/v1/approvals/grants')).body.grants.length > 0) return
  const schema = { type: 'object', properties: { granted: { const: true } }, required: ['granted'] }
  const grant = { schema, hosts: [], count: 3, until: now + 3_600_000 }
  const by = kernel.service(gateSlot).actor()
  const id = await asked(world, { granted: true })
  await kernel.service(approvalsSlot).decide(id, { verdict: 'approve', by, grant })
}

/** A pending approval. */
async function asked({ post }: ApiWorld, input = {}): Promise<string> {
  const once = { once: Math.random(), ...input }
  return (await post(`/v1/tools/${toolId('risky')}/call`, { input: once })).body.approval_id
}

export async function saved({ post }: ApiWorld): Promise<string> {
  const { body } = await post('/v1/tools/cloned.internal.artifact.save@v1/call', {
    input: { filename: 'report.md', content: 'hi' },
  })
  return body.output.id
}
