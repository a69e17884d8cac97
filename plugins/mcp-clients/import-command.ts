// The command `import`: puts clients behind the gateway, or back; without --write it changes nothing.
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { ClonedError, didYouMean, type Json } from 'cloned/kernel'
import type { Command, CommandContext, CommandResult } from '../cli/slot.js'
import type { Surroundings } from './clients.js'
import type { Edit } from './documents/document.js'
import { gatewayEntry } from './entry.js'
import { hookEdits } from './hook/install.js'
import { GATEWAY, type Look, lookAtClients, lookAtFile } from './look.js'
import { type MoveParts, move } from './move.js'
import { asideLines, type Entry, entriesText, entryJson } from './report.js'
import { type RewriteParts, rewrite, undo } from './rewrite.js'
import { CLIENT_IDS, type ClientId, type Place } from './slot.js'

export type ImportParts = MoveParts &
  RewriteParts & {
    readonly where: Surroundings
    readonly program: readonly string[]
    /** Where packages of servers are installed, by default. */
    readonly installed: string
    readonly workspace: { readonly root: string; readonly dir: string }
  }

export function importCommand(parts: ImportParts): Command {
  return {
    name: 'import',
    summary: 'Put the MCP servers and the own tools of your clients behind the gateway',
    options: [
      {
        flags: '--from <clients>',
        description: `${CLIENT_IDS.join(', ')}, or a FILE; several with commas. All when absent`,
      },
      { flags: '--write', description: 'Do it; without it everything is only shown' },
      { flags: '--hosts <hosts>', description: 'Hosts that servers may reach: NAME=HOST,NAME=HOST' },
      { flags: '--writes <paths>', description: 'Files and directories that servers may write: NAME=PATH,NAME=PATH' },
      { flags: '--installed <dir>', description: 'Where the packages of servers were installed' },
      { flags: '--undo', description: 'Put the files of the clients back, byte for byte' },
      { flags: '--force', description: 'With --undo: also in files that were edited since; the edits are kept' },
    ],
    examples: ['cloned import', 'cloned import --from claude-code,cursor --write', 'cloned import --undo'],
    needs: 'workspace',
    run: (ctx) => (ctx.options['undo'] === true ? runUndo(parts, ctx) : runImport(parts, ctx)),
  }
}

async function runUndo(parts: ImportParts, ctx: CommandContext): Promise<CommandResult> {
  if (ctx.options['write'] === true) throw ctx.usageError('--undo and --write do not go together')
  const undone = await undo(parts, { force: ctx.options['force'] === true, dryRun: ctx.dryRun })
  const words = {
    restored: 'as it was, byte for byte',
    removed: 'removed, it was not there',
    'edited back': 'put back where the import changed it',
  }
  const would = ctx.dryRun ? 'would be ' : ''
  const lines = undone.map(({ path, how }) => `${ctx.printable(path)}  ${would}${words[how]}`)
  const servers = Object.keys(parts.ledgers.read().servers)
  return {
    json: { status: ctx.dryRun ? 'dry-run' : 'done', files: undone.map(({ path, how }) => ({ path, how })), servers },
    text: [
      ...(lines.length === 0 ? ['There is nothing to put back.'] : lines),
      ...(servers.length === 0
        ? []
        : [`Still behind the gateway: ${servers.join(', ')}. Remove one: cloned mcp unwrap NAME`]),
    ].join('\n'),
  }
}

async function runImport(parts: ImportParts, ctx: CommandContext): Promise<CommandResult> {
  const look = lookFor(parts, ctx)
  const write = ctx.options['write'] === true && !ctx.dryRun
  const entries: Entry[] = []
  const moves = new Map<string, Entry['moved']>()
  for (const found of look.servers) {
    const { made, digest } = found
    if (write && made.kind === 'wrap' && !moves.has(digest)) {
      if (!ctx.json) ctx.tell(entriesText([{ found, moved: undefined }], ctx))
      moves.set(digest, await move(found, made, parts, ctx))
    }
    entries.push({ found, moved: made.kind === 'wrap' ? moves.get(digest) : undefined })
  }
  const wrote = write ? await rewriteAll(look, entries, parts) : []
  const waiting = entries.some(({ moved }) => moved?.state === 'waiting')
  const next = nextStep(look, entries, write, waiting, ctx)
  return {
    exit: waiting ? 4 : 0,
    json: {
      status: write ? (waiting ? 'waiting' : 'done') : 'dry-run',
      servers: entries.map(entryJson),
      connected: look.connected.map(({ client, path }) => ({ client: client ?? null, path })),
      hooks: look.hooks.map(({ client, path }) => ({ client, path })),
      problems: look.problems,
      wrote,
    } as unknown as Json,
    text: [
      entriesText(entries, ctx),
      ...asideLines(look, write, ctx, parts.program),
      ...wrote.map((path) => `Wrote ${ctx.printable(path)}`),
      next,
    ]
      .filter((line) => line !== '')
      .join('\n'),
  }
}

function nextStep(
  look: Look,
  entries: readonly Entry[],
  write: boolean,
  waiting: boolean,
  { options }: CommandContext,
): string {
  const from = typeof options['from'] === 'string' ? ` --from ${options['from']}` : ''
  if (waiting) return `Once it is decided, run this again: cloned import${from} --write`
  if (write)
    return 'Agree to what the servers offer, each: cloned mcp list says how. Put everything back: cloned import --undo'
  const something = entries.some(({ found }) => found.made.kind === 'wrap') || look.hooks.length > 0
  if (something) return `Nothing was changed. Do it: cloned import${from} --write`
  return entries.length > 0 ? 'There is nothing that could be moved.' : 'There is nothing to move.'
}

function lookFor(parts: ImportParts, ctx: CommandContext): Look {
  const { from, installed } = ctx.options
  const lookParts = {
    where: parts.where,
    cwd: ctx.cwd,
    program: parts.program,
    hosts: byServer('hosts', ctx, (host) => host.toLowerCase()),
    writes: byServer('writes', ctx, (path) => resolve(ctx.cwd, path)),
    machine: {
      installed: typeof installed === 'string' ? resolve(ctx.cwd, installed) : parts.installed,
      reserved: parts.workspace.dir,
    },
  }
  if (typeof from !== 'string') return lookAtClients(CLIENT_IDS, lookParts)
  const named = from.split(',')
  const isClient = (word: string): word is ClientId => (CLIENT_IDS as readonly string[]).includes(word)
  if (named.every(isClient)) return lookAtClients(named, lookParts)
  const [file] = named
  const isFile = named.length === 1 && file !== undefined && (isAbsolute(file) || /[/\\.]/.test(file))
  if (isFile) return lookAtFile(resolve(ctx.cwd, file), lookParts)
  const client = named.find((word) => !isClient(word)) ?? ''
  throw new ClonedError('CLIENT_UNKNOWN', {
    client,
    near: didYouMean(client, CLIENT_IDS),
    known: CLIENT_IDS.join(', '),
  })
}

/** What an option gives to servers, by name. */
function byServer(
  option: 'hosts' | 'writes',
  { options, usageError }: CommandContext,
  read: (text: string) => string,
): ReadonlyMap<string, readonly string[]> {
  const given = options[option]
  const found = new Map<string, string[]>()
  for (const pair of typeof given === 'string' ? given.split(',') : []) {
    const [, name, text] = /^([a-z][a-z0-9_-]*)=(\S.*)$/.exec(pair) ?? []
    if (name === undefined || text === undefined) throw usageError(`--${option} is NAME=VALUE,NAME=VALUE`)
    found.set(name, [...(found.get(name) ?? []), read(text)])
  }
  return found
}

/** Takes out what was moved and puts the gateway in, file by file. */
async function rewriteAll(look: Look, entries: readonly Entry[], parts: ImportParts): Promise<readonly string[]> {
  const flags = gatewayFlags(parts)
  const wrote: string[] = []
  const edits = new Map<string, { format: Place['format']; edits: Edit[] }>()
  const of = (path: string, format: Place['format']) => {
    const known = edits.get(path) ?? { format, edits: [] }
    edits.set(path, known)
    return known.edits
  }
  const connected = new Set(look.connected.map(({ path, entryRoot }) => JSON.stringify([path, entryRoot])))
  for (const { found, moved } of entries) {
    if (moved?.state !== 'moved') continue
    const { path, format, root, entryRoot, dialect } = found.place
    const list = of(path, format)
    list.push({ op: 'remove', path: [...root, found.key] })
    const at = JSON.stringify([path, entryRoot])
    if (connected.has(at)) continue
    connected.add(at)
    list.push({
      op: 'set',
      path: [...entryRoot, GATEWAY],
      value: gatewayEntry([...parts.program, ...flags, 'mcp'], dialect),
    })
  }
  for (const { client, hooks, path } of look.hooks) {
    of(path, 'json').push(...hookEdits(look.files.get(path)?.value ?? {}, client, hooks, parts.program, flags))
  }
  for (const [path, { format, edits: list }] of edits) if (await rewrite(path, format, list, parts)) wrote.push(path)
  return wrote
}

/** The workspace of the home directory is found from everywhere; any other is named. */
function gatewayFlags({ workspace, where }: Pick<ImportParts, 'workspace' | 'where'>): readonly string[] {
  const isDefault = workspace.dir === join(where.home, '.cloned') || workspace.root === homedir()
  return isDefault ? [] : ['--workspace', workspace.root]
}
