// The command that asks for a server to be wrapped: what was typed, with every path made real, and nothing added.
import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Gate } from 'cloned/kernel'
import { actionResult, type Command, type CommandContext } from '../cli/slot.js'
import { mcpWrap, type ServerSpec } from './slot.js'
import { describeServer, specDigest } from './spec.js'
import type { ServerState } from './state.js'

export function wrapCommand(gate: Gate, state: ServerState): Command {
  return {
    name: 'mcp wrap',
    summary: 'Put an MCP server behind the gate: confined, with its secrets from the vault and its tools as agreed to',
    args: [
      { name: 'name', description: 'What its tools begin with', required: true },
      { name: 'command', description: 'After --: the program and its arguments, started without a shell', many: true },
    ],
    options: [
      { flags: '--url <url>', description: 'Address of a server that runs elsewhere, instead of a command' },
      { flags: '--read <paths>', description: 'What it may read, separated by commas; \\, is a comma in a name' },
      { flags: '--write <paths>', description: 'What it may read and write, likewise' },
      { flags: '--cwd <directory>', description: 'Its current directory, which it may read; an empty one otherwise' },
      { flags: '--host <hosts>', description: 'Hosts it may reach where the policy allows it, separated by commas' },
      { flags: '--secret <pairs>', description: 'Secrets: VARIABLE=name, or header=name with --url; by commas' },
    ],
    examples: [
      'cloned mcp wrap files --write /home/ann/notes --read /opt/mcp -- node /opt/mcp/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js /home/ann/notes',
      'cloned mcp wrap github --url https://api.githubcopilot.com/mcp --secret authorization=github-token',
    ],
    needs: 'workspace',
    async run(ctx) {
      const { name = '' } = ctx.args
      const server = ctx.options['url'] === undefined ? commandOf(ctx) : urlOf(ctx)
      await state.refresh()
      const before = state.servers.find((each) => each.name === name && each.problem === undefined)
      const previous = before ? specDigest(name, before.server) : null
      const input = { name, server, previous }
      const about = { title: `Wrap the MCP server ${name}: ${describeServer(server).join('; ')}` }
      const request = { target: name, input, about, ...(ctx.actor === undefined ? {} : { actor: ctx.actor }) }
      ctx.note(ctx.printable(describeServer(server).join('\n'), { lines: true }))
      const outcome = await gate.act(mcpWrap, request, { dryRun: ctx.dryRun, signal: ctx.signal })
      const wrapped = outcome.status === 'done' ? outcome.output : undefined
      const next =
        wrapped?.approval === undefined ? '' : `\nNow agree to what they say: cloned approvals show ${wrapped.approval}`
      const done = `Wrapped ${ctx.printable(name)}, which has ${wrapped?.tools} tools.${next}`
      return actionResult(outcome, { done, would: 'Would wrap it' }, ctx)
    },
  }
}

function commandOf(ctx: CommandContext): ServerSpec {
  const command = ctx.rest
  if (command.length === 0) throw ctx.usageError('what is to be started is missing: -- COMMAND, or --url')
  const { cwd } = ctx.options
  const lost = command.find((word) => /[/.]/.test(word) && !word.startsWith('/') && existsSync(resolve(ctx.cwd, word)))
  if (cwd === undefined && lost !== undefined) {
    throw ctx.usageError(`"${ctx.printable(lost)}" is a path from here, and it starts elsewhere: write the whole path`)
  }
  const inside = typeof cwd === 'string' ? real(ctx, cwd) : undefined
  const read = list(ctx, 'read').map((path) => real(ctx, path))
  const write = list(ctx, 'write').map((path) => real(ctx, path))
  return {
    kind: 'command',
    command: [...command],
    secrets: Object.fromEntries(pairs(ctx)),
    ...(inside === undefined ? {} : { cwd: inside }),
    read: unique([...read, ...(inside === undefined || write.includes(inside) ? [] : [inside])]),
    write: unique(write),
    hosts: unique(list(ctx, 'host').map((host) => host.toLowerCase())),
  }
}

function urlOf(ctx: CommandContext): ServerSpec {
  const { url } = ctx.options
  for (const option of ['read', 'write', 'cwd', 'host']) {
    if (ctx.options[option] !== undefined) throw ctx.usageError(`--${option} is for servers that are started here`)
  }
  if (ctx.rest.length > 0) throw ctx.usageError('it has either --url or a command')
  if (typeof url !== 'string' || !/^https?:\/\//.test(url) || !URL.canParse(url) || url.includes('#')) {
    throw ctx.usageError('--url takes an http or https URL without a fragment')
  }
  const headers = pairs(ctx, (header) => header.toLowerCase()).map(([name, secret]) => {
    return [name, { secret, ...(name === 'authorization' ? { format: 'Bearer {secret}' } : {}) }] as const
  })
  return { kind: 'url', url, headers: Object.fromEntries(headers) }
}

function list({ options }: CommandContext, name: string): string[] {
  const value = options[name]
  if (typeof value !== 'string') return []
  const parts = value.split(/(?<!\\),/).map((each) => each.replaceAll('\\,', ','))
  return parts.filter((each) => each !== '')
}

function pairs(ctx: CommandContext, nameOf = (name: string) => name): [string, string][] {
  const found = list(ctx, 'secret').map((pair): [string, string] => {
    const [, name, secret] = /^([^=]+)=(.+)$/.exec(pair) ?? []
    if (name === undefined || secret === undefined) {
      // Not repeated: it may be the secret itself.
      throw ctx.usageError('--secret takes NAME=name-in-the-vault')
    }
    return [nameOf(name), secret]
  })
  const twice = found.find(([name], i) => found.findIndex(([other]) => other === name) < i)
  if (twice) throw ctx.usageError(`--secret names ${ctx.printable(twice[0])} twice`)
  return found
}

function real(ctx: CommandContext, path: string): string {
  // Of an unset variable of a shell; as a path it would be the directory that this is typed in.
  if (path === '') throw ctx.usageError('a path is empty')
  try {
    return realpathSync(resolve(ctx.cwd, path))
  } catch {
    throw ctx.usageError(`${ctx.printable(path)} is not there`)
  }
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort()
}
