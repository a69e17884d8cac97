// The rules for the tool by which agents propose egress rules: it asks, narrowly, and never decides.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace, open } from 'cloned'
import { approvalsSlot, type Kernel, type Outcome } from 'cloned/kernel'
import { policySlot } from 'cloned/plugins/policy'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const UPDATE = 'cloned.internal.security.egress.update@v1'
const FETCH = 'cloned.internal.http.fetch@v1'

let root: string
let kernel: Kernel
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'cloned-update-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  kernel = await open({ root, config: { 'cloned.audit': { thread: 'inline' } } })
})
afterEach(async () => {
  await kernel.stop()
  rmSync(root, { recursive: true, force: true })
})

const update = (input: object): Promise<Outcome> => kernel.call({ tool: UPDATE, input, actor: 'agent:tester' })
const requests = () => kernel.service(approvalsSlot).list()

/** Proposes and approves; answers what the proposal answered. */
async function approved(input: object): Promise<unknown> {
  const { output } = (await update(input)) as Outcome & { output: { approval_id: string } }
  const by = kernel.actor()
  await kernel.service(approvalsSlot).decide(output.approval_id, { verdict: 'approve', by })
  return output
}

describe('a proposal', () => {
  it('is a policy write that waits for a person, with the words of the agent, and is not asked for itself', async () => {
    const outcome = await update({ tool: FETCH, add: [{ host: 'a.test' }], reason: 'to read the docs' })
    expect(outcome).toMatchObject({ status: 'done', output: { status: 'pending', notes: [] } })
    const [request, ...others] = await requests()
    expect(others).toEqual([])
    expect(request).toMatchObject({
      state: 'pending',
      action: {
        kind: 'policy.write',
        actor: { id: 'agent:tester' },
        about: { reason: 'to read the docs', scope: `tools.${FETCH}`, hosts: ['a.test'] },
      },
    })
  })

  it('is for GET and HEAD over https unless it says otherwise', async () => {
    await approved({
      connector: 'mail',
      add: [{ host: 'a.test' }, { host: '*.b.test', methods: ['POST'], schemes: ['http'], ports: [8080] }],
    })
    const { egress } = kernel.service(policySlot).snapshot()
    expect(egress.connectors['mail']?.allow).toMatchObject([
      { host: 'a.test', methods: ['GET', 'HEAD'] },
      { host: '*.b.test', methods: ['POST'], schemes: ['http'], ports: [8080] },
    ])
    expect(egress.global).toEqual({ deny: [], allow: [] })
  })

  it('of what is in force already says so and asks nobody', async () => {
    await approved({ tool: FETCH, add: [{ host: 'a.test' }] })
    const before = (await requests()).length
    for (const input of [{ add: [{ host: 'a.test', methods: ['GET'] }] }, { remove: ['b.test'] }]) {
      expect(await update({ tool: FETCH, ...input })).toMatchObject({ output: { status: 'in_force' } })
    }
    expect(await requests()).toHaveLength(before)
  })

  it('that is made twice is one request', async () => {
    const [first, second] = [
      await update({ tool: FETCH, add: [{ host: 'a.test' }] }),
      await update({ tool: FETCH, add: [{ host: 'a.test' }] }),
    ]
    expect((first as { output?: object }).output).toEqual((second as { output?: object }).output)
    expect(await requests()).toHaveLength(1)
  })

  it.each<[string, object]>([
    ['everybody', { add: [{ host: 'a.test' }] }],
    ['two scopes', { tool: FETCH, connector: 'mail', add: [{ host: 'a.test' }] }],
    ['nothing', { tool: FETCH }],
    ['a shared suffix', { tool: FETCH, add: [{ host: '*.github.io' }] }],
    ['a top-level domain', { tool: FETCH, add: [{ host: '*.com' }] }],
    ['an address without a port', { tool: FETCH, add: [{ host: '8.8.8.8' }] }],
    ['cloud metadata', { tool: FETCH, add: [{ host: '169.254.169.254', ports: [80] }] }],
    ['a private range without a port', { tool: FETCH, add: [{ host: 'a.test', addresses: ['10.0.0.0/8'] }] }],
    ['look-alike letters', { tool: FETCH, add: [{ host: 'еxample.com' }] }],
    ['an unknown field', { tool: FETCH, add: [{ host: 'a.test', deny: true }] }],
    ['a tunnel', { tool: FETCH, add: [{ host: 'a.test', methods: ['CONNECT'] }] }],
    ['text for another section', { tool: 'x"]: {}\ntools: {allow: ["*"]}', add: [{ host: 'a.test' }] }],
    ['a prototype', { tool: '__proto__', add: [{ host: 'a.test' }] }],
  ])('for %s opens nothing', async (_, input) => {
    const outcome = await update(input)
    expect(outcome, JSON.stringify(outcome)).not.toMatchObject({ output: { status: 'pending' } })
    expect(await requests()).toEqual([])
  })
})
