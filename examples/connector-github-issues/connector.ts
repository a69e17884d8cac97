// A connector for GitHub issues: lists and opens them; the token is put into requests by the host, never here.
import { type Auth, type Connector, defineConnector, defineTool, type ToolContext, ToolError } from 'cloned/connector'

/** Of github.com. */
const API = 'https://api.github.com'
const PAGE = 100
const MOST = 500
const TOKEN: Auth = {
  name: 'token',
  secret: 'github-token',
  place: 'header:authorization',
  format: 'Bearer {secret}',
}
const NAME = { type: 'string', pattern: '^[A-Za-z0-9_.-]{1,100}$' }
const ISSUE = {
  type: 'object',
  properties: {
    number: { type: 'integer' },
    title: { type: 'string' },
    state: { type: 'string' },
    url: { type: 'string' },
    author: { type: 'string' },
    labels: { type: 'array', items: { type: 'string' } },
  },
  required: ['number', 'title', 'state', 'url', 'author', 'labels'],
  additionalProperties: false,
}

/** What is used of an issue as the REST API writes it. */
interface RestIssue {
  readonly number: number
  readonly title: string
  readonly state: string
  readonly html_url: string
  readonly user: { readonly login: string } | null
  readonly labels: readonly (string | { readonly name?: string })[]
  /** Set for pull requests, which the API lists with the issues. */
  readonly pull_request?: object
}

interface Repository {
  readonly owner: string
  readonly repo: string
}

/** The connector for one installation of GitHub: `https://github.example.com/api/v3` for an Enterprise Server. */
export function githubIssues(api: string = API): Connector {
  const hosts = [new URL(api).host]
  const list = defineTool<Repository & { readonly state?: string; readonly limit?: number }>({
    id: 'acme.github-issues.list',
    version: 1,
    title: 'List issues',
    description: 'Lists the newest issues of a repository without pull requests, 100 unless limit says otherwise.',
    input: {
      type: 'object',
      properties: {
        owner: NAME,
        repo: NAME,
        state: { enum: ['open', 'closed', 'all'] },
        limit: { type: 'integer', minimum: 1, maximum: MOST },
      },
      required: ['owner', 'repo'],
      additionalProperties: false,
    },
    output: {
      type: 'object',
      properties: { issues: { type: 'array', items: ISSUE } },
      required: ['issues'],
      additionalProperties: false,
    },
    risk: 'low',
    capability: 'issues.read',
    hosts,
    auth: [TOKEN],
    idempotent: true,
    loggable: ['/owner', '/repo'],
    async run({ owner, repo, state = 'open', limit = PAGE }, ctx) {
      const issues: RestIssue[] = []
      let next: string | undefined = `${api}/repos/${owner}/${repo}/issues?state=${state}&per_page=${PAGE}`
      while (next !== undefined && issues.length < limit) {
        const response: Response = await request(ctx, 'GET', next)
        const page = (await response.json()) as readonly RestIssue[]
        issues.push(...page.filter((issue) => !issue.pull_request))
        next = nextPage(response)
        ctx.progress({ found: issues.length })
      }
      return { issues: issues.slice(0, limit).map(short) }
    },
  })

  const open = defineTool<Repository & { readonly title: string; readonly body?: string }>({
    id: 'acme.github-issues.open',
    version: 1,
    title: 'Open an issue',
    description: 'Opens an issue in a repository.',
    input: {
      type: 'object',
      properties: {
        owner: NAME,
        repo: NAME,
        title: { type: 'string', minLength: 1, maxLength: 256 },
        body: { type: 'string', maxLength: 65536 },
      },
      required: ['owner', 'repo', 'title'],
      additionalProperties: false,
    },
    output: ISSUE,
    risk: 'medium',
    capability: 'issues.write',
    hosts,
    auth: [TOKEN],
    loggable: ['/owner', '/repo', '/title'],
    async run({ owner, repo, ...issue }, ctx) {
      const response = await request(ctx, 'POST', `${api}/repos/${owner}/${repo}/issues`, issue)
      return short((await response.json()) as RestIssue)
    },
  })

  return defineConnector({
    id: 'acme.github-issues',
    version: '1.0.0',
    publisher: 'acme',
    title: 'GitHub issues',
    description: 'Lists and opens issues.',
    license: 'MIT',
    tools: [list, open],
  })
}

export const connector = githubIssues()

async function request(ctx: ToolContext, method: 'GET' | 'POST', url: string, body?: object): Promise<Response> {
  const response = await ctx.fetch(url, {
    method,
    auth: ['token'],
    headers: {
      accept: 'application/vnd.github+json',
      'user-agent': 'cloned-connector-github-issues',
      'x-github-api-version': '2022-11-28',
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
  if (response.ok) return response
  const { status, headers } = response
  if (status === 429 || (status === 403 && headers.get('x-ratelimit-remaining') === '0')) {
    throw new ToolError('GitHub takes no more requests for now.', {
      code: 'GITHUB_RATE_LIMIT',
      help: `Try again ${whenAgain(headers)}.`,
      effect: 'none',
    })
  }
  // A refused request changed nothing; a server error after a POST may have.
  const effect = status < 500 ? 'none' : 'unknown'
  const { message } = (await response.json().catch(() => ({}))) as { message?: string }
  throw new ToolError(`GitHub answered ${status}: ${message ?? 'no reason'}`, { code: 'GITHUB', effect })
}

/** RFC 8288. The token goes to its own host only, whatever stands here. */
function nextPage(response: Response): string | undefined {
  return /<([^<>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
}

function whenAgain(headers: Headers): string {
  const seconds = Number(headers.get('retry-after'))
  if (seconds > 0) return `in ${seconds} seconds`
  const reset = Number(headers.get('x-ratelimit-reset'))
  return reset > 0 ? `after ${new Date(reset * 1000).toISOString()}` : 'later'
}

function short({ number, title, state, html_url: url, user, labels }: RestIssue) {
  const names = labels.map((label) => (typeof label === 'string' ? label : (label.name ?? '')))
  return { number, title, state, url, author: user?.login ?? 'ghost', labels: names }
}
