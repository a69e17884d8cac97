// The commands that show wrapped servers and take them away.
import type { Gate, Json, JsonObject } from 'cloned/kernel'
import { actionResult, type Command } from '../cli/slot.js'
import type { Servers } from './servers.js'
import { mcpUnwrap } from './slot.js'
import { describeServer, specDigest } from './spec.js'
import type { KnownServer, ServerState } from './state.js'
import type { WrappedTools } from './tools.js'

export interface LookParts {
  readonly gate: Gate
  readonly state: ServerState
  readonly servers: Servers
  readonly tools: WrappedTools
}

const NAME = { name: 'server', description: 'Name of the server', required: true } as const

/** What a person would type next, by how the server stands. */
function nextStep({ name, problem, enabled }: KnownServer, callable: number): string {
  if (problem !== undefined) return `Take it away, to wrap it anew: cloned mcp unwrap ${name}`
  if (!enabled) return `It is switched off by "enabled: false" in .cloned/mcp_servers.yaml`
  if (callable === 0) return `See what it offers: cloned mcp diff ${name}   Agree: cloned mcp enable ${name}`
  return `See what has changed since: cloned mcp diff ${name}   Point a client at it: cloned mcp config CLIENT`
}

export function lookCommands({ gate, state, servers, tools }: LookParts): readonly Command[] {
  const summary = (server: KnownServer) => ({
    name: server.name,
    status: server.problem !== undefined ? 'changed' : server.enabled ? 'enabled' : 'disabled',
    tools: servers.list(server.name).tools.length,
  })
  return [
    {
      name: 'mcp list',
      summary: 'List the MCP servers that are wrapped here',
      examples: ['cloned mcp list'],
      needs: 'workspace',
      async run(ctx) {
        await servers.refresh()
        const all = state.servers.map((server) => ({
          ...summary(server),
          reached: describeServer(server.server)[0] ?? '',
        }))
        if (all.length === 0) {
          return { json: { servers: [] }, text: 'No MCP server is wrapped here: cloned mcp wrap NAME -- COMMAND' }
        }
        const rows = all.map(({ name, status, tools: count, reached }) => [name, status, String(count), reached])
        const silent = all.filter(({ status, tools: count }) => status === 'enabled' && count === 0)
        const next = silent.map(
          ({ name }) => `See what ${name} offers: cloned mcp diff ${name}. Agree: cloned mcp enable ${name}`,
        )
        const table = ctx.table(['name', 'status', 'tools', 'reached by'], rows)
        return { json: { servers: all }, text: [table, ...next].join('\n') }
      },
    },
    {
      name: 'mcp show',
      summary: 'Show how one MCP server is reached and which of its tools can be called',
      args: [NAME],
      examples: ['cloned mcp show files'],
      needs: 'workspace',
      async run(ctx) {
        await servers.refresh()
        const server = servers.known(ctx.args['server'] ?? '')
        const wrapped = server.problem === undefined && server.enabled ? tools.of(server.name, server.server) : []
        const rows = wrapped.map(({ tool, contract }) => [String(contract['name']), tool.id, tool.risk])
        const { problem, wrapped_at, wrapped_by } = server
        const json: JsonObject = {
          ...summary(server),
          server: server.server as unknown as Json,
          wrapped_at,
          wrapped_by,
          ...(problem === undefined ? {} : { problem }),
          list: wrapped.map(({ tool, contract }) => ({ id: tool.id, risk: tool.risk, contract })),
        }
        const head = [
          `${server.name}: ${summary(server).status}${problem === undefined ? '' : `, ${problem}`}`,
          ...describeServer(server.server),
          `wrapped: ${wrapped_at} by ${wrapped_by}`,
        ].join('\n')
        const table = rows.length === 0 ? 'No tool can be called.' : ctx.table(['tool', 'id', 'risk'], rows)
        const next = ctx.printable(nextStep(server, rows.length))
        return { json, text: `${ctx.printable(head, { lines: true })}\n${table}\n${next}` }
      },
    },
    {
      name: 'mcp unwrap',
      summary: 'Take a wrapped MCP server away, with everything that was agreed to',
      args: [NAME],
      examples: ['cloned mcp unwrap files'],
      needs: 'workspace',
      async run(ctx) {
        await servers.refresh()
        const { name, server } = servers.known(ctx.args['server'] ?? '')
        const input = { name, digest: specDigest(name, server) }
        const request = { target: name, input, ...(ctx.actor === undefined ? {} : { actor: ctx.actor }) }
        const outcome = await gate.act(mcpUnwrap, request, { dryRun: ctx.dryRun, signal: ctx.signal })
        return actionResult(outcome, `${ctx.printable(name)} is not wrapped any more.`, ctx)
      },
    },
  ]
}
