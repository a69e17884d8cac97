// A published tool contract never changes: its hash stands in schemas/tools.lock.json for good, a changed one needs a new version.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace, open } from 'cloned'
import { contractHash, type ToolContract } from 'cloned/kernel'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { docsLinkReport } from '../../examples/docs-link-report/index.js'

const LOCK = new URL('../../schemas/tools.lock.json', import.meta.url)

let root: string
let tools: readonly ToolContract[]

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'cloned-lock-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const kernel = await open({ root, plugins: [docsLinkReport] })
  tools = kernel.tools()
  await kernel.stop()
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

function locked(): Record<string, string> {
  return JSON.parse(readFileSync(LOCK, 'utf8'))
}

it('every built-in tool has the contract that was published under its id', () => {
  // Adds what is new and nothing else: a changed contract stays a failure.
  if (process.env['CLONED_WRITE_LOCK'] === '1') {
    const added = Object.fromEntries(tools.map((tool) => [tool.id, contractHash(tool)]))
    const all = Object.entries({ ...added, ...locked() }).sort(([a], [b]) => (a < b ? -1 : 1))
    writeFileSync(LOCK, `${JSON.stringify(Object.fromEntries(all), null, 2)}\n`)
  }
  const lock = locked()
  const hint = 'give the tool a new version; a new id is added with: npm run lock'
  for (const tool of tools) expect({ [tool.id]: contractHash(tool) }, hint).toEqual({ [tool.id]: lock[tool.id] })
  expect(tools.length).toBeGreaterThan(4)
})

it('any change of a contract changes its hash', () => {
  const [tool] = tools
  if (!tool) throw new Error('no tool')
  const changes: Partial<ToolContract>[] = [
    { description: `${tool.description}.` },
    { risk: tool.risk === 'high' ? 'low' : 'high' },
    { capability: 'other' },
    { timeoutMs: tool.timeoutMs + 1 },
    { cost: { usd: 1 } },
    { input: { ...tool.input, additionalProperties: true } },
  ]
  const hashes = new Set([contractHash(tool), ...changes.map((change) => contractHash({ ...tool, ...change }))])
  expect(hashes.size).toBe(changes.length + 1)
})
