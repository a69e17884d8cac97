// A connector that tells whether links answer; it asks each host once at a time and reads no body.
import { defineConnector, defineTool, ToolError } from 'cloned/connector'

interface Input {
  readonly urls: readonly string[]
}

/** What became of one link. `status` is absent when there was no answer. */
interface Checked {
  readonly url: string
  readonly ok: boolean
  readonly status?: number
  readonly problem?: string
}

const check = defineTool<Input, { checked: Checked[] }>({
  id: 'acme.http-status.check',
  version: 1,
  title: 'Check links',
  description: 'Asks for each URL and tells the status, at most 50 at a time.',
  input: {
    type: 'object',
    properties: {
      urls: { type: 'array', maxItems: 50, items: { type: 'string', maxLength: 2000 } },
    },
    required: ['urls'],
    additionalProperties: false,
  },
  output: {
    type: 'object',
    properties: {
      checked: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            url: { type: 'string' },
            ok: { type: 'boolean' },
            status: { type: 'integer' },
            problem: { type: 'string' },
          },
          required: ['url', 'ok'],
          additionalProperties: false,
        },
      },
    },
    required: ['checked'],
    additionalProperties: false,
  },
  risk: 'low',
  capability: 'net.fetch',
  hosts: ['example.com', 'www.example.com', 'docs.example.com', 'localhost:8080'],
  idempotent: true,
  timeoutMs: 120_000,
  async run({ urls }, ctx) {
    const checked: Checked[] = []
    for (const url of urls) {
      if (ctx.signal.aborted) throw new ToolError('The call was cancelled.', { code: 'CANCELLED', effect: 'none' })
      checked.push(await checkOne(url, ctx.fetch))
      ctx.progress({ done: checked.length, of: urls.length })
    }
    return { checked }
  },
})

async function checkOne(url: string, fetch: Parameters<typeof check.run>[1]['fetch']): Promise<Checked> {
  try {
    const { ok, status } = await fetch(url, { method: 'HEAD', timeoutMs: 10_000 })
    return { url, ok, status }
  } catch (error) {
    // A refusal is an answer too: it says which rule is missing.
    if (error instanceof ToolError) return { url, ok: false, problem: error.message }
    throw error
  }
}

export const connector = defineConnector({
  id: 'acme.http-status',
  version: '1.0.0',
  publisher: 'acme',
  title: 'HTTP status',
  description: 'Tells whether links answer.',
  license: 'MIT',
  tools: [check],
})
