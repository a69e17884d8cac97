import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { initWorkspace } from 'cloned'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, talk } from './mcp-fixture.js'

const BIN = fileURLToPath(new URL('../../dist/plugins/bin.js', import.meta.url))
let root = ''
beforeAll(async () => {
  if (!existsSync(BIN)) throw new Error(`${BIN} is missing: run "npm run build" first`)
  root = await mkdtemp(join(tmpdir(), 'cloned-mcp-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  await writeFile(join(root, 'read.txt'), 'read me')
})
afterAll(() => rm(root, { recursive: true, force: true }))

interface Session extends Client {
  readonly child: ChildProcess
  readonly gone: Promise<unknown>
  errors(): string
}

function start(...words: readonly string[]): Session {
  const child = spawn(process.execPath, [BIN, 'mcp', ...words], { cwd: root, stdio: 'pipe' })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  child.stdin.on('error', () => undefined)
  const gone = once(child, 'close')
  const end = async () => {
    child.stdin.end()
    await gone
  }
  const client = talk((text) => child.stdin.write(text), child.stdout, end)
  return { ...client, child, gone, errors: () => errors }
}

const READ = { name: 'fs__read', arguments: { path: 'read.txt' } }

describe('cloned mcp', () => {
  it('serves a client of either kind, writes nothing else to it, and ends with it', async () => {
    const session = start()
    await session.initialize()
    const { result } = await session.request('tools/call', READ)
    expect(result.structuredContent).toMatchObject({ content: 'read me' })
    expect((await session.modern('tools/call', READ)).result).toMatchObject({ resultType: 'complete' })
    await session.end()
    expect(session.child.exitCode).toBe(0)
    expect(session.errors()).toBe(`Serving the workspace ${await realpath(root)}.\n`)
    expect(session.heard).toEqual([])
  })

  it.each([
    [['--names', 'raw'], /--names raw needs --server/],
    [['--names', 'odd'], /portable or raw/],
    [['--server', 'nobody', '--names', 'raw'], /no MCP server "nobody"/],
  ])('%j is refused as usage', async (words, error) => {
    const session = start(...words)
    await session.gone
    expect(session.child.exitCode).toBe(2)
    expect(session.errors()).toMatch(error)
  })

  it('leaves no process behind, however its clients end', async () => {
    const ends = ['SIGTERM', 'SIGKILL', 'SIGINT', 'eof', 'half a line'] as const
    const end = async (i: number) => {
      const session = start()
      const way = ends[i % ends.length] ?? 'eof'
      // Most end before the gateway has begun to listen, the others after the handshake and in the middle of a call.
      if (i >= 25) await session.initialize()
      if (i >= 20) void session.initialize().then(() => session.request('tools/call', READ))
      if (way === 'half a line') session.raw('{"jsonrpc":')
      if (way.startsWith('SIG')) session.child.kill(way as 'SIGTERM')
      else if (i < 20) session.child.kill('SIGKILL')
      else session.child.stdin?.end()
      await session.gone
      return session
    }
    const sessions: Session[] = []
    for (let i = 0; i < 30; i += 5) {
      sessions.push(...(await Promise.all([0, 1, 2, 3, 4].map((j) => end(i + j)))))
    }
    expect(sessions).toHaveLength(30)
    for (const { child } of sessions) expect(child.exitCode !== null || child.signalCode !== null).toBe(true)
  }, 60_000)
})
