// A connector that tells whether links of one site answer; it asks one after the other and keeps no body.
import { type Connector, defineConnector, defineTool, type ToolContext, ToolError } from 'cloned/connector'

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

/** Answers of servers that know no HEAD. */
const NO_HEAD = [405, 501]

/** The connector for the hosts of one site: `docs.example.com`, with `:port` for another port than 443. */
export function httpStatus(hosts: readonly string[]): Connector {
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
    hosts,
    idempotent: true,
    timeoutMs: 120_000,
    async run({ urls }, ctx) {
      const checked: Checked[] = []
      for (const url of urls) {
        if (ctx.signal.aborted) throw new ToolError('The call was cancelled.', { code: 'CANCELLED', effect: 'none' })
        checked.push(await checkOne(url, ctx))
        ctx.progress({ done: checked.length, of: urls.length })
      }
      return { checked }
    },
  })

  return defineConnector({
    id: 'acme.http-status',
    version: '1.0.0',
    publisher: 'acme',
    title: 'HTTP status',
    description: 'Tells whether links answer.',
    license: 'MIT',
    tools: [check],
  })
}

export const connector = httpStatus(['example.com', 'www.example.com', 'docs.example.com'])

async function checkOne(url: string, { fetch }: ToolContext): Promise<Checked> {
  try {
    const head = await fetch(url, { method: 'HEAD', timeoutMs: 10_000 })
    const { ok, status } = NO_HEAD.includes(head.status) ? await fetch(url, { timeoutMs: 10_000 }) : head
    return { url, ok, status }
  } catch (error) {
    // A refusal is an answer too: it says which rule is missing.
    if (error instanceof ToolError) return { url, ok: false, problem: error.message }
    throw error
  }
}
