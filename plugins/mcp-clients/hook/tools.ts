// Gives a client's own tools ids and contracts that policies know; running one means letting the client run it.
import { defineTool, type JsonObject, type Risk, sha256, type Tool, type ToolSource } from 'cloned/kernel'
import { NATIVE } from '../slot.js'
import { HOOKED, type Hooked } from './formats.js'

type Kind = 'read' | 'edit' | 'shell' | 'net' | 'other'

/** What is known of tools by the words of their ids; everything else is of the cautious sort. */
const KNOWN: Readonly<Record<Hooked, Readonly<Record<Exclude<Kind, 'other'>, readonly string[]>>>> = {
  'claude-code': {
    read: [
      'read',
      'glob',
      'grep',
      'ls',
      'todo_write',
      'task_list',
      'task_get',
      'tool_search',
      'ask_user_question',
      'exit_plan_mode',
    ],
    edit: ['edit', 'multi_edit', 'write', 'notebook_edit'],
    shell: ['bash', 'power_shell', 'kill_shell', 'monitor'],
    net: ['web_fetch', 'web_search'],
  },
  cursor: {
    read: ['read', 'grep', 'glob', 'ls', 'list', 'semantic_search', 'codebase_search', 'todo_write'],
    edit: ['write', 'edit', 'str_replace', 'delete', 'tab_write'],
    shell: ['shell', 'bash'],
    net: ['web_search', 'web_fetch'],
  },
  codex: {
    read: ['read_file', 'list_dir', 'grep_files', 'update_plan', 'view_image'],
    edit: ['apply_patch', 'edit', 'write'],
    shell: ['bash', 'shell', 'exec_command', 'write_stdin', 'unified_exec'],
    net: ['web_search'],
  },
  gemini: {
    read: [
      'read_file',
      'read_many_files',
      'list_directory',
      'glob',
      'grep_search',
      'search_file_content',
      'write_todos',
    ],
    edit: ['write_file', 'replace', 'edit'],
    shell: ['run_shell_command'],
    net: ['web_fetch', 'google_web_search'],
  },
}

const RISKS: Readonly<Record<Kind, Risk>> = { read: 'low', edit: 'medium', shell: 'high', net: 'high', other: 'high' }

/** `native.<client>.<tool>@v1`. Names that are more than letters, digits and single `_` carry a mark, so that no two meet. */
export function nativeId(client: Hooked, tool: string): string {
  const word = tool
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .slice(0, 80)
    .replace(/_+$/, '')
  const simple = /^[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*$/.test(tool) && tool.length <= 80
  const mark = simple ? '' : `${word === '' ? 'tool' : ''}_${sha256(tool).slice(0, 6)}`
  return `${NATIVE}${client}.${word}${mark}@v1`
}

/** What a policy judges. */
export interface NativeInput {
  readonly tool: string
  readonly input: unknown
  readonly cwd: string
}

const INPUT: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['tool', 'input', 'cwd'],
  properties: {
    tool: {
      type: 'string',
      maxLength: 200,
      'x-loggable': true,
      description: 'Name of the tool, as the client calls it.',
    },
    input: { description: 'What the client is about to give to it.' },
    cwd: { type: 'string', maxLength: 4096, description: 'Directory that the client works in.' },
  },
}

const OUTPUT: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['let_through'],
  properties: { let_through: { const: true } },
}

/** The tool of a client, as the gate sees it. */
export function nativeTool(client: Hooked, name: string): Tool {
  const id = nativeId(client, name)
  const kind = kindOf(client, id)
  return defineTool<NativeInput>({
    id,
    // Of the id and not of the name: every spelling of the name has one contract.
    title: `${id.slice(NATIVE.length + client.length + 1, -'@v1'.length)} of ${client}`,
    description: `A tool of ${client} itself. To run it means to let ${client} run it; what comes of it is recorded as native.result.`,
    input: INPUT,
    output: OUTPUT,
    risk: RISKS[kind],
    capability: `native.${kind}`,
    handler: () => ({ let_through: true }),
  })
}

function kindOf(client: Hooked, id: string): Kind {
  const known = KNOWN[client]
  const kinds = ['read', 'edit', 'shell', 'net'] as const
  return kinds.find((kind) => known[kind].some((word) => id === `${NATIVE}${client}.${word}@v1`)) ?? 'other'
}

const MAX_TOLD = 1_000

/** The tools that are known, and those that a hook was told of. */
export class NativeTools implements ToolSource {
  readonly prefix = NATIVE
  readonly #tools = new Map<string, Tool>()
  #list: readonly Tool[] | undefined
  #known = 0

  /** Makes a tool of this client known; answers its id. */
  know(client: Hooked, name: string): string {
    const id = nativeId(client, name)
    this.#fill()
    if (this.#tools.has(id)) return id
    // A client may call its tools whatever it likes, and a gateway runs for long: the oldest of those is forgotten.
    const oldest = [...this.#tools.keys()][this.#known]
    if (oldest !== undefined && this.#tools.size >= this.#known + MAX_TOLD) this.#tools.delete(oldest)
    this.#add(id, client, name)
    return id
  }

  /** The same object for as long as nothing changes. */
  list(): readonly Tool[] {
    this.#fill()
    this.#list ??= [...this.#tools.values()]
    return this.#list
  }

  #fill(): void {
    if (this.#known > 0) return
    for (const client of HOOKED) {
      for (const word of Object.values(KNOWN[client]).flat()) this.#add(nativeId(client, word), client, word)
    }
    this.#known = this.#tools.size
  }

  #add(id: string, client: Hooked, name: string): void {
    this.#tools.set(id, nativeTool(client, name))
    this.#list = undefined
  }
}
