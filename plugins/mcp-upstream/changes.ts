// Carries out what was approved about servers: wrapping, agreeing to tools, unwrapping; each exactly as it was shown.
import {
  ClonedError,
  type Executor,
  fail,
  type HandlerContext,
  isClonedError,
  type Json,
  type JsonObject,
} from 'cloned/kernel'
import { failure } from './failure.js'
import type { ToolLists } from './lists.js'
import type { Servers } from './servers.js'
import { type McpTools, type McpUnwrap, type McpWrap, type McpWrapped, mcpTools } from './slot.js'
import { mustBeSound, specDigest, specSchema } from './spec.js'
import type { ServerState, WrappedServer } from './state.js'

export interface ChangeParts {
  readonly state: ServerState
  readonly servers: Servers
  readonly lists: ToolLists
  readonly now: () => number
}

const NAME: JsonObject = { type: 'string', maxLength: 40, 'x-loggable': true }
const DIGEST: JsonObject = { type: 'string', pattern: '^[0-9a-f]{64}$', 'x-loggable': true }
const PREVIOUS: JsonObject = { type: ['string', 'null'], pattern: '^[0-9a-f]{64}$', 'x-loggable': true }

/** An object of exactly these members. */
function exactly(properties: JsonObject): JsonObject {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false }
}

export function wrapExecutor({ state, servers, lists, now }: ChangeParts): Executor<McpWrap, McpWrapped> {
  return {
    get input() {
      return exactly({ name: NAME, server: specSchema(), previous: PREVIOUS })
    },
    async execute({ name, server, previous }, ctx) {
      await refusing(() => mustBeSound(name, server))
      // Started before it is wrapped: what does not start is not kept, and what it lists is what is asked about next.
      const list = await servers
        .tryOut(name, server, ctx, async (running) => {
          await running.relist(ctx)
          return { about: running.session.about, tools: sorted(running.list) }
        })
        .catch((error: unknown) => {
          throw failure(name, error)
        })
      const tools = lists.put(list)
      const entry: WrappedServer = {
        name,
        enabled: true,
        server,
        wrapped_at: new Date(now()).toISOString(),
        wrapped_by: ctx.actor.id,
        call_id: ctx.callId,
      }
      await refusing(() =>
        state.change(ctx, (all) => {
          mustStillBe(all, name, previous)
          return [...all.filter((each) => each.name !== name), entry]
        }),
      )
      await ctx.record('mcp.wrapped', { server: name, spec: server as unknown as JsonObject })
      await servers.refresh()
      const approval = list.tools.length === 0 ? undefined : await asked(ctx, { name, tools, previous: null })
      const digest = specDigest(name, server)
      return { name, digest, tools: list.tools.length, ...(approval === undefined ? {} : { approval }) }
    },
  }
}

/** The question about the tools is one of its own: a program is one thing, what it says to models another. */
async function asked(ctx: HandlerContext, input: McpTools): Promise<string | undefined> {
  const outcome = await ctx.act(mcpTools, { target: input.name, input })
  return outcome.status === 'pending' ? outcome.approval.id : undefined
}

export function toolsExecutor({ state, servers, lists }: ChangeParts): Executor<McpTools, Json> {
  return {
    input: exactly({ name: NAME, tools: DIGEST, previous: PREVIOUS }),
    async execute({ name, tools, previous }, ctx) {
      await refusing(() => {
        lists.get(name, tools)
        return state.change(ctx, (all) => {
          const server = all.find((each) => each.name === name)
          if (!server) throw new ClonedError('MCP_SERVER_UNKNOWN', { server: name, near: '' })
          if ((server.tools ?? null) !== previous) throw changedMeanwhile(name)
          return [...all.filter((each) => each !== server), { ...server, tools }]
        })
      })
      await ctx.record('mcp.tools', { server: name, tools, previous })
      await servers.refresh()
      return { name, tools: lists.get(name, tools).tools.length }
    },
  }
}

export function unwrapExecutor({ state, servers }: ChangeParts): Executor<McpUnwrap, Json> {
  return {
    input: exactly({ name: NAME, digest: DIGEST }),
    async execute({ name, digest }, ctx) {
      await refusing(() =>
        state.change(ctx, (all) => {
          const server = all.find((each) => each.name === name)
          // One that was changed by hand is not among them, and goes with this write.
          if (server && specDigest(name, server.server) !== digest) throw changedMeanwhile(name)
          return all.filter((each) => each !== server)
        }),
      )
      await ctx.record('mcp.unwrapped', { server: name })
      await servers.refresh()
      return { name }
    },
  }
}

/** As lists are kept: in an order that does not depend on the server's. */
export function sorted(tools: readonly JsonObject[]): readonly JsonObject[] {
  return [...tools].sort((a, b) => (String(a['name']) < String(b['name']) ? -1 : 1))
}

function mustStillBe(all: readonly WrappedServer[], name: string, previous: string | null): void {
  const server = all.find((each) => each.name === name)
  if ((server ? specDigest(name, server.server) : null) !== previous) throw changedMeanwhile(name)
}

function changedMeanwhile(name: string): ClonedError {
  return new ClonedError('MCP_SERVER_REFUSED', { name, problem: 'it was changed meanwhile', next: 'Ask again.' })
}

/** Until here nothing was changed that anybody relies on. */
async function refusing(work: () => void | Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isClonedError(error)) throw error
    throw fail(error.message, { code: error.code, help: error.help })
  }
}
