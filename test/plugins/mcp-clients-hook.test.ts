import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { compileSchema, contractHash, readSchema } from 'cloned/kernel'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CLIENTS } from '../../plugins/mcp-clients/clients.js'
import { editDocument, readDocument } from '../../plugins/mcp-clients/documents/document.js'
import { createGoverned } from '../../plugins/mcp-clients/governed.js'
import { HOOKED, type Hooked, readEvent } from '../../plugins/mcp-clients/hook/formats.js'
import { hasHook, hookCommand, hookEdits } from '../../plugins/mcp-clients/hook/install.js'
import { NativeTools, nativeId, nativeTool } from '../../plugins/mcp-clients/hook/tools.js'
import { type Home, makeHome } from './mcp-clients-fixture.js'

let at: Home
beforeEach(async () => {
  at = await makeHome()
})
afterEach(() => at.close())

const BEFORE = { 'claude-code': 'PreToolUse', cursor: 'preToolUse', codex: 'PreToolUse', gemini: 'BeforeTool' } as const
const AFTER = {
  'claude-code': 'PostToolUse',
  cursor: 'postToolUse',
  codex: 'PostToolUse',
  gemini: 'AfterTool',
} as const
const READ = { 'claude-code': 'Read', cursor: 'Read', codex: 'read_file', gemini: 'read_file' } as const
const SHELL = { 'claude-code': 'Bash', cursor: 'Shell', codex: 'Bash', gemini: 'run_shell_command' } as const

function event(client: Hooked, phase: 'before' | 'after', tool: string, more: object = {}): string {
  const id = client === 'cursor' ? { conversation_id: 's1' } : { session_id: 's1' }
  const use = client === 'gemini' ? {} : { tool_use_id: 'u1' }
  const hook_event_name = (phase === 'before' ? BEFORE : AFTER)[client]
  return JSON.stringify({ ...id, ...use, hook_event_name, cwd: '/p', tool_name: tool, tool_input: { a: 1 }, ...more })
}

const hook = (client: string, stdin: string) => at.run(['hook', client], { stdin })
const described = compileSchema(readSchema('audit_entry'))

/** Records of a type, each as the schema of the log describes it. */
const records = (type: string) =>
  at
    .read('.cloned/audit.log')
    .split('\n')
    .filter((line) => line.includes(`"type":"${type}"`))
    .map((line) => {
      const record = JSON.parse(line)
      expect(described(record)).toEqual([])
      return record
    })

const LET: Readonly<Record<Hooked, object>> = {
  'claude-code': {},
  codex: {},
  gemini: {},
  cursor: { permission: 'allow' },
}
const denial = (client: Hooked, reason: unknown) => {
  if (client === 'cursor') return { permission: 'deny', user_message: reason, agent_message: reason }
  if (client === 'gemini') return { decision: 'deny', reason }
  const about = { permissionDecision: 'deny', permissionDecisionReason: reason }
  return { hookSpecificOutput: { hookEventName: 'PreToolUse', ...about } }
}

describe.each(HOOKED)('the hook of %s', (client) => {
  it('lets through what the policy allows, recorded before, and what came of it after, by the same call', async () => {
    const { code, out } = await hook(client, event(client, 'before', READ[client]))
    expect([code, JSON.parse(out)]).toEqual([0, LET[client]])
    const [intent] = records('tool.intent')
    expect(intent).toMatchObject({ target: nativeId(client, READ[client]), clear: { '/tool': READ[client] } })
    await hook(client, event(client, 'after', READ[client], { tool_response: 'a secret result' }))
    expect(records('native.result')).toMatchObject([{ call_id: intent.call_id, client, ok: true, bytes: 17 }])
    expect(at.read('.cloned/audit.log')).not.toContain('a secret result')
    expect(readdirSync(join(at.home, '.cloned/native'))).toEqual([])
  })

  it('denies what waits for a person, and lets it through once it is approved', async () => {
    const before = event(client, 'before', SHELL[client])
    const { code, out } = await hook(client, before)
    const [id = ''] = /ap_\w+/.exec(out) ?? []
    expect([code, JSON.parse(out)]).toEqual([
      0,
      denial(client, expect.stringContaining(`cloned approvals approve ${id}`)),
    ])
    await at.run(['approvals', 'approve', id])
    expect(JSON.parse((await hook(client, before)).out)).toEqual(LET[client])
    expect(JSON.parse((await hook(client, before)).out)).toEqual(denial(client, expect.any(String)))
  })

  it('says of a result that nobody let through that it was not judged', async () => {
    await hook(client, event(client, 'after', SHELL[client]))
    expect(records('native.result')).toMatchObject([{ unjudged: true, target: nativeId(client, SHELL[client]) }])
  })

  it('fails closed for what it does not understand', async () => {
    const { code, out } = await hook(client, 'PreToolUse')
    expect([code, out]).toEqual([2, ''])
  })

  it.each([
    ['nothing', ''],
    ['no JSON', 'PreToolUse'],
    ['a list', '[]'],
    ['no event', '{"tool_name":"Read"}'],
    ['another event', '{"hook_event_name":"Stop","tool_name":"Read"}'],
    ['no tool', '{"hook_event_name":"PreToolUse","tool_input":{}}'],
    ['a tool of another type', '{"hook_event_name":"PreToolUse","tool_name":{"a":1}}'],
    [
      'too deep an input',
      `{"hook_event_name":"PreToolUse","tool_name":"Read","tool_input":${'['.repeat(99)}${']'.repeat(99)}}`,
    ],
  ])('takes %s for no event', (_what, stdin) => {
    expect(() => readEvent(client, stdin)).toThrow(expect.objectContaining({ code: 'HOOK_INPUT', exit: 2 }))
  })
})

describe('a hook', () => {
  it('has Claude Code ask its person where that person decides alone, recorded before the question', async () => {
    const asking = event('claude-code', 'before', 'Bash', { permission_mode: 'default' })
    const { out } = await hook('claude-code', asking)
    expect(JSON.parse(out).hookSpecificOutput).toMatchObject({ permissionDecision: 'ask' })
    const [asked] = records('native.asked')
    expect(asked).toMatchObject({ client: 'claude-code', target: 'native.claude-code.bash@v1' })
    await hook('claude-code', event('claude-code', 'after', 'Bash'))
    expect(records('native.result')).toMatchObject([{ call_id: asked.call_id }])
  })

  it.each(['bypassPermissions', 'dontAsk', 'auto', undefined])(
    'puts no question that nobody may see: mode %s',
    async (mode) => {
      const { out } = await hook('claude-code', event('claude-code', 'before', 'Bash', { permission_mode: mode }))
      expect(JSON.parse(out).hookSpecificOutput).toMatchObject({ permissionDecision: 'deny' })
      expect(records('native.asked')).toEqual([])
    },
  )

  it('fails closed without a workspace and for a client that has none', async () => {
    expect((await at.run(['--workspace', at.project, 'hook', 'gemini'], { stdin: '{}' })).code).not.toBe(0)
    expect((await hook('windsurf', '{}')).code).toBe(2)
  })

  it('leaves calls to the gateway to the gateway, and not calls to what took its name', async () => {
    const call = event('claude-code', 'before', 'mcp__cloned__x')
    expect(JSON.parse((await hook('claude-code', call)).out)).not.toEqual({})
    at.write('.claude.json', '{"mcpServers":{"cloned":{"type":"stdio","command":"/usr/bin/cloned","args":["mcp"]}}}')
    expect(JSON.parse((await hook('claude-code', call)).out)).toEqual({})
    at.write('.claude.json', '{"mcpServers":{"cloned":{"command":"evil","args":["mcp"]}}}')
    expect(JSON.parse((await hook('claude-code', call)).out)).not.toEqual({})
  })

  it('leaves none to it where a directory above gives its name to something else', () => {
    const own = '{"mcpServers":{"cloned":{"type":"stdio","command":"/usr/bin/cloned","args":["mcp"]}}}'
    at.write('.claude.json', own)
    const below = join(at.project, 'src', 'deep')
    const where = { home: at.home, platform: process.platform } as const
    const told = readEvent('claude-code', event('claude-code', 'before', 'mcp__cloned__x'))
    const governed = () => createGoverned(where, ['/usr/bin/cloned'], () => below)('claude-code', told)
    expect(governed()).toBe(true)
    at.write('project/.mcp.json', own)
    expect(governed()).toBe(true)
    at.write('project/.mcp.json', '{"mcpServers":{"cloned":{"command":"evil"}}}')
    expect(governed()).toBe(false)
    at.write('project/.mcp.json', 'damaged')
    expect(governed()).toBe(false)
    at.write('project/.mcp.json', '{}')
    const projects = { [at.project]: { mcpServers: { cloned: { command: 'evil' } } } }
    at.write('.claude.json', JSON.stringify({ ...JSON.parse(own), projects }))
    expect(governed()).toBe(false)
  })
})

describe('the command line of a hook', () => {
  const program = fileURLToPath(new URL('../../dist/plugins/bin.js', import.meta.url))
  const run = (words: readonly string[], input: string, home = at.home) => {
    const { status, stdout } = spawnSync('/bin/sh', ['-c', hookCommand('claude-code', words, true)], {
      input,
      cwd: '/',
      env: { HOME: home, PATH: '/usr/bin:/bin' },
      encoding: 'utf8',
    })
    return [status, stdout.trim()]
  }

  it('answers from any directory in the default workspace, and blocks whatever becomes of the program', () => {
    if (!existsSync(program)) throw new Error(`${program} is missing: run "npm run build" first`)
    const own = [process.execPath, program]
    const read = event('claude-code', 'before', 'Read')
    // Noted as made with the configuration of the tests, not with that of this home directory.
    expect(run(own, read)).toEqual([2, ''])
    spawnSync(process.execPath, [program, 'init', '--adopt', at.home], { env: { HOME: at.home } })
    expect(run(own, read)).toEqual([0, '{}'])
    expect(run(own, '')).toEqual([2, ''])
    expect(run(own, read, at.project)).toEqual([2, ''])
    expect(run(['/nowhere/cloned'], read)).toEqual([2, ''])
    expect(run([process.execPath, '-e', 'process.kill(process.pid, "SIGKILL")'], read)).toEqual([2, ''])
    expect(run([process.execPath, '-e', 'throw 1'], read)).toEqual([2, ''])
    expect(run(["it's not/here"], read)).toEqual([2, ''])
  })
})

it("a command line of one's own points clients at itself, and not at the built-in distribution", () => {
  const own = join(at.project, 'own.mjs')
  const link = join(at.project, 'own')
  const modules = pathToFileURL(join(import.meta.dirname, '../../dist/plugins')).href
  writeFileSync(
    own,
    `import { defaultDistribution } from '${modules}/default.js'
import { main } from '${modules}/cli/index.js'
await main(defaultDistribution(), process.argv.slice(2))`,
  )
  symlinkSync(own, link)
  const { stdout } = spawnSync(process.execPath, [link, 'mcp', 'config', 'cursor', '--json'], {
    env: { HOME: at.home },
    encoding: 'utf8',
  })
  expect(JSON.parse(stdout).entry).toMatchObject({ command: process.execPath, args: [realpathSync(own), 'mcp'] })
})

describe('the hooks that an import writes', () => {
  const program = ['/opt/my tools/cloned']
  it.each(HOOKED)('of %s are found again, and not when they were weakened', (client) => {
    const { hooks } = CLIENTS[client]
    if (!hooks) throw new Error('it has hooks')
    for (const flags of [[], ['--workspace', '/some where']]) {
      const edits = hookEdits({}, client, hooks, program, flags)
      const text = editDocument('', 'json', edits)
      expect(hasHook(readDocument(text, 'json'), client, hooks, program)).toBe(true)
      for (const [good, bad] of [
        [' || exit 2', ' || true'],
        ['--workspace ', '--actor '],
        ['"timeout": 3', '"timeout": 9'],
        ['hook ', 'hook x; '],
      ] as const) {
        if (text.includes(good))
          expect(hasHook(readDocument(text.replace(good, bad), 'json'), client, hooks, program)).toBe(false)
      }
    }
  })
})

describe('the tools of clients', () => {
  it('that are known stay, and of those that hooks were told of the last thousand do', () => {
    const tools = new NativeTools()
    const known = tools.list().map(({ id }) => id)
    const told = Array.from({ length: 3_000 }, (_, i) => tools.know('gemini', `told${i}`))
    const ids = tools.list().map(({ id }) => id)
    expect(ids).toEqual([...known, ...told.slice(-1_000)])
    tools.know('gemini', 'told2999')
    expect(tools.list()).toBe(tools.list())
  })
})

describe('the id of a tool', () => {
  it.each([
    ['Bash', 'native.claude-code.bash@v1'],
    ['WebFetch', 'native.claude-code.web_fetch@v1'],
    ['mcp__github__create_issue', 'native.claude-code.mcp_github_create_issue_eec4a0@v1'],
  ])('of %s is %s', (name, id) => {
    expect(nativeId('claude-code', name).replace(/_[0-9a-f]{6}@/, '@')).toBe(id.replace(/_[0-9a-f]{6}@/, '@'))
  })

  it('has one contract, however a client spells it', () => {
    expect(contractHash(nativeTool('claude-code', 'WebFetch'))).toBe(
      contractHash(nativeTool('claude-code', 'web_fetch')),
    )
  })

  it('is sound, whatever a client calls its tool, and never that of a known tool', () => {
    const known = ['Bash', 'Read', 'Edit'].map((name) => nativeId('claude-code', name))
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }), (name) => {
        fc.pre(name.isWellFormed() && !/^[a-z_]+$/i.test(name))
        expect(known).not.toContain(nativeTool('claude-code', name).id)
      }),
    )
    for (const name of ['Bash\u200b', '\u0412ash', 'Bash ', '-Bash', 'Ba.sh'])
      expect(known).not.toContain(nativeId('claude-code', name))
  })
})
