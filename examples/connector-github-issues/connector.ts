// A connector for GitHub issues: lists and opens them; the token is put into requests by the host, never here.
import { type Auth, defineConnector, defineTool, type ToolContext, ToolError } from 'cloned/connector'

const API = 'https://api.github.com'
const HOSTS = ['api.github.com']
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

const list = defineTool<Repository & { readonly state?: string }>({
  id: 'acme.github-issues.list',
  version: 1,
  title: 'List issues',
  description: 'Lists the newest issues of a repository, at most 100, without pull requests.',
  input: {
    type: 'object',
    properties: { owner: NAME, repo: NAME, state: { enum: ['open', 'closed', 'all'] } },
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
  hosts: HOSTS,
  auth: [TOKEN],
  idempotent: true,
  loggable: ['/owner', '/repo'],
  async run({ owner, repo, state = 'open' }, ctx) {
    const path = `/repos/${owner}/${repo}/issues?state=${state}&per_page=100`
    const found = (await request(ctx, 'GET', path)) as readonly RestIssue[]
    return { issues: found.filter((issue) => !issue.pull_request).map(short) }
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
  hosts: HOSTS,
  auth: [TOKEN],
  loggable: ['/owner', '/repo', '/title'],
  async run({ owner, repo, ...issue }, ctx) {
    return short((await request(ctx, 'POST', `/repos/${owner}/${repo}/issues`, issue)) as RestIssue)
  },
})

async function request(ctx: ToolContext, method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
  const response = await ctx.fetch(`${API}${path}`, {
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
  if (response.ok) return await response.json()
  // A refused request changed nothing; a server error after a POST may have.
  const effect = response.status < 500 ? 'none' : 'unknown'
  const { message } = (await response.json().catch(() => ({}))) as { message?: string }
  throw new ToolError(`GitHub answered ${response.status}: ${message ?? 'no reason'}`, { code: 'GITHUB', effect })
}

function short({ number, title, state, html_url: url, user, labels }: RestIssue) {
  const names = labels.map((label) => (typeof label === 'string' ? label : (label.name ?? '')))
  return { number, title, state, url, author: user?.login ?? 'ghost', labels: names }
}

export const connector = defineConnector({
  id: 'acme.github-issues',
  version: '1.0.0',
  publisher: 'acme',
  title: 'GitHub issues',
  description: 'Lists and opens issues.',
  license: 'MIT',
  tools: [list, open],
})
