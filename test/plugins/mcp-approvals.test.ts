import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ApprovalRequest, auditSlot, type JsonObject } from 'cloned/kernel'
import { afterEach, describe, expect, it } from 'vitest'
import { type Answer, type Client, type McpWorld, mcpWorld, TASKS, WRITE } from './mcp-fixture.js'

const worlds: McpWorld[] = []
afterEach(() => Promise.all(worlds.splice(0).map((world) => world.close())))

async function made(...options: Parameters<typeof mcpWorld>): Promise<McpWorld> {
  const world = await mcpWorld(...options)
  worlds.push(world)
  return world
}

const ELICIT = { elicitation: {} }
const WITH_TASKS = { extensions: { [TASKS]: {} } }
const written = (world: McpWorld) =>
  access(join(world.root, WRITE.arguments.path)).then(
    () => true,
    () => false,
  )
const pending = async (world: McpWorld): Promise<readonly ApprovalRequest[]> =>
  world.approvals.list({ state: 'pending' })
const approve = async (world: McpWorld) => {
  const [request] = await pending(world)
  await world.approvals.decide(request?.id ?? '', { verdict: 'approve', by: world.kernel.actor() })
}
const authorization = ({ result }: Answer) => result._meta?.['io.modelcontextprotocol/authorization']
/** The answer to the one question of an `input_required` result. */
const answering = ({ result }: Answer, answer: JsonObject) => ({
  ...WRITE,
  inputResponses: { [Object.keys(result.inputRequests)[0] ?? '']: answer },
  requestState: result.requestState,
})
const APPROVE = { action: 'accept', content: { decision: 'approve' } }

describe('a client that can do nothing', () => {
  it('is told what the call waits for; the same call runs once it is approved, and only once', async () => {
    const world = await made()
    const client = world.client()
    await client.initialize()
    const first = await client.request('tools/call', WRITE)
    expect(first.result.isError).toBe(true)
    const [request] = await pending(world)
    expect(authorization(first)).toEqual({
      reason: 'insufficient_authorization',
      remediation: 'available',
      authorizationContextId: request?.id,
      remediationHints: [{ type: 'command', command: `cloned approvals approve ${request?.id}` }],
    })
    expect(await written(world)).toBe(false)
    await approve(world)
    const other = { ...WRITE, arguments: { ...WRITE.arguments, content: 'something else' } }
    expect((await client.request('tools/call', other)).result.isError).toBe(true)
    expect(await written(world)).toBe(false)
    expect((await client.request('tools/call', WRITE)).result).not.toHaveProperty('isError')
    expect(await written(world)).toBe(true)
    expect(authorization(await client.request('tools/call', WRITE))).toMatchObject({ remediation: 'available' })
  })

  it('a denial of the policy is told from a tool that is not there, and the tool is not listed', async () => {
    const world = await made()
    await world.policy('tools: { deny: [cloned.internal.fs.write@v1] }')
    const client = world.client()
    await client.initialize()
    const { tools } = (await client.request('tools/list')).result
    expect(tools.map(({ name }: { name: string }) => name)).not.toContain('fs__write')
    const denied = await client.request('tools/call', WRITE)
    expect(authorization(denied)).toMatchObject({ remediation: 'unavailable' })
    expect(denied.result.content[0].text).toMatch(/^Denied: /)
    expect(await pending(world)).toEqual([])
    expect((await client.request('tools/call', { name: 'none' })).error?.code).toBe(-32602)
  })

  it('a list follows the policy at once', async () => {
    const world = await made()
    const client = world.client()
    await client.initialize()
    const names = async () =>
      (await client.request('tools/list')).result.tools.map(({ name }: { name: string }) => name) as string[]
    expect(await names()).toContain('fs__write')
    await world.policy('tools: { deny: [cloned.internal.fs.*] }')
    expect(await names()).not.toContain('fs__write')
  })

  it('that shows progress is given signs of life while the call is held, and its result once it is approved', async () => {
    const world = await made({ config: { keepAliveMs: 5, holdMs: 20_000 } })
    const client = world.client()
    await client.initialize()
    const answered = client.request('tools/call', { ...WRITE, _meta: { progressToken: 7 } })
    for (const progress of [1, 2, 3]) {
      expect((await client.next('notifications/progress')).params).toMatchObject({ progressToken: 7, progress })
    }
    await approve(world)
    expect((await answered).result).not.toHaveProperty('isError')
    expect(await written(world)).toBe(true)
  })

  it('is not held longer than clients wait', async () => {
    const world = await made({ config: { keepAliveMs: 5, holdMs: 50 } })
    const client = world.client()
    await client.initialize()
    const answer = await client.request('tools/call', { ...WRITE, _meta: { progressToken: 7 } })
    expect(authorization(answer)).toMatchObject({ remediation: 'available' })
    expect(await pending(world)).toHaveLength(1)
  })
})

describe('a client that can ask the person before it', () => {
  const asked = async (world: McpWorld) => {
    const client = world.client()
    await client.initialize(ELICIT)
    const answered = client.request('tools/call', WRITE)
    const { id = null, params } = await client.next('elicitation/create')
    return { client, answered, id, params }
  }
  const reply = (client: Client, id: Answer['id'], result: JsonObject) => client.send({ jsonrpc: '2.0', id, result })

  it('shows the exact call, and an approval runs it as that person, whoever the agent says it is', async () => {
    const world = await made()
    const { client, answered, id, params } = await asked(world)
    expect(params['message']).toMatch(/agent:mcp\.test wants to call cloned\.internal\.fs\.write@v1/)
    expect(params['message']).toMatch(/"content": "written"/)
    reply(client, id, APPROVE)
    expect((await answered).result).not.toHaveProperty('isError')
    const [request] = await world.approvals.list()
    expect(request?.decidedBy).toMatchObject(world.kernel.actor())
    expect(request?.reason).toMatch(/MCP client test/)
  })

  it.each([
    ['denies', { action: 'accept', content: { decision: 'deny' } }, 'denied'],
    ['declines', { action: 'decline' }, 'denied'],
    ['walks away', { action: 'cancel' }, 'pending'],
    ['answers something else', { action: 'accept', content: { decision: 'yes' } }, 'pending'],
  ])('a person who %s', async (_, answer, state) => {
    const world = await made()
    const { client, answered, id } = await asked(world)
    reply(client, id, answer)
    expect((await answered).result.isError).toBe(true)
    expect((await world.approvals.list()).map((request) => request.state)).toEqual([state])
    expect(await written(world)).toBe(false)
  })

  it('one who never answers is asked no longer than it takes, and told what the call waits for', async () => {
    const world = await made({ config: { answerMs: 50 } })
    const { client, answered, id } = await asked(world)
    expect(authorization(await answered)).toMatchObject({ remediation: 'available' })
    expect((await client.next('notifications/cancelled')).params).toEqual({ requestId: id })
    expect((await pending(world)).map(({ state }) => state)).toEqual(['pending'])
    expect(await written(world)).toBe(false)
  })

  it('one that answers by itself, over and over, is not asked for ever', async () => {
    const world = await made({ type: 'shared' })
    const { client, answered, id } = await asked(world)
    const said = { action: 'accept', content: {} }
    let over = false
    const ended = answered.then((answer) => {
      over = true
      return answer
    })
    reply(client, id, said)
    const again = async (): Promise<void> => {
      const { id: next = null } = await client.next('elicitation/create')
      reply(client, next, said)
      if (!over) await again()
    }
    await Promise.race([ended, again()])
    expect(authorization(await ended)).toMatchObject({ remediation: 'available' })
    expect(await written(world)).toBe(false)
  })

  it('a decision made elsewhere calls the question off', async () => {
    const world = await made()
    const { client, answered, id } = await asked(world)
    await approve(world)
    expect((await answered).result).not.toHaveProperty('isError')
    expect((await client.next('notifications/cancelled')).params).toEqual({ requestId: id })
  })

  it('where another person has to decide, its word counts for nothing', async () => {
    const world = await made({ type: 'shared' })
    const { client, answered, id, params } = await asked(world)
    expect(params['requestedSchema']).toEqual({ type: 'object', properties: {} })
    reply(client, id, APPROVE)
    // Still undecided, so it is told again.
    const again = await client.next('elicitation/create')
    expect((await pending(world)).map(({ state }) => state)).toEqual(['pending'])
    reply(client, again.id ?? null, { action: 'decline' })
    expect(authorization(await answered)).toMatchObject({ remediation: 'available' })
    expect(await pending(world)).toHaveLength(1)
    expect(await written(world)).toBe(false)
  })
})

describe('a client of the revision without sessions', () => {
  it('is asked by its answer, and brings back what it was given', async () => {
    const world = await made()
    const client = world.client()
    const first = await client.modern('tools/call', WRITE, ELICIT)
    expect(first.result.resultType).toBe('input_required')
    const last = await client.modern('tools/call', answering(first, APPROVE), ELICIT)
    expect(last.result.resultType).toBe('complete')
    expect(await written(world)).toBe(true)
  })

  it.each<[string, (state: string, first: JsonObject) => { params?: JsonObject; key?: string }]>([
    ['that was changed', (state) => ({ params: { requestState: `${state}0` } })],
    ['that was made up', () => ({ params: { requestState: 'e30.00' } })],
    ['that is no text', () => ({ params: { requestState: 7 } })],
    ['of other arguments', () => ({ params: { arguments: { path: 'a.txt', content: 'other' } } })],
    ['of another tool', () => ({ params: { name: 'fs__read', arguments: { path: 'a.txt' } } })],
    ['of another credential', () => ({ key: 'somebody else' })],
  ])('a state %s is refused, and nothing runs', async (_, change) => {
    const world = await made()
    const first = await world.client().modern('tools/call', WRITE, ELICIT)
    const { params = {}, key = 'test' } = change(first.result.requestState, first.result)
    const client = world.client({}, { key })
    const { error } = await client.modern('tools/call', { ...answering(first, APPROVE), ...params }, ELICIT)
    expect(error).toMatchObject({ code: -32602 })
    expect(error?.message).toMatch(/requestState/)
    expect(await written(world)).toBe(false)
    expect(await pending(world)).toHaveLength(1)
  })

  it('a state is good for one turn, and its approval for one call', async () => {
    const world = await made()
    const client = world.client()
    const first = await client.modern('tools/call', WRITE, ELICIT)
    const replay = answering(first, APPROVE)
    await client.modern('tools/call', replay, ELICIT)
    const again = await client.modern('tools/call', replay, ELICIT)
    // The answer is for a request that is gone: a new one is made, with a question of its own.
    expect(again.result.resultType).toBe('input_required')
    expect(Object.keys(again.result.inputRequests)).not.toEqual(Object.keys(first.result.inputRequests))
    const intents = await world.kernel.service(auditSlot).calls([])
    expect(intents).toEqual([])
    expect((await world.approvals.list({ state: 'used' })).length).toBe(1)
  })

  it('a state that is too old is refused', async () => {
    const world = await made({ config: { answerMs: 1 } })
    const client = world.client()
    const first = await client.modern('tools/call', WRITE, ELICIT)
    await expect
      .poll(async () => (await client.modern('tools/call', answering(first, APPROVE), ELICIT)).error?.message)
      .toMatch(/requestState/)
    expect(await written(world)).toBe(false)
  })

  it('that cannot ask and knows tasks gets the wait as a task, which ends with the result', async () => {
    const world = await made()
    const client = world.client()
    const { result: task } = await client.modern('tools/call', WRITE, WITH_TASKS)
    expect(task).toMatchObject({ resultType: 'task', status: 'working' })
    const get = async (key = 'test') =>
      world.client({}, { key }).modern('tasks/get', { taskId: task.taskId }, WITH_TASKS)
    const [request] = await pending(world)
    expect(task.statusMessage).toBe(`Waiting for approval ${request?.id}`)
    expect((await client.modern('tasks/get', { taskId: 'task_x' }, WITH_TASKS)).error?.code).toBe(-32602)
    const own = async () => (await client.modern('tasks/get', { taskId: task.taskId }, WITH_TASKS)).result
    expect((await own()).status).toBe('working')
    expect((await get('somebody else')).error?.code).toBe(-32602)
    await approve(world)
    await expect.poll(async () => (await own()).status).toBe('completed')
    expect((await own()).result.structuredContent).toMatchObject({ path: 'a.txt' })
    expect(await written(world)).toBe(true)
  })

  it('a task that is cancelled never runs, even when it is approved later', async () => {
    const world = await made()
    const client = world.client()
    const { result: task } = await client.modern('tools/call', WRITE, WITH_TASKS)
    const about = { taskId: task.taskId }
    expect((await client.modern('tasks/cancel', about, WITH_TASKS)).result).toMatchObject({ resultType: 'complete' })
    await approve(world)
    expect((await client.modern('tasks/get', about, WITH_TASKS)).result.status).toBe('cancelled')
    await writeFile(join(world.root, 'later.txt'), '')
    expect(await written(world)).toBe(false)
  })

  it('a task of a call that is denied ends with the denial', async () => {
    const world = await made()
    const client = world.client()
    const { result: task } = await client.modern('tools/call', WRITE, WITH_TASKS)
    const [request] = await pending(world)
    await world.approvals.decide(request?.id ?? '', { verdict: 'deny', by: world.kernel.actor() })
    const get = async () => (await client.modern('tasks/get', { taskId: task.taskId }, WITH_TASKS)).result
    await expect.poll(async () => (await get()).status).toBe('completed')
    expect((await get()).result).toMatchObject({
      isError: true,
      _meta: { 'cloned/outcome': { code: 'APPROVAL_DENIED' } },
    })
    expect(await pending(world)).toEqual([])
  })
})
