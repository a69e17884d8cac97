import { chmodSync, existsSync, linkSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileSchema, readSchema } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Home, makeHome, PROGRAM } from './mcp-clients-fixture.js'

const TOKEN = 'ghp_0123456789abcdefABCDEF'
const KEY = 'key-7f3Qz-$&-0123456789'

let at: Home
beforeEach(async () => {
  at = await makeHome()
})
afterEach(async () => {
  // Whatever a test did, nothing of a secret was printed, nor stands in the audit log or the ledger.
  const files = ['audit.log', 'imports/ledger.json'].filter((name) => existsSync(join(at.home, '.cloned', name)))
  const texts = [...at.printed, ...files.map((name) => at.read(`.cloned/${name}`))].join('\n')
  for (const secret of [TOKEN, KEY]) expect(texts).not.toContain(secret)
  await at.close()
})

const CLAUDE = `{
\t"numStartups": 7,
\t"mcpServers": {
\t\t"git hub": { "command": "/usr/bin/node", "args": ["--version", "--token", "${TOKEN}"], "env": {"LOG": "debug"} },
\t\t"off": { "command": "x", "disabled": true }
\t},
\t"tipsHistory": {}
}`

const CLAUDE_AFTER = `{
\t"numStartups": 7,
\t"mcpServers": {
\t\t"off": { "command": "x", "disabled": true },
\t\t"cloned": {
\t\t\t"type": "stdio",
\t\t\t"command": "/usr/bin/cloned",
\t\t\t"args": [
\t\t\t\t"mcp"
\t\t\t]
\t\t}
\t},
\t"tipsHistory": {}
}`

const CURSOR = `{
  // what I use at work
  "mcpServers": {
    "remote": {"url": "https://mcp.example.com/x", "headers": {"Authorization": "Bearer ${KEY}"}}, // and here
  },
}
`
const CURSOR_AFTER = `{
  // what I use at work
  "mcpServers": {
    "cloned": {
      "type": "stdio",
      "command": "/usr/bin/cloned",
      "args": [
        "mcp"
      ]
    }
     // and here
  },
}
`

const CODEX = `model = "o9" # mine

[mcp_servers.remote]
url = "https://mcp.example.com/x"
[mcp_servers.remote.http_headers]
X-Api-Key = "${KEY}"

# about what follows
[profiles.fast]
model = "o9-mini"
notes = """
[mcp_servers.remote]
"""
`
const CODEX_AFTER = `model = "o9" # mine


# about what follows
[profiles.fast]
model = "o9-mini"
notes = """
[mcp_servers.remote]
"""

[mcp_servers.cloned]
command = "/usr/bin/cloned"
args = ["mcp"]
`

const OPENCODE = `{"$schema":"https://opencode.ai/config.json","mcp":{"remote":{"type":"remote","url":"https://mcp.example.com/x","headers":{"X-Api-Key":"${KEY}"}}}}`
const OPENCODE_AFTER = `{"$schema":"https://opencode.ai/config.json","mcp":{
  "cloned": {
    "type": "local",
    "command": [
      "/usr/bin/cloned",
      "mcp"
    ],
    "enabled": true
  }
}}`

const usual = (root: string) =>
  `{\r\n  "${root}": {\r\n    "remote": {\r\n      "type": "http",\r\n      "url": "https://mcp.example.com/x",\r\n      "headers": { "X-Api-Key": "${KEY}" }\r\n    }\r\n  }\r\n}\r\n`
const usualAfter = (root: string) =>
  `{\r\n  "${root}": {\r\n    "cloned": {\r\n      "type": "stdio",\r\n      "command": "/usr/bin/cloned",\r\n      "args": [\r\n        "mcp"\r\n      ]\r\n    }\r\n  }\r\n}\r\n`

const CLIENTS = [
  ['claude-code', '.claude.json', CLAUDE, CLAUDE_AFTER],
  ['claude-code', 'project/.mcp.json', usual('mcpServers'), usualAfter('mcpServers')],
  ['claude-desktop', '.config/Claude/claude_desktop_config.json', usual('mcpServers'), usualAfter('mcpServers')],
  ['cursor', '.cursor/mcp.json', CURSOR, CURSOR_AFTER],
  ['vscode', '.config/Code/User/mcp.json', usual('servers'), usualAfter('servers')],
  ['codex', '.codex/config.toml', CODEX, CODEX_AFTER],
  ['windsurf', '.codeium/windsurf/mcp_config.json', usual('mcpServers'), usualAfter('mcpServers')],
  ['opencode', '.config/opencode/opencode.json', OPENCODE, OPENCODE_AFTER],
] as const

describe('an import', () => {
  it.each(CLIENTS)(
    'of %s changes only the servers in %s, and is taken back byte for byte',
    async (client, file, before, after) => {
      at.write(file, before, 0o640)
      const dry = await at.run(['import', '--from', client])
      expect([dry.code, at.read(file)]).toEqual([0, before])
      const { code, out } = await at.importAll('--from', client)
      expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ status: 'done' })])
      expect(at.read(file)).toBe(after)
      expect(statSync(join(at.home, file)).mode & 0o777).toBe(0o640)
      const again = await at.importAll('--from', client)
      expect([JSON.parse(again.out).wrote, at.read(file)]).toEqual([[], after])
      const undone = await at.run(['import', '--undo'])
      expect([undone.code, at.read(file)]).toEqual([0, before])
      expect(statSync(join(at.home, file)).mode & 0o777).toBe(0o640)
      expect(readdirSync(join(at.home, '.cloned/imports'))).toEqual(['ledger.json'])
    },
  )

  it('of Gemini CLI puts servers and hooks into one file, and takes both back', async () => {
    const before = usual('mcpServers')
    at.write('.gemini/settings.json', before)
    await at.importAll('--from', 'gemini')
    const after = JSON.parse(at.read('.gemini/settings.json'))
    expect(after.mcpServers).toEqual({ cloned: { type: 'stdio', command: '/usr/bin/cloned', args: ['mcp'] } })
    expect(after.hooks.BeforeTool[0].hooks[0].command).toBe('/usr/bin/cloned hook gemini || exit 2')
    expect(after.hooks.AfterTool[0].hooks[0].command).toBe('/usr/bin/cloned hook gemini')
    await at.run(['import', '--undo'])
    expect(at.read('.gemini/settings.json')).toBe(before)
  })

  it('keeps the hooks that are there, and removes the file that was not', async () => {
    at.write('.claude.json', '{}')
    at.write('.cursor/mcp.json', '{}')
    const own = '{\n  "hooks": { "PreToolUse": [ {"matcher": "Bash", "hooks": []} ] }\n}\n'
    at.write('.claude/settings.json', own)
    await at.importAll()
    const claude = JSON.parse(at.read('.claude/settings.json')).hooks
    expect(claude.PreToolUse[0]).toEqual({ matcher: 'Bash', hooks: [] })
    expect(claude.PreToolUse[1].hooks[0]).toMatchObject({
      command: '/usr/bin/cloned hook claude-code || exit 2',
      onFailure: 'block',
    })
    expect(Object.keys(claude)).toEqual(['PreToolUse', 'PostToolUse', 'PostToolUseFailure'])
    expect(JSON.parse(at.read('.cursor/hooks.json'))).toMatchObject({
      version: 1,
      hooks: { preToolUse: [{ command: '/usr/bin/cloned hook cursor || exit 2', failClosed: true }] },
    })
    expect((await at.run(['doctor', '--json'])).out).toContain('Cursor is behind the gateway')
    await at.run(['import', '--undo'])
    expect(at.read('.claude/settings.json')).toBe(own)
    expect(existsSync(join(at.home, '.cursor/hooks.json'))).toBe(false)
  })

  it('sends secrets to the vault for one server and one place each, and shows the exact command', async () => {
    at.write('.claude.json', CLAUDE)
    await at.importAll('--hosts', 'git-hub=api.github.com')
    expect(at.wrapped).toEqual([
      {
        name: 'git-hub',
        previous: null,
        server: {
          kind: 'command',
          command: [
            '/bin/sh',
            '-c',
            'exec /usr/bin/env LOG=debug /usr/bin/node --version --token "$HIDDEN_ARGUMENT_3"',
          ],
          secrets: { HIDDEN_ARGUMENT_3: 'git-hub.argument-3' },
          read: [],
          write: [],
          hosts: ['api.github.com'],
        },
      },
    ])
    const { secrets } = JSON.parse((await at.run(['vault', 'list', '--json'])).out)
    expect(secrets).toMatchObject([
      {
        name: 'git-hub.argument-3',
        hosts: ['api.github.com'],
        tools: ['mcp.git-hub.*'],
        slots: ['env:HIDDEN_ARGUMENT_3'],
      },
    ])
  })

  it('wraps a server that two clients have once', async () => {
    at.write('.cursor/mcp.json', usual('mcpServers'))
    at.write('.codeium/windsurf/mcp_config.json', usual('mcpServers'))
    await at.importAll('--from', 'cursor,windsurf')
    expect(at.wrapped.map(({ name }) => name)).toEqual(['remote'])
    expect(at.read('.codeium/windsurf/mcp_config.json')).toBe(usualAfter('mcpServers'))
  })

  it('changes no file before what is in it was decided, and asks once', async () => {
    at.write('.cursor/mcp.json', CURSOR)
    const first = await at.run(['import', '--from', 'cursor', '--write', '--json'])
    expect([first.code, JSON.parse(first.out).servers[0].state]).toEqual([4, 'waiting'])
    expect(at.read('.cursor/mcp.json')).toBe(CURSOR)
    const second = await at.run(['import', '--from', 'cursor', '--write', '--json'])
    expect(JSON.parse(second.out).servers[0].approval).toBe(JSON.parse(first.out).servers[0].approval)
    await at.run(['approvals', 'deny', JSON.parse(first.out).servers[0].approval])
    expect(at.read('.cursor/mcp.json')).toBe(CURSOR)
    expect(at.wrapped).toEqual([])
  })

  it('finds an installed package in the place of npx, and says how to install one that is not', async () => {
    at.write('.cursor/mcp.json', '{"mcpServers":{"m":{"command":"npx","args":["-y","@acme/server@1.2.3","--flag"]}}}')
    const dry = await at.run(['import', '--from', 'cursor'])
    expect(dry.out).toContain(
      `Install it once: npm install --ignore-scripts --prefix ${at.home}/.cloned-servers @acme/server@1.2.3`,
    )
    at.write('.cloned-servers/node_modules/@acme/server/package.json', '{"bin":{"server":"go.js"}}')
    const script = at.write('.cloned-servers/node_modules/@acme/server/go.js', '')
    await at.importAll('--from', 'cursor')
    expect(at.wrapped[0]?.server).toMatchObject({
      command: ['node', script, '--flag'],
      read: [join(at.home, '.cloned-servers/node_modules')],
    })
  })

  it('lets a server only read the files that its command names, unless it is told otherwise', async () => {
    const file = at.write('data/memory.json', '{}')
    const env = { FILE: file, LATER: join(at.home, 'data/later.json') }
    at.write('.cursor/mcp.json', JSON.stringify({ mcpServers: { m: { command: '/usr/bin/true', env } } }))
    const made = async (...words: string[]) =>
      JSON.parse((await at.run(['import', '--from', 'cursor', '--json', ...words])).out).servers[0]
    const only = await made()
    expect(only.server).toMatchObject({ read: [file], write: [] })
    expect(only.notes).toEqual(expect.arrayContaining([expect.stringContaining(`it may not write ${file}`)]))
    expect((await made('--writes', `m=${file}`)).server).toMatchObject({ read: [], write: [file] })
    const both = await made('--writes', `m=${join(at.home, 'data')}`)
    expect(both.server).toMatchObject({ read: [], write: [join(at.home, 'data')] })
    expect(both.notes.join()).not.toMatch(/may not write|not there/)
    expect(await made('--writes', `m=${join(at.home, '.cloned')}`)).toMatchObject({
      why: expect.stringContaining('own files'),
    })
    expect((await at.run(['import', '--writes', 'm'])).code).toBe(2)
  })

  it('lets a server read what it was installed with, and says what it will not see', async () => {
    const script = at.write('app/node_modules/.pnpm/a@1/node_modules/a/go.js', '')
    at.write('app/node_modules/.pnpm/a@1/node_modules/a/package.json', '{}')
    const own = at.write('own/build/go.js', '')
    at.write('own/package.json', '{}')
    const servers = {
      installed: { command: 'node', args: [script, '/nowhere/at/all'] },
      own: { command: 'node', args: [own] },
    }
    at.write('.cursor/mcp.json', JSON.stringify({ mcpServers: servers }))
    const shown = (await at.run(['import', '--from', 'cursor'])).out
    expect(shown).toContain('/nowhere/at/all is not there, and it will not see it')
    await at.importAll('--from', 'cursor')
    expect(at.wrapped.map(({ server }) => 'read' in server && server.read)).toEqual([
      [join(at.home, 'app/node_modules')],
      [join(at.home, 'own')],
    ])
  })

  it.each([
    ['what only the client fills in', '{"command":"x","args":["\\u0024{HOME}/y"]}', `holds $\{HOME}`],
    ['a secret in an address', `{"url":"https://example.com/?api_key=${KEY}"}`, 'its address holds a secret'],
    ['another transport', '{"type":"sse","url":"https://example.com/"}', 'it speaks sse'],
    ['a file of variables', '{"command":"x","envFile":".env"}', 'it uses envFile'],
    ['a script that is gone', '{"command":"node","args":["/gone/x.js"]}', 'it starts /gone/x.js, which is not there'],
    ['a program that is gone', '{"command":"/gone/x"}', 'it starts /gone/x, which is not there'],
    [
      'a directory that holds the workspace',
      '{"command":"x","args":["HOME"]}',
      "which holds the workspace's own files",
    ],
    [
      'a value that the client asks for',
      '{"command":"x","env":{"A_KEY":"\\u0024{input:k}"}}',
      `its env A_KEY is $\{input:k}`,
    ],
    ['a value too short for the vault', '{"command":"x","env":{"A_KEY":"abc"}}', 'shorter than 8 bytes'],
  ])('leaves %s where it is, and says why', async (_what, entry, why) => {
    const text = `{"mcpServers":{"s":${entry.replace('HOME"]', `${at.home}"]`)}}}`
    at.write('.cursor/mcp.json', text)
    const { out } = await at.importAll('--from', 'cursor')
    expect(JSON.parse(out).servers[0]).toMatchObject({ state: 'left', why: expect.stringContaining(why) })
    expect(JSON.parse(at.read('.cursor/mcp.json'))).toEqual(JSON.parse(text))
  })

  it('takes a file that is named, and says so when it is none', async () => {
    const file = at.write('mine.json', usual('servers'))
    await at.importAll('--from', file)
    expect(at.read('mine.json')).toBe(usualAfter('servers'))
    expect((await at.run(['import', '--from', 'curser'])).err).toContain('did you mean "cursor"')
    expect((await at.run(['import', '--from', './nothing.json'])).code).toBe(2)
  })
})

describe('taking an import back', () => {
  it('refuses a file that was edited since, and with --force keeps the edits', async () => {
    at.write('.claude.json', CLAUDE)
    await at.importAll()
    at.write('.claude.json', at.read('.claude.json').replace('"numStartups": 7', '"numStartups": 8'))
    const refused = await at.run(['import', '--undo'])
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('was edited since the import')])
    expect(existsSync(join(at.home, '.claude/settings.json'))).toBe(true)
    const forced = await at.run(['import', '--undo', '--force'])
    expect(forced.code).toBe(0)
    const was = JSON.parse(CLAUDE)
    expect(JSON.parse(at.read('.claude.json'))).toEqual({ ...was, numStartups: 8 })
  })

  it('refuses a backup that was changed, and touches nothing', async () => {
    at.write('.cursor/mcp.json', CURSOR)
    await at.importAll('--from', 'cursor')
    for (const name of readdirSync(join(at.home, '.cloned/imports')).filter((each) => each.length === 64)) {
      at.write(`.cloned/imports/${name}`, '{"mcpServers":{"evil":{"command":"sh"}}}')
    }
    const { code, err } = await at.run(['import', '--undo'])
    expect([code, err]).toEqual([1, expect.stringContaining('it was changed. Nothing was changed')])
    expect(at.read('.cursor/mcp.json')).toBe(CURSOR_AFTER)
  })

  it('keeps backups to the user alone, and records every file before it is written', async () => {
    at.write('.cursor/mcp.json', CURSOR)
    await at.importAll('--from', 'cursor')
    const directory = join(at.home, '.cloned/imports')
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600)
    await at.run(['import', '--undo'])
    const described = compileSchema(readSchema('audit_entry'))
    const lines = at
      .read('.cloned/audit.log')
      .split('\n')
      .filter((line) => line.includes('"type":"client.'))
    expect(lines.map((line) => JSON.parse(line).type)).toEqual(expect.arrayContaining(['client.import', 'client.undo']))
    for (const line of lines) expect(described(JSON.parse(line))).toEqual([])
  })
})

describe('a hostile file', () => {
  const HOSTILE = `{"mcpServers":{"x":{"command":"/usr/bin/true","args":["\\u202egpj.\\u200bexe","сat","a b;rm -rf ~"]}}}`

  it('of a project is said to be shared before an address of this machine is written into it', async () => {
    at.write('project/.mcp.json', usual('mcpServers'))
    const { out } = await at.run(['import', '--from', 'claude-code'])
    expect(out).toContain('.mcp.json is of this project: what is written into it starts /usr/bin/cloned')
  })

  it('of a server that a fetcher gets says why it stays, and what to type', async () => {
    const servers = {
      git: { command: 'uvx', args: ['mcp-server-git'] },
      fs: { command: 'npx', args: ['-y', 'some-server'] },
    }
    at.write('.cursor/mcp.json', JSON.stringify({ mcpServers: servers }))
    const { out } = await at.run(['import', '--from', 'cursor'])
    expect(out).toContain(
      'uvx fetches it at every start, so that nobody knows what will run. Install it once: uv tool install mcp-server-git   Then wrap',
    )
    expect(out).toMatch(/npm install --ignore-scripts --prefix \S+ some-server {3}Then run this import again/)
  })

  it('with a secret in a variable that no program is given leaves that server, and asks for nothing', async () => {
    const proxied = { command: '/usr/bin/node', env: { HTTPS_PROXY: `http://ann:${TOKEN}@proxy.test:8080` } }
    at.write('.cursor/mcp.json', JSON.stringify({ mcpServers: { proxied } }))
    const ran = await at.run(['import', '--from', 'cursor', '--write'])
    expect(ran.out).toContain('its env HTTPS_PROXY holds a secret, and no program is given that variable here')
    expect((await at.run(['approvals', 'list', '--json'])).out).not.toContain('HTTPS_PROXY')
    expect([ran.code, at.wrapped]).toEqual([0, []])
  })

  it('of a project has its command shown character for character, and nothing is started unasked', async () => {
    at.write('project/.mcp.json', HOSTILE)
    const { out } = await at.run(['import'])
    expect(out).toContain(`/usr/bin/true '\\u{202e}gpj.\\u{200b}exe' '\\u{441}at' 'a b;rm -rf ~'`)
    expect(out).toContain('of this project: look who wrote it')
    expect(at.wrapped).toEqual([])
  })

  const outside = (): string => at.write('elsewhere.json', HOSTILE)
  it.each([
    ['a symbolic link', () => symlinkSync(outside(), join(at.project, '.mcp.json')), 'it is a symbolic link to'],
    ['a hard link', () => linkSync(outside(), join(at.project, '.mcp.json')), 'it has a second name'],
    [
      'one that others may write',
      () => chmodSync(at.write('project/.mcp.json', HOSTILE), 0o666),
      'others may write it',
    ],
    ['one of 17 MiB', () => at.write('project/.mcp.json', `{"a":"${'x'.repeat(17 << 20)}"}`), 'larger than 16 MiB'],
    [
      'one that is no UTF-8',
      () => writeFileSync(join(at.project, '.mcp.json'), Buffer.from([0x7b, 0xff, 0x7d])),
      'not UTF-8',
    ],
    [
      'a key there twice',
      () => at.write('project/.mcp.json', `{"mcpServers":{},"mcpServers":{"x":{"command":"${KEY}"}}}`),
      'there twice',
    ],
    [
      'a text that is not closed',
      () => at.write('project/.mcp.json', `{"mcpServers":{"x":"${KEY}`),
      'a text is not closed',
    ],
    ['deeper than any client reads', () => at.write('project/.mcp.json', '['.repeat(5000)), 'deeper than 64 levels'],
    [
      'a gateway that is not this one',
      () => at.write('project/.mcp.json', '{"mcpServers":{"cloned":{"command":"evil"}}}'),
      'stands in its name',
    ],
  ])('%s is refused with its reason', async (_what, plant, why) => {
    plant()
    const { code, out } = await at.run(['import'])
    expect([code, out]).toEqual([0, expect.stringContaining('refused')])
    expect(out).toContain(why)
    expect((await at.importAll()).code).toBe(0)
    expect(at.wrapped).toEqual([])
  })

  it('in a directory that leads out of the project is refused', async () => {
    at.write('secret/mcp.json', HOSTILE)
    symlinkSync(join(at.home, 'secret'), join(at.project, '.cursor'))
    expect((await at.run(['import', '--from', 'cursor'])).out).toContain('link out of the project')
  })
})

describe('where the user keeps configuration elsewhere, clients', () => {
  it('start the gateway and the hooks with it, and both are known again', async () => {
    const other = await makeHome('/conf of ann')
    try {
      other.write('.claude.json', CLAUDE)
      other.write('.gemini/settings.json', '{}')
      expect((await other.importAll()).code).toBe(0)
      const start = ['XDG_CONFIG_HOME=/conf of ann', ...PROGRAM]
      expect(JSON.parse(other.read('.claude.json')).mcpServers.cloned).toEqual({
        ...{ type: 'stdio', command: '/usr/bin/env', args: [...start, 'mcp'] },
      })
      expect(other.read('.gemini/settings.json')).toContain(
        `/usr/bin/env 'XDG_CONFIG_HOME=/conf of ann' /usr/bin/cloned`,
      )
      const again = JSON.parse((await other.run(['import', '--json'])).out)
      expect(again).toMatchObject({ connected: [{ client: 'claude-code' }], hooks: [], problems: [] })
    } finally {
      await other.close()
    }
  })
})

describe('mcp config', () => {
  it('prints what the client understands', async () => {
    expect((await at.run(['mcp', 'config', 'codex'])).out).toBe(
      '[mcp_servers.cloned]\ncommand = "/usr/bin/cloned"\nargs = ["mcp"]\n',
    )
    const vscode = JSON.parse((await at.run(['mcp', 'config', 'vscode'])).out)
    expect(vscode).toEqual({ servers: { cloned: { type: 'stdio', command: PROGRAM[0], args: ['mcp'] } } })
    expect((await at.run(['mcp', 'config', 'vscod'])).code).toBe(2)
  })

  const URL_HERE = 'http://127.0.0.1:4117/mcp'
  it.each([
    ['claude-code', { type: 'http', url: URL_HERE, headers: { Authorization: `Bearer \${CLONED_TOKEN}` } }],
    ['cursor', { type: 'http', url: URL_HERE, headers: { Authorization: `Bearer \${env:CLONED_TOKEN}` } }],
    ['vscode', { type: 'http', url: URL_HERE, headers: { Authorization: `Bearer \${env:CLONED_TOKEN}` } }],
    ['gemini', { httpUrl: URL_HERE, headers: { Authorization: `Bearer \${CLONED_TOKEN}` } }],
    ['windsurf', { serverUrl: URL_HERE, headers: { Authorization: `Bearer \${env:CLONED_TOKEN}` } }],
    ['codex', { url: URL_HERE, bearer_token_env_var: 'CLONED_TOKEN' }],
    [
      'opencode',
      { type: 'remote', url: URL_HERE, enabled: true, headers: { Authorization: 'Bearer {env:CLONED_TOKEN}' } },
    ],
  ])('prints for %s how a gateway that runs is reached, and no token', async (client, entry) => {
    const ran = await at.run(['mcp', 'config', client, '--url', URL_HERE, '--json'])
    expect(JSON.parse(ran.out).entry).toEqual(entry)
  })

  it.each([
    ['claude-desktop', URL_HERE, 'starts its servers itself'],
    ['cursor', 'http://example.com/mcp', 'takes an https URL'],
    ['cursor', 'https://ann:pw@example.com/mcp', 'takes an https URL'],
    ['cursor', 'file:///etc/passwd', 'takes an https URL'],
    ['cursor', 'x', 'takes an https URL'],
  ])('prints nothing for %s at %s', async (client, url, says) => {
    const ran = await at.run(['mcp', 'config', client, '--url', url])
    expect(ran).toMatchObject({ code: 2, out: '', err: expect.stringContaining(says) })
  })
})
