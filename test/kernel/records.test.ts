import { canonical, defineTool, type Json, type JsonObject, sha256, snapshot } from 'cloned/kernel'
import { memoryAudit } from 'cloned/testing'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loggable } from '../../kernel/loggable.js'
import { allowAll, auditPlugin, counter, guardPlugin, started, toolsPlugin } from './support.js'

const echo = defineTool<JsonObject, Json>({
  id: 'test.echo.back@v1',
  title: 'Echo',
  description: 'Answers its input',
  risk: 'low',
  capability: 'test',
  input: { type: 'object' },
  output: {},
  handler: (input) => input,
})

const marked = defineTool<JsonObject, Json>({
  ...echo,
  handler: (input) => input,
  id: 'test.echo.marked@v1',
  input: {
    type: 'object',
    properties: {
      path: { type: 'string', 'x-loggable': true },
      count: { type: 'integer', 'x-loggable': true },
      secret: { type: 'string' },
      list: { type: 'array', 'x-loggable': true, items: { type: 'string', 'x-loggable': true } },
      at: { type: 'object', properties: { 'a/b~c': { type: ['boolean', 'null'], 'x-loggable': true } } },
    },
  },
  output: { type: 'object', properties: { path: { type: 'string', 'x-loggable': true } } },
})

async function gate(audit = memoryAudit()) {
  const kernel = await started([allowAll, auditPlugin(audit), toolsPlugin([echo, marked])])
  return {
    kernel,
    audit,
    last: (part: string) => audit.records().findLast(({ record }) => record['type'] === `tool.${part}`)?.record,
  }
}

// A key that no input may hold.
const PLAIN = fc.jsonValue({ maxDepth: 2 }).filter((value) => !JSON.stringify(value).includes('__proto__'))
const TOKEN = /^hmac-sha256:memory:[0-9a-f]{64}$/

describe('the records of a call', () => {
  it('hold its input, its digest and its result as tokens alone, of every JSON value', async () => {
    const { kernel, audit, last } = await gate()
    await fc.assert(
      fc.asyncProperty(fc.dictionary(fc.stringMatching(/^[a-z]{8,12}$/), PLAIN, { minKeys: 1 }), async (raw) => {
        const input = snapshot(JSON.parse(JSON.stringify(raw))) as JsonObject
        const outcome = await kernel.call({ tool: echo.id, input })
        expect(outcome.status).toBe('done')
        const [intent, ended] = [last('intent'), last('outcome')]
        const text = canonical(input)
        expect(intent).toMatchObject({ args: audit.token('args', text), digest: expect.stringMatching(TOKEN) })
        expect(ended).toMatchObject({ result: audit.token('result', text), digest: intent?.['digest'] })
        const lines = audit.lines().slice(-2).join('')
        for (const key of Object.keys(input)) expect(lines).not.toContain(key)
        for (const clear of [text, JSON.stringify(input)]) expect(lines).not.toContain(sha256(clear))
      }),
      { numRuns: 60 },
    )
  })

  it('name the input of a call that was refused, too', async () => {
    const audit = memoryAudit()
    const kernel = await started([guardPlugin('test.policy', () => undefined), auditPlugin(audit), toolsPlugin([echo])])
    expect(await kernel.call({ tool: echo.id, input: { secret: 'swordfish' } })).toMatchObject({ status: 'denied' })
    const [only] = audit.records()
    expect(only?.record).toMatchObject({ status: 'denied', args: audit.token('args', '{"secret":"swordfish"}') })
    expect(audit.lines().join('')).not.toContain('swordfish')
  })

  it('hold in clear what the schema marks, and scalars only', async () => {
    const { kernel, last } = await gate()
    const input = { path: 'a'.repeat(300), count: 3, secret: 'swordfish', list: ['hidden'], at: { 'a/b~c': false } }
    await kernel.call({ tool: marked.id, input })
    expect(last('intent')?.['clear']).toEqual({ '/path': `${'a'.repeat(200)}…`, '/count': 3, '/at/a~1b~0c': false })
    expect(last('outcome')?.['clear']).toEqual({ '/path': `${'a'.repeat(200)}…` })
    await kernel.call({ tool: marked.id, input: { secret: 'swordfish' } })
    expect(last('intent')).not.toHaveProperty('clear')
  })

  it('may show at most so much that a record fits its line', () => {
    const properties = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, { 'x-loggable': true }]))
    expect(() => loggable({ properties: properties(25) }, 'x')).toThrow(
      expect.objectContaining({ code: 'TOOL_INVALID' }),
    )
    const value = Object.fromEntries(Array.from({ length: 24 }, (_, n) => [`p${n}`, '\u0000'.repeat(1_000)]))
    expect(JSON.stringify(loggable({ properties: properties(24) }, 'x')(value)).length).toBeLessThan(32 * 1024)
  })

  it('never cut a character in half', () => {
    const pick = loggable({ properties: { p: { 'x-loggable': true } } }, 'x')
    expect(String(pick({ p: `${'a'.repeat(199)}\u{1f600}` })?.['/p']).isWellFormed()).toBe(true)
  })
})

describe('a log that cannot make a token', () => {
  const token = `hmac-sha256:k:${'0'.repeat(64)}`
  const answers: [string, () => unknown][] = [
    ['throws', () => expect.fail('no key')],
    ['answers nothing', () => undefined],
    ['answers a promise of one', () => Promise.resolve(token)],
    ['answers the value', () => '{"a":1,"b":2}'],
    ['answers a bare hash', () => sha256('{"a":1,"b":2}')],
    ['answers a token and more', () => `${token}\n`],
  ]
  it.each(answers)('because it %s denies the call, and nothing runs', async (_, answer) => {
    const { tool, ran } = counter()
    const log = memoryAudit()
    const kernel = await started([
      allowAll,
      auditPlugin({ ...log, token: answer as () => string }),
      toolsPlugin([tool]),
    ])
    const outcome = await kernel.call({ tool: tool.id, input: { a: 1, b: 2 } })
    expect(outcome).toMatchObject({ status: 'denied', code: 'AUDIT_KEY' })
    expect(ran).toEqual([])
    expect(log.lines().join('')).not.toContain('"a":1')
  })

  it('for the result withholds it', async () => {
    const log = memoryAudit()
    const failing = (field: string, text: string) => {
      if (field === 'result') throw new Error('no key')
      return log.token(field, text)
    }
    const { tool, ran } = counter()
    const kernel = await started([allowAll, auditPlugin({ ...log, token: failing }), toolsPlugin([tool])])
    const outcome = await kernel.call({ tool: tool.id, input: { a: 1, b: 2 } })
    expect(outcome).toMatchObject({ status: 'failed', code: 'OUTCOME_UNRECORDED', effect: 'happened' })
    expect(ran).toHaveLength(1)
    expect(JSON.stringify(outcome)).not.toContain('sum')
  })
})
