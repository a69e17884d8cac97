// The way of a new host from a denial to a rule and back, over two processes and two people, without a restart.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace } from 'cloned'
import {
  type ApprovalRequest,
  approvalsSlot,
  auditSlot,
  createKernel,
  type Kernel,
  type Outcome,
  parseYaml,
  sha256,
} from 'cloned/kernel'
import { policySlot } from 'cloned/plugins/policy'
import { afterEach, expect, it } from 'vitest'
import { defaultDistribution } from '../../plugins/default.js'
import { startChild } from '../child.js'
import { httpServer } from './firewall-fixture.js'

const FETCH = 'cloned.internal.http.fetch@v1'
const UPDATE = 'cloned.internal.security.egress.update@v1'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()?.()
})

/** A shared workspace, an agent of one person in a process of its own, and a second person in this one. */
async function scene() {
  const root = mkdtempSync(join(tmpdir(), 'cloned-flow-'))
  cleanups.push(() => rmSync(root, { recursive: true, force: true }))
  initWorkspace(root, { type: 'shared', now: Date.now })
  const server = await httpServer((request, response) => {
    if (request.url === '/slow') return void response.write('half')
    response.end('hello')
  })
  cleanups.push(() => server.close())
  const kernel = createKernel(defaultDistribution(), {
    config: { 'cloned.workspace': { root }, 'cloned.audit': { thread: 'inline' } },
    osUser: 'bob',
  })
  cleanups.push(() => kernel.stop())
  await kernel.start()
  const child = startChild('firewall-caller', root, 'ann')
  cleanups.push(() => child.kill())
  expect(await child.line()).toBe('ready')
  let n = 0
  const outcomes = new Map<number, Outcome>()
  /** Makes a call in the agent's process. */
  const call = (tool: string, input: unknown) => {
    const mine = ++n
    child.say(JSON.stringify({ n: mine, tool, input }))
    return async (): Promise<Outcome> => {
      for (;;) {
        const known = outcomes.get(mine)
        if (known) return known
        const answer = JSON.parse(await child.line()) as { n: number; outcome: Outcome }
        outcomes.set(answer.n, answer.outcome)
      }
    }
  }
  return { root, server, kernel, call, url: `http://127.0.0.1:${server.port}` }
}

/** The approval that a proposal opened. */
function approvalIn(outcome: Outcome): string {
  if (outcome.status !== 'done') throw new Error(JSON.stringify(outcome))
  return (outcome.output as { approval_id: string }).approval_id
}

async function approve(kernel: Kernel, id: string): Promise<ApprovalRequest> {
  const by = kernel.actor('user:bob')
  const { request, outcome } = await kernel.service(approvalsSlot).decide(id, { verdict: 'approve', by })
  expect(outcome).toMatchObject({ status: 'done' })
  return request
}

it('a denied call leads to a rule that another person approves, and the same call passes; without the rule it ends', async () => {
  const { root, server, kernel, call, url } = await scene()
  const fetch = (path: string) => call(FETCH, { url: `${url}${path}` })

  // The call is denied, and the denial names the proposal.
  const denied = await fetch('/a')()
  expect(denied).toMatchObject({ status: 'failed', effect: 'none', code: 'EGRESS_DENIED' })
  const { help } = denied as { help: string }
  expect(help).toContain(`cloned firewall allow 127.0.0.1 --tool ${FETCH}`)
  const proposal = /calls (\S+) with (\{.*\})\)/.exec(help)
  expect(proposal?.[1]).toBe(UPDATE)

  // The proposal opens an approval, as data, and changes nothing.
  const proposed = await call(UPDATE, JSON.parse(proposal?.[2] ?? ''))()
  expect(proposed).toMatchObject({
    status: 'done',
    output: { status: 'pending', approval_id: expect.stringMatching(/^ap_/) },
  })
  const id = approvalIn(proposed)
  const approvals = kernel.service(approvalsSlot)
  expect(await approvals.get(id)).toMatchObject({
    state: 'pending',
    action: { kind: 'policy.write', actor: { id: 'agent:demo', osUser: 'ann' } },
  })
  expect(await fetch('/a')()).toMatchObject({ code: 'EGRESS_DENIED' })
  expect(server.requests).toEqual([])

  // Another person approves: in force in the agent's process at its next calls.
  await approve(kernel, id)
  const passed = async () => ((await fetch('/a')()) as { status: string }).status
  await expect.poll(passed, { timeout: 10_000, interval: 20 }).toBe('done')

  // The overlay says who and by which record; the log has the same.
  const text = readFileSync(join(root, '.cloned', 'policy', 'shared.yaml'), 'utf8')
  const { overlay } = kernel.service(policySlot).snapshot()
  expect(sha256(text)).toBe(overlay)
  const { change } = parseYaml(text, { path: 'shared.yaml' }) as unknown as {
    change: { audit: { seq: number; hash: string } }
  }
  expect(change).toMatchObject({
    id: expect.any(String),
    requested_by: 'agent:demo',
    approved_by: 'user:bob',
    approval: id,
    previous: null,
  })
  const records = await kernel.service(auditSlot).find(id)
  expect(records.map(({ seq, hash }) => ({ seq, hash }))).toContainEqual(change.audit)

  // Taken out again, in the same way: what is under way ends, and nothing more passes.
  const slow = fetch('/slow')
  await expect.poll(() => server.requests, { timeout: 10_000, interval: 20 }).toContain('GET /slow')
  const removal = await call(UPDATE, { tool: FETCH, remove: ['127.0.0.1'] })()
  await approve(kernel, approvalIn(removal))
  expect(await slow()).toMatchObject({ status: 'failed', effect: 'unknown', code: 'EGRESS_REVOKED' })
  expect(await fetch('/a')()).toMatchObject({ code: 'EGRESS_DENIED' })
})
