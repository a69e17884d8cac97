// The commands by which a person looks at what tools of a server say now, and agrees to it.
import type { Gate, JsonObject } from 'cloned/kernel'
import { actionResult, type Command, type CommandContext, type CommandResult } from '../cli/slot.js'
import { sorted } from './changes.js'
import { readByModels, type ToolLists } from './lists.js'
import type { Servers } from './servers.js'
import { mcpRequest, mcpTools } from './slot.js'
import { changeOf, differences, nameOf, suspicionsIn } from './words.js'

export interface ToolCommandParts {
  readonly gate: Gate
  readonly servers: Servers
  readonly lists: ToolLists
}

const NAME = { name: 'server', description: 'Name of the server', required: true } as const

export function toolCommands(parts: ToolCommandParts): readonly Command[] {
  return [
    {
      name: 'mcp enable',
      summary: 'Agree to tools of a server as they are now: all of them, or those that are named',
      args: [NAME, { name: 'tool', description: 'What its server calls it', many: true }],
      examples: ['cloned mcp enable files', 'cloned mcp enable files read_text_file'],
      needs: 'workspace',
      run: (ctx) => enable(parts, ctx),
    },
    {
      name: 'mcp diff',
      summary: 'Show what a server says of its tools now, beside what was agreed to',
      args: [NAME],
      examples: ['cloned mcp diff files'],
      needs: 'workspace',
      run: (ctx) => diff(parts, ctx),
    },
  ]
}

/** What the server lists now; the answer to the command where it could not be asked. */
async function listNow({ gate, servers }: ToolCommandParts, ctx: CommandContext) {
  const name = ctx.args['server'] ?? ''
  await servers.refresh()
  const known = servers.known(name)
  const input = { name, method: 'tools/list', params: {} }
  const request = { target: name, input, ...(ctx.actor === undefined ? {} : { actor: ctx.actor }) }
  const outcome = await gate.act(mcpRequest, request, { signal: ctx.signal })
  const running = servers.running(name)
  if (outcome.status !== 'done' || !running) return { refused: actionResult(outcome, '', ctx) }
  return { name, known, running, pinned: readByModels(servers.list(name)) }
}

async function enable(parts: ToolCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const now = await listNow(parts, ctx)
  if ('refused' in now) return now.refused
  const { name, known, running, pinned } = now
  const wanted = new Set(ctx.rest)
  const names = new Set(running.list.map((tool) => String(tool['name'])))
  for (const tool of wanted) {
    if (names.has(tool)) continue
    const broken = running.problem(tool)
    throw ctx.usageError(
      `${ctx.printable(tool)} cannot be enabled: ${ctx.printable(broken ?? 'the server does not list it')}`,
    )
  }
  const isSame = (tool: JsonObject) => running.standings.get(String(tool['name']))?.state === 'same'
  const tools = running.list.filter((tool) => wanted.size === 0 || wanted.has(String(tool['name'])) || isSame(tool))
  const digest = parts.lists.put({ about: running.session.about, tools: sorted(tools) })
  const previous = known.tools ?? null
  const change = changeOf(pinned, readByModels({ about: running.session.about, tools }))
  if (previous !== null && Object.values(change).every((each) => each.length === 0)) {
    return { json: { name, tools: tools.length }, text: 'Everything is as it was agreed to.' }
  }
  const input = { name, tools: digest, previous }
  const request = { target: name, input, ...(ctx.actor === undefined ? {} : { actor: ctx.actor }) }
  const outcome = await parts.gate.act(mcpTools, request, { dryRun: ctx.dryRun, signal: ctx.signal })
  return actionResult(outcome, `${tools.length} tools of ${ctx.printable(name)} can be called.`, ctx)
}

async function diff(parts: ToolCommandParts, ctx: CommandContext): Promise<CommandResult> {
  const now = await listNow(parts, ctx)
  if ('refused' in now) return now.refused
  const { name, running, pinned } = now
  const listed = readByModels({ about: running.session.about, tools: running.list })
  const change = changeOf(pinned, listed)
  const { suspicious } = await suspicionsIn(listed, change, [])
  const contract = (list: readonly JsonObject[], tool: string) => list.find((each) => each['name'] === tool)
  const lines = [
    ...change.added.flatMap((tool) => [
      `+ ${nameOf(tool)}`,
      ...JSON.stringify(contract(listed, tool), null, 2).split('\n'),
    ]),
    ...change.changed.flatMap((tool) => [
      `~ ${nameOf(tool)}`,
      ...differences(contract(pinned, tool), contract(listed, tool)),
    ]),
    ...change.removed.map((tool) => `- ${nameOf(tool)}`),
    ...[...running.standings].flatMap(([tool, standing]) =>
      standing.state === 'broken' ? [`! ${nameOf(tool)}: ${standing.problem}`] : [],
    ),
    ...[...suspicious].flatMap(([tool, all]) =>
      all.map(
        ({ kind, path, excerpt }) => `SUSPICIOUS ${nameOf(tool)} at ${path} (${kind}): ${JSON.stringify(excerpt)}`,
      ),
    ),
  ]
  const json = {
    name,
    ...change,
    broken: Object.fromEntries(
      [...running.standings].flatMap(([tool, each]) => (each.state === 'broken' ? [[tool, each.problem]] : [])),
    ),
    suspicious: Object.fromEntries([...suspicious].map(([tool, all]) => [tool, all.map((each) => ({ ...each }))])),
  }
  if (lines.length === 0) return { json, text: 'Everything is as it was agreed to.' }
  const next = `\nAgree to it: cloned mcp enable ${name}`
  return { json, text: ctx.printable(`${lines.join('\n')}${next}`, { lines: true }) }
}
