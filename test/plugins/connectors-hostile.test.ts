// Workers that break the protocol: each is ended, and its calls fail without a word that nothing happened.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ConnectorsWorld, canConfine, connectorsWorld, NO_SANDBOX } from './connectors-fixture.js'

/** A worker by hand: `act` is what it does with a call. */
const worker = (act: string, initialize = '') => `
import { createInterface } from 'node:readline'
const write = (text) => process.stdout.write(text)
const send = (message) => write(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n')
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params, result, error } = JSON.parse(line)
  if (method === 'initialize') {
    ${initialize || 'send({ id, result: { protocol: 1, connector: params.connector, tools: params.tools } })'}
  } else if (method === 'call') {
    ${act}
  } else if (method === undefined) globalThis.answered?.({ id, result, error })
}`

const answer = 'send({ id, result: { output: 1 } })'

/** What a worker does with a call, and what the call's end says. */
const BREACHES: readonly (readonly [what: string, act: string, says: RegExp])[] = [
  ['prints junk', `write('hello\\n')`, /no message of JSON-RPC/],
  ['prints JSON that is no message', `write('[1]\\n')`, /no message of JSON-RPC/],
  ['speaks JSON-RPC 1', `write(JSON.stringify({ id, result: { output: 1 } }) + '\\n')`, /no message of JSON-RPC/],
  [
    'answers with result and error',
    `send({ id, result: {}, error: { code: 1, message: '' } })`,
    /no message of JSON-RPC/,
  ],
  ['answers for a call that is not its own', `send({ id: 'other', result: { output: 1 } })`, /nobody has made/],
  ['answers a prototype', `send({ id: '__proto__', result: { output: 1 } })`, /nobody has made/],
  ['answers without an output', `send({ id, result: {} })`, /its call_result is not understood/],
  ['answers null', `send({ id, result: null })`, /its call_result is not understood/],
  ['asks for what the host does not do', `send({ id: 1, method: 'exec', params: {} })`, /which the host does not do/],
  [
    'asks with parameters of the wrong shape',
    `send({ id: 1, method: 'fetch', params: { call_id: id } })`,
    /not understood/,
  ],
  ['sends an unknown notice', `send({ method: 'shout', params: {} })`, /notice "shout"/],
  [
    'floods with progress',
    `for (let n = 0; n < 9000; n++) send({ method: 'progress', params: { call_id: id, message: n } })`,
    /notices and requests in a second/,
  ],
  [
    'writes a line without an end',
    `const mib = 'x'.repeat(1 << 20); for (let n = 0; n < 20; n++) write(mib)`,
    /longer than/,
  ],
  ['exits in the call', `process.exit(3)`, /ended with code 3/],
  ['closes its output', `process.stdout.end(() => {}); setTimeout(() => process.exit(0), 50)`, /ended with/],
  ['kills itself', `process.kill(process.pid, 'SIGKILL')`, /ended with/],
  ['ends with a stack trace', `throw new Error('broken inside')`, /broken inside/],
]

describe.skipIf(!canConfine)(`a hostile worker (skipped only where ${NO_SANDBOX})`, () => {
  let world: ConnectorsWorld
  let count = 0
  const hostile = (act: string, initialize?: string, more: object = {}) => {
    const id = `evil.n${++count}`
    world.enable({ id, files: { 'main.mjs': worker(act, initialize) }, ...more })
    return `${id}.do@v1`
  }
  beforeAll(async () => {
    world = await connectorsWorld({ connectors: { graceMs: 200, requests: 50 } })
  })
  afterAll(() => world.close())

  it.each(BREACHES)('that %s is ended, and its call failed with an unknown effect', async (_, act, says) => {
    const outcome = await world.call(hostile(act))
    expect(outcome).toMatchObject({ status: 'failed', code: 'CONNECTOR_PROTOCOL', effect: 'unknown' })
    expect((outcome as { reason: string }).reason).toMatch(says)
  })

  it('that answers twice has its first answer taken and is ended for the second', async () => {
    const tool = hostile(`${answer}; ${answer}`)
    expect(await world.call(tool)).toMatchObject({ status: 'done', output: 1 })
    // Ended or not yet: it starts anew, and answers once more before it is ended again.
    expect((await world.call(tool)).status).toMatch(/done|failed/)
  })

  it('that never answers is ended after the deadline, and the next call gets a new one', async () => {
    const tool = hostile(`if (params.input.answer) { ${answer} }`, '', {})
    const outcome = await world.call(tool, {}, { deadlineMs: 300 })
    expect(outcome).toMatchObject({ status: 'failed', effect: 'unknown' })
    await expect.poll(async () => (await world.call(tool, { answer: true })).status).toBe('done')
  })

  it('asks in the name of a call that is over, and is refused', async () => {
    const tool = hostile(`
      globalThis.answered = ({ error }) => send({ id, result: { output: error.data.code } })
      send({ id: 1, method: 'fetch', params: { call_id: 'another', url: 'https://example.com/' } })`)
    expect(await world.call(tool)).toMatchObject({ status: 'done', output: 'CONNECTOR_CALL' })
  })

  it('asks for a host that its manifest does not declare, and is refused by that too', async () => {
    const tool = hostile(`
      globalThis.answered = ({ error }) => send({ id, result: { output: error.data.code } })
      send({ id: 1, method: 'fetch', params: { call_id: id, url: 'https://example.com/' } })`)
    const outcome = await world.call(tool)
    expect(outcome).toMatchObject({ status: 'done', output: 'EGRESS_DENIED' })
    const votes = JSON.stringify(await world.records(outcome.callId))
    expect(votes).toMatch(/"plugin":"cloned.connectors"[^}]*does not declare the host/)
  })

  const nothing = `send({ id, error: { code: -32000, message: 'no', data: { code: 'X', effect: 'none' } } })`
  const effectOf = async (tool: string) => ((await world.call(tool)) as { effect?: string }).effect

  it('says that nothing happened after the host refused what it asked for, and is right', async () => {
    const tool = hostile(`
      globalThis.answered = () => ${nothing}
      send({ id: 1, method: 'fetch', params: { call_id: id, url: 'https://example.com/' } })`)
    expect(await effectOf(tool)).toBe('none')
  })

  it('says that nothing happened after the host did what it asked for, and is not believed', async () => {
    const tool = hostile(`
      globalThis.answered = () => ${nothing}
      send({ id: 1, method: 'artifact', params: { call_id: id, filename: 'a.txt', content: 'A' } })`)
    expect(await effectOf(tool)).toBe('unknown')
  })

  it('says that nothing happened and has a door of its own, and is not believed', async () => {
    const tools = (hosts: readonly string[]) => [
      { id: `evil.n${count + 1}.do@v1` },
      { id: `evil.n${count + 1}.far@v1`, egress_hosts: hosts },
    ]
    expect(await effectOf(hostile(nothing, '', { tools: tools([]) }))).toBe('none')
    expect(await effectOf(hostile(nothing, '', { tools: tools(['example.com']) }))).toBe('none')
    const command = ['node', './main.mjs']
    expect(await effectOf(hostile(nothing, '', { command, tools: tools(['example.com']) }))).toBe('unknown')
  })

  it('asks without end for what is denied, and fills no log', async () => {
    const tool = hostile(`
      let left = 1500
      const ask = () => send({ id: left, method: 'fetch', params: { call_id: id, url: 'https://example.com/' + left } })
      let last
      globalThis.answered = ({ error }) => {
        last = error.data.code
        if (--left > 0) ask()
        else send({ id, result: { output: last } })
      }
      ask()`)
    const outcome = await world.call(tool)
    expect(outcome).toMatchObject({ status: 'done', output: 'CONNECTOR_REQUESTS' })
    const checks = (await world.records(outcome.callId)).filter(({ type }) => String(type).startsWith('check.'))
    expect(checks.length).toBeGreaterThan(0)
    expect(checks.length).toBeLessThanOrEqual(50)
  })

  it.each([
    `send({ id, error: { code: -32000, message: 'x'.repeat(9e6) } })`,
    `send({ id, error: { code: -32001, message: '', data: { supported: ['x'.repeat(9e6)] } } })`,
    `send({ id, result: { protocol: 'x'.repeat(9e6) } })`,
  ])('that makes long words at first is not quoted at length: %s', async (initialize) => {
    const outcome = await world.call(hostile(answer, initialize))
    expect(outcome).toMatchObject({ status: 'failed', effect: 'none' })
    expect((outcome as { reason: string }).reason.length).toBeLessThan(3_000)
  })

  it.each([
    [
      'another protocol',
      `send({ id, error: { code: -32001, message: '', data: { supported: [7] } } })`,
      'CONNECTOR_SKEW',
      /protocol 7,/,
    ],
    [
      'another connector',
      `send({ id, result: { protocol: 1, connector: { id: 'a.b', version: '9' }, tools: params.tools } })`,
      'CONNECTOR_PROTOCOL',
      /it is a\.b 9/,
    ],
    [
      'other tools',
      `send({ id, result: { protocol: 1, connector: params.connector, tools: ['x'] } })`,
      'CONNECTOR_PROTOCOL',
      /not those of its manifest/,
    ],
    ['nothing', `process.exit(0)`, 'CONNECTOR_PROTOCOL', /ended with code 0/],
  ])('that says at first that it is %s gets no call', async (_, initialize, code, says) => {
    const outcome = await world.call(hostile(answer, initialize))
    expect(outcome).toMatchObject({ status: 'failed', code, effect: 'none' })
    expect((outcome as { reason: string }).reason).toMatch(says)
  })

  it('is told apart from one of another protocol by its manifest', async () => {
    const outcome = await world.call(hostile(answer, '', { manifest: { protocol: 2 } }))
    expect(outcome).toMatchObject({ status: 'failed', code: 'CONNECTOR_SKEW', effect: 'none' })
  })

  it('that crashes again and again is started less and less often', async () => {
    const tool = hostile('process.exit(1)')
    const codes: string[] = []
    const call = async () => codes.push(((await world.call(tool)) as { code: string }).code)
    await call()
    await call()
    await call()
    world.advance(1_001)
    await call()
    await call()
    world.advance(1_001)
    await call()
    world.advance(1_001)
    await call()
    const crash = 'CONNECTOR_PROTOCOL'
    const paused = 'CONNECTOR_CRASHED'
    expect(codes).toEqual([crash, crash, paused, crash, paused, paused, crash])
  })

  it('that writes without end to standard error is heard for a while', async () => {
    const before = world.logged.length
    const tool = hostile(`for (let n = 0; n < 5000; n++) console.error('x'.repeat(9000)); ${answer}`)
    expect(await world.call(tool)).toMatchObject({ status: 'done' })
    const lines = world.logged.slice(before)
    expect(lines.length).toBeLessThanOrEqual(210)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(4200)
  })
})
