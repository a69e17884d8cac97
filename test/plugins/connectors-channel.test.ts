// The line between a host and a worker when one side is faster than the other: nothing is lost, and nothing piles up.
import { PassThrough } from 'node:stream'
import { MAX_LINE_BYTES } from 'cloned/connector'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Channel, type ChannelHandlers } from '../../plugins/connectors/channel.js'
import { MAX_MESSAGES, MAX_REQUESTS, MAX_UNREAD } from '../../plugins/connectors/limits.js'
import type { LiveCall, Services } from '../../plugins/connectors/services.js'
import { Worker } from '../../plugins/connectors/worker.js'

function opened(handlers: Partial<ChannelHandlers> = {}, now: () => number = () => 0) {
  const [stdin, stdout] = [new PassThrough(), new PassThrough()]
  const broken: string[] = []
  const channel = new Channel(
    { stdin, stdout },
    {
      request: async () => null,
      notice: () => undefined,
      broken: (problem) => void broken.push(problem),
      ...handlers,
    },
    now,
  )
  const say = (message: object) => stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  return { channel, stdin, stdout, say, broken }
}

describe('requests of a worker', () => {
  it('are worked on some at once; its output is read no further until one is done', async () => {
    const working: (() => void)[] = []
    let most = 0
    let running = 0
    const { say, stdin, broken } = opened({
      request: () =>
        new Promise((resolve) => {
          most = Math.max(most, ++running)
          working.push(() => resolve(--running))
        }),
    })
    const all = 5 * MAX_REQUESTS
    for (let id = 0; id < all; id++) say({ id, method: 'fetch', params: {} })
    await expect.poll(() => working.length).toBe(MAX_REQUESTS)
    let answered = 0
    stdin.on('data', (chunk: Buffer) => {
      answered += String(chunk).split('\n').length - 1
    })
    while (answered < all) {
      working.shift()?.()
      await new Promise(setImmediate)
    }
    expect([most, broken]).toEqual([MAX_REQUESTS, []])
  })
})

describe('a worker that asks and asks', () => {
  it('is ended for more in a second than anybody needs', async () => {
    const { say, stdin, broken } = opened()
    stdin.resume()
    for (let id = 0; id <= MAX_MESSAGES; id++) say({ id, method: 'fetch', params: {} })
    await expect.poll(() => broken).toEqual([expect.stringContaining('in a second')])
  })

  it('is ended when it does not read the answers', async () => {
    const answer = 'x'.repeat(8 * 1024 * 1024)
    const { say, channel, broken } = opened({ request: async () => answer })
    for (let id = 0; id < 2 * MAX_REQUESTS; id++) say({ id, method: 'fetch', params: {} })
    await expect.poll(() => broken[0]).toMatch(/does not read/)
    expect(channel.unread).toBeLessThan(MAX_UNREAD + 2 * answer.length)
  })

  it('is not answered under a name that is longer than the schema has it', async () => {
    const { say, broken } = opened()
    say({ id: 'x'.repeat(201), method: 'fetch', params: {} })
    await expect.poll(() => broken).toEqual([expect.stringContaining('no message')])
  })
})

describe('notices of a worker', () => {
  it('are counted by the second, and too many end it', async () => {
    let now = 0
    let heard = 0
    const { say, broken } = opened({ notice: () => void heard++ }, () => now)
    const round = async () => {
      for (let n = 0; n < MAX_MESSAGES; n++) say({ method: 'progress', params: {} })
      await expect.poll(() => heard % MAX_MESSAGES).toBe(0)
    }
    await round()
    now = 1001
    await round()
    expect([heard, broken]).toEqual([2 * MAX_MESSAGES, []])
    say({ method: 'progress', params: {} })
    await expect.poll(() => broken).toEqual([expect.stringContaining('in a second')])
  })
})

describe('whatever a worker writes', () => {
  const id = fc.constantFrom<unknown>('1', 1, 'other', null, undefined, {}, '__proto__')
  const message = fc.record(
    {
      jsonrpc: fc.constantFrom<unknown>('2.0', '1.0', 2, undefined),
      id,
      method: fc.constantFrom<unknown>('fetch', 'progress', '', 7, undefined),
      params: fc.jsonValue(),
      result: fc.jsonValue(),
      error: fc.oneof(fc.jsonValue(), fc.constant({ code: 1, message: 'no' })),
    },
    { requiredKeys: [] },
  )
  const line = fc.oneof(
    { weight: 4, arbitrary: message.map((value) => JSON.stringify(value)) },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string().map((text) => text.replaceAll('\n', ' ')) },
  )
  /** By the words of JSON-RPC 2.0, written down a second time. */
  const answers = (text: string): boolean => {
    try {
      const { jsonrpc, id: of, method, ...rest } = JSON.parse(text)
      const error = rest.error as { code?: unknown; message?: unknown } | null | undefined
      const sound = error === undefined || (typeof error?.code === 'number' && typeof error.message === 'string')
      const one = Object.keys(rest).filter((key) => key === 'result' || key === 'error').length === 1
      return jsonrpc === '2.0' && method === undefined && (of === '1' || of === 1) && one && sound
    } catch {
      // Not even JSON.
      return false
    }
  }

  it('answers a call only by a whole answer to it, and all else is taken or ends the worker', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(line, { minLength: 1, maxLength: 6 }), async (lines) => {
        const { channel, stdout, broken } = opened({ notice: () => undefined })
        let settled = false
        const settle = () => {
          settled = true
        }
        channel.request('1', 'call', {}).then(settle, settle)
        for (const each of lines) stdout.write(`${each}\n`)
        stdout.end()
        await new Promise((resolve) => stdout.once('close', resolve))
        await new Promise(setImmediate)
        if (settled) expect(lines.filter(answers)).not.toEqual([])
        const [first = ''] = lines
        if (answers(first)) expect([lines, settled]).toEqual([lines, true])
        else if (!/"method":"/.test(first)) expect([lines, broken.length, settled]).toEqual([lines, 1, false])
      }),
      { numRuns: 300 },
    )
  })
})

describe('a line', () => {
  it.each([
    [0, true],
    [1, false],
  ])('of %i bytes more than there may be is read: %s', async (more, fits) => {
    const { stdout, channel, broken } = opened()
    const answered = channel.request('1', 'call', {}).then(
      (result) => String(result).length > 0,
      () => false,
    )
    const head = '{"jsonrpc":"2.0","id":"1","result":"'
    const text = 'x'.repeat(MAX_LINE_BYTES + more - head.length - 2)
    for (const piece of [head, text.slice(0, 9), text.slice(9), '"}\n']) stdout.write(piece)
    if (fits) expect(await answered).toBe(true)
    else await expect.poll(() => broken).toEqual([expect.stringContaining('longer than')])
  })
})

it('a worker that does not read what it is sent gets no more calls', async () => {
  const process = {
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
    backend: 'test',
    ended: new Promise<never>(() => undefined),
    kill: () => undefined,
  }
  const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
  const worker = new Worker('acme.slow', process, {
    services: {} as Services,
    log,
    now: () => 0,
    config: { startMs: 1000, graceMs: 1000 },
  })
  const call = (n: number) => {
    const ctx = { callId: `call-${n}`, signal: new AbortController().signal }
    return {
      connector: 'acme.slow',
      toolId: 't',
      tool: { id: 't', timeout_ms: 1 },
      ctx,
      reached: 0,
      requests: 0,
    } as unknown as LiveCall
  }
  const input = 'x'.repeat(8 * 1024 * 1024)
  const waiting: Promise<unknown>[] = []
  for (let n = 0; n <= MAX_UNREAD / input.length + 1; n++) {
    waiting.push(worker.call(call(n), input).catch((error: { code?: string }) => error.code))
  }
  expect(await waiting.at(-1)).toBe('CONNECTOR_BUSY')
  worker.kill('over')
  expect(new Set(await Promise.all(waiting))).toEqual(new Set(['CONNECTOR_PROTOCOL', 'CONNECTOR_BUSY']))
})
