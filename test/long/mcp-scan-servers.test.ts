// Needs a package registry: real servers that others wrote, installed into a directory of their own.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { scanTool } from '../../plugins/mcp-upstream/scan/scan.js'
import { toolsOf } from '../plugins/mcp-scan-tools.js'

/** No server is called, so the keys that some want to see before they start are none. */
const KEYS = {
  BRAVE_API_KEY: 'x',
  CLOUDFLARE_API_TOKEN: 'x',
  EXA_API_KEY: 'x',
  FIRECRAWL_API_KEY: 'x',
  GITHUB_PERSONAL_ACCESS_TOKEN: 'x',
  GITLAB_PERSONAL_ACCESS_TOKEN: 'x',
  GOOGLE_MAPS_API_KEY: 'x',
  MDB_MCP_TELEMETRY: 'disabled',
  NOTION_TOKEN: 'x',
  SLACK_BOT_TOKEN: 'x',
  SLACK_TEAM_ID: 'T0',
  TAVILY_API_KEY: 'x',
}

const SERVERS: readonly (readonly [specifier: string, bin: string, ...args: readonly string[]])[] = [
  ['@brave/brave-search-mcp-server@2', 'brave-search-mcp-server'],
  ['@cloudflare/mcp-server-cloudflare@0.2', 'mcp-server-cloudflare', 'run', '0'],
  ['@cyanheads/git-mcp-server@2', 'git-mcp-server'],
  ['@modelcontextprotocol/server-github@2025', 'mcp-server-github'],
  ['@modelcontextprotocol/server-gitlab@2025', 'mcp-server-gitlab'],
  ['@modelcontextprotocol/server-google-maps@0.6', 'mcp-server-google-maps'],
  ['@modelcontextprotocol/server-puppeteer@2025', 'mcp-server-puppeteer'],
  ['@modelcontextprotocol/server-sequential-thinking@2026', 'mcp-server-sequential-thinking'],
  ['@modelcontextprotocol/server-slack@2025', 'mcp-server-slack'],
  ['@notionhq/notion-mcp-server@2', 'notion-mcp-server'],
  ['@playwright/mcp@0.0', 'playwright-mcp'],
  ['@sentry/mcp-server@0', 'sentry-mcp', '--access-token', 'x'],
  ['@upstash/context7-mcp@4', 'context7-mcp'],
  ['@wonderwhy-er/desktop-commander@0.2', 'desktop-commander'],
  ['chrome-devtools-mcp@1', 'chrome-devtools-mcp'],
  ['firecrawl-mcp@3', 'firecrawl-mcp'],
  ['mcp-server-kubernetes@4', 'mcp-server-kubernetes'],
  ['mongodb-mcp-server@3', 'mongodb-mcp-server'],
  ['tavily-mcp@0.2', 'tavily-mcp'],
]

const npm = (...args: readonly string[]) => spawnSync('npm', args, { encoding: 'utf8' })
const reachable = npm('ping').status === 0
if (!reachable && process.env['CI'] === 'true') throw new Error('this test needs a package registry')

describe.skipIf(!reachable)('the tools of servers that others wrote (needs a package registry)', () => {
  const dir = mkdtempSync(join(tmpdir(), 'cloned-servers-'))
  beforeAll(() => {
    writeFileSync(join(dir, 'package.json'), '{"private":true}')
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--engine-strict=false', '--prefix', dir]
    const { status, stderr } = npm('install', ...flags, ...SERVERS.map(([specifier]) => specifier))
    expect(status, stderr).toBe(0)
  }, 1_800_000)
  afterAll(() => rmSync(dir, { recursive: true, force: true }), 600_000)

  it('are found suspicious in at most two of a hundred', async () => {
    let tools = 0
    const found: string[] = []
    for (const [specifier, bin, ...args] of SERVERS) {
      const listed = await toolsOf(join(dir, 'node_modules', '.bin', bin), args, { HOME: dir, ...KEYS })
      expect(listed.length, specifier).toBeGreaterThan(0)
      const names = listed.map(({ name }) => String(name))
      tools += listed.length
      for (const tool of listed)
        for (const { kind, path, excerpt } of scanTool(tool, names).slice(0, 1))
          found.push(`${specifier} ${String(tool['name'])} ${kind} ${path}: ${excerpt}`)
    }
    expect(tools).toBeGreaterThanOrEqual(300)
    expect(found.length / tools, found.join('\n')).toBeLessThanOrEqual(0.02)
  })
})
