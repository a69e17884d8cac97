// Says where each client keeps its servers and its hooks, by platform; reads none of them.
import { join } from 'node:path'
import type { Path } from './documents/document.js'
import type { ClientId, Dialect, Place } from './slot.js'

/** Where this user's files are. */
export interface Surroundings {
  readonly home: string
  readonly platform: NodeJS.Platform
  /** `XDG_CONFIG_HOME`, `APPDATA`, `CLAUDE_CONFIG_DIR` and `CODEX_HOME`, where they are set. */
  readonly configHome?: string | undefined
  readonly appData?: string | undefined
  readonly claudeHome?: string | undefined
  readonly codexHome?: string | undefined
}

/** Which of a client's own tools its hooks show. */
export interface ClientHooks {
  /** Absolute path of the file that they are configured in. */
  readonly path: (where: Surroundings) => string
  /** Events before and after a tool call, and the key and value that each list of hooks has beside them. */
  readonly before: string
  readonly after: readonly string[]
  /** One hook as the client writes it. `guard` marks the one before a call, which must block when it cannot answer. */
  readonly entry: (command: string, guard: boolean) => { readonly [key: string]: unknown }
  /** What else the file must say. */
  readonly version?: number
}

export interface Client {
  readonly title: string
  readonly dialect: Dialect
  readonly format: Place['format']
  /** Key of the map of servers. */
  readonly root: Path
  readonly user: (where: Surroundings) => readonly string[]
  /** Relative to the directory of a project. */
  readonly project: readonly string[]
  readonly hooks?: ClientHooks
  /** What no hook of this client shows: one sentence each, without a full stop. */
  readonly escapes: readonly string[]
}

const SERVERS: Path = ['mcpServers']

/** Where applications keep what a user configured. */
function appConfig({ platform, home, configHome, appData }: Surroundings): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support')
  if (platform === 'win32') return appData ?? join(home, 'AppData', 'Roaming')
  return configHome ?? join(home, '.config')
}

const claudeHome = ({ home, claudeHome }: Surroundings) => claudeHome ?? join(home, '.claude')
const codexHome = ({ home, codexHome }: Surroundings) => codexHome ?? join(home, '.codex')
const NO_HOOKS = 'its own tools: it has no hooks that this version knows'

export const CLIENTS: Readonly<Record<ClientId, Client>> = {
  'claude-code': {
    title: 'Claude Code',
    dialect: 'usual',
    format: 'json',
    root: SERVERS,
    user: ({ home, claudeHome }) => [join(claudeHome ?? home, '.claude.json')],
    project: ['.mcp.json'],
    hooks: {
      path: (where) => join(claudeHome(where), 'settings.json'),
      before: 'PreToolUse',
      after: ['PostToolUse', 'PostToolUseFailure'],
      // `onFailure` (2.1.295) makes a hook that times out or cannot start block the call; older versions ignore it.
      entry: (command, guard) => ({
        matcher: '*',
        hooks: [{ type: 'command', command, timeout: 30, ...(guard ? { onFailure: 'block' } : {}) }],
      }),
    },
    escapes: [
      'before 2.1.295, a call whose hook times out',
      'servers of plugins and of claude.ai that it is signed in to, except through the hook',
    ],
  },
  'claude-desktop': {
    title: 'Claude Desktop',
    dialect: 'usual',
    format: 'json',
    root: SERVERS,
    user: (where) => [join(appConfig(where), 'Claude', 'claude_desktop_config.json')],
    project: [],
    escapes: ['desktop extensions and connectors that are set up in its settings', NO_HOOKS],
  },
  cursor: {
    title: 'Cursor',
    dialect: 'usual',
    format: 'json',
    root: SERVERS,
    user: ({ home }) => [join(home, '.cursor', 'mcp.json')],
    project: [join('.cursor', 'mcp.json')],
    hooks: {
      path: ({ home }) => join(home, '.cursor', 'hooks.json'),
      before: 'preToolUse',
      after: ['postToolUse', 'postToolUseFailure'],
      entry: (command, guard) => ({ command, timeout: 30, ...(guard ? { failClosed: true } : {}) }),
      version: 1,
    },
    escapes: ['completion in the editor (Tab), and agents that run in its cloud'],
  },
  vscode: {
    title: 'VS Code',
    dialect: 'usual',
    format: 'json',
    root: ['servers'],
    user: (where) => [join(appConfig(where), 'Code', 'User', 'mcp.json')],
    project: [join('.vscode', 'mcp.json')],
    escapes: ['servers that extensions bring', NO_HOOKS],
  },
  codex: {
    title: 'Codex',
    dialect: 'codex',
    format: 'toml',
    root: ['mcp_servers'],
    user: (where) => [join(codexHome(where), 'config.toml')],
    project: [join('.codex', 'config.toml')],
    hooks: {
      path: (where) => join(codexHome(where), 'hooks.json'),
      before: 'PreToolUse',
      after: ['PostToolUse'],
      entry: (command) => ({ hooks: [{ type: 'command', command, timeout: 30 }] }),
    },
    escapes: ['everything until the hook is trusted: type /hooks in Codex', 'a call whose hook times out'],
  },
  gemini: {
    title: 'Gemini CLI',
    dialect: 'usual',
    format: 'json',
    root: SERVERS,
    user: ({ home }) => [join(home, '.gemini', 'settings.json')],
    project: [join('.gemini', 'settings.json')],
    hooks: {
      path: ({ home }) => join(home, '.gemini', 'settings.json'),
      before: 'BeforeTool',
      after: ['AfterTool'],
      entry: (command) => ({
        matcher: '.*',
        hooks: [{ type: 'command', name: 'cloned', command, timeout: 30_000 }],
      }),
    },
    escapes: ['a call whose hook times out', 'servers of extensions, except through the hook'],
  },
  windsurf: {
    title: 'Windsurf',
    dialect: 'usual',
    format: 'json',
    root: SERVERS,
    user: ({ home }) => [join(home, '.codeium', 'windsurf', 'mcp_config.json')],
    project: [],
    escapes: [NO_HOOKS],
  },
  opencode: {
    title: 'opencode',
    dialect: 'opencode',
    format: 'json',
    root: ['mcp'],
    user: ({ home, configHome }) =>
      ['opencode.json', 'opencode.jsonc'].map((name) => join(configHome ?? join(home, '.config'), 'opencode', name)),
    project: ['opencode.json', 'opencode.jsonc'],
    escapes: [NO_HOOKS],
  },
}

/** Every place where a client may keep servers that it starts in this directory. */
export function placesOf(id: ClientId, where: Surroundings, cwd: string): readonly Place[] {
  const { dialect, format, root, user, project } = CLIENTS[id]
  const usual = { client: id, format, dialect, root, entryRoot: root } as const
  const users = user(where)
  const found: Place[] = users.map((path) => ({ ...usual, scope: 'user', path }))
  for (const path of id === 'claude-code' ? users : []) {
    found.push({ ...usual, scope: 'user', path, root: ['projects', cwd, 'mcpServers'] })
  }
  for (const name of project) {
    const path = join(cwd, name)
    // In the home directory the files of the project are those of the user.
    if (!users.includes(path)) found.push({ ...usual, scope: 'project', path })
  }
  return found
}
