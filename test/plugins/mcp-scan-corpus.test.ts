import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { scanTool } from '../../plugins/mcp-upstream/scan/scan.js'
import { toolsOf } from './mcp-scan-tools.js'

interface Entry {
  readonly label: string
  readonly tool: JsonObject
  readonly beside?: readonly string[]
}

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const linesOf = (half: string) =>
  readFileSync(at(`../fixtures/mcp/corpus/${half}.jsonl`), 'utf8')
    .trimEnd()
    .split('\n')
const entriesOf = (half: string) => linesOf(half).map((line) => JSON.parse(line) as Entry)
const isFound = ({ tool, beside }: Entry) => scanTool(tool, beside).length > 0
const recall = (entries: readonly Entry[]) => entries.filter(isFound).length / entries.length

describe('the corpus of poisoned tools', () => {
  it('has at least 240 different entries', () => {
    expect(new Set([...linesOf('tune'), ...linesOf('held-out')]).size).toBeGreaterThanOrEqual(240)
  })

  it.each(['tune', 'held-out'])('has every entry of %s where its digest puts it', (half) => {
    for (const line of linesOf(half)) {
      const digest = createHash('sha256').update(`cloned-mcp-corpus-1\n${line}`).digest()
      expect(digest.readUInt32BE() % 10 < 6 ? 'tune' : 'held-out', line).toBe(half)
    }
  })

  it('keeps the held-out half as it was written', () => {
    const digest = createHash('sha256')
      .update(readFileSync(at('../fixtures/mcp/corpus/held-out.jsonl')))
      .digest('hex')
    expect(digest).toBe('a8d7547997e3b8d2de479f52bd2efadd63fa476ed4edd61d6cb2ccd70fa8ae95')
  })
})

describe('the scan of a tool', () => {
  it.each(['tune', 'held-out'])('finds at least nine of ten poisoned tools of %s', (half) => {
    expect(recall(entriesOf(half))).toBeGreaterThanOrEqual(0.9)
  })

  it.each([...new Set(entriesOf('tune').map(({ label }) => label))])('finds most attacks by %s', (label) => {
    const family = [...entriesOf('tune'), ...entriesOf('held-out')].filter((entry) => entry.label === label)
    expect(recall(family)).toBeGreaterThanOrEqual(0.6)
  })

  it('finds nothing in nearly all tools of real servers', async () => {
    const home = mkdtempSync(join(tmpdir(), 'cloned-servers-'))
    try {
      const listed = await Promise.all(
        [['everything'], ['filesystem', home], ['memory']].map(([name, ...args]) =>
          toolsOf(
            process.execPath,
            [at(`../../node_modules/@modelcontextprotocol/server-${name}/dist/index.js`), ...args],
            { HOME: home, MEMORY_FILE_PATH: join(home, 'memory.jsonl') },
          ),
        ),
      )
      const tools = listed.flat()
      const found = tools.map((tool) => [tool['name'], scanTool(tool)] as const).filter(([, { length }]) => length > 0)
      expect(tools.length).toBeGreaterThanOrEqual(30)
      expect(found.length / tools.length, JSON.stringify(found)).toBeLessThanOrEqual(0.02)
    } finally {
      rmSync(home, { recursive: true, force: true })
    }
  })
})
