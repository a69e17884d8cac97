// Makes tools of the gate out of the tools that were agreed to; each is judged by its own schema and called by its own name.
import {
  ClonedError,
  defineTool,
  type HandlerContext,
  HandlerError,
  type Json,
  type JsonObject,
  type Risk,
  type Scrubber,
  type Tool,
} from 'cloned/kernel'
import type { Attendance } from './attendance.js'
import { failure } from './failure.js'
import { writeSchema } from './gate-schema.js'
import { paramHeaders } from './http.js'
import { idPart } from './id-part.js'
import { isObject } from './peer.js'
import { type QuestionLog, recorded } from './questions.js'
import { inItsOwnName, spilled, unsound, withoutForeignFiles } from './result.js'
import type { Servers } from './servers.js'
import type { ServerSpec } from './slot.js'

export const TOOL_PREFIX = 'mcp.'

export interface ToolParts extends QuestionLog {
  readonly servers: Servers
  readonly attendance: Attendance
  readonly scrubber: Scrubber | undefined
  readonly callMs: number
  readonly resultBytes: number
}

/** A tool at the gate and what it is at its server. */
export interface WrappedTool {
  readonly tool: Tool
  readonly server: string
  readonly contract: JsonObject
}

export class WrappedTools {
  readonly #parts: ToolParts
  readonly #made = new Map<string, { readonly of: readonly JsonObject[]; readonly tools: readonly WrappedTool[] }>()
  #list: readonly Tool[] = Object.freeze([])

  constructor(parts: ToolParts) {
    this.#parts = parts
  }

  /** The tools of every server in force: the same objects for as long as what was agreed to is the same. */
  all(): readonly WrappedTool[] {
    return this.#parts.servers.current().flatMap(({ name, server }) => this.of(name, server))
  }

  /** The same for the gate: one frozen list for as long as nothing of it changes. */
  list(): readonly Tool[] {
    const all = this.all()
    if (all.length !== this.#list.length || all.some(({ tool }, i) => tool !== this.#list[i])) {
      this.#list = Object.freeze(all.map(({ tool }) => tool))
    }
    return this.#list
  }

  of(name: string, server: ServerSpec): readonly WrappedTool[] {
    const { tools } = this.#parts.servers.list(name)
    const known = this.#made.get(name)
    if (known?.of === tools) return known.tools
    const made = tools.map((contract) => ({ tool: this.#tool(name, server, contract), server: name, contract }))
    this.#made.set(name, { of: tools, tools: made })
    return made
  }

  /** As last listed. */
  find(id: string): WrappedTool | undefined {
    const [, name = ''] = id.split('.')
    return this.#made.get(name)?.tools.find(({ tool }) => tool.id === id)
  }

  #tool(name: string, server: ServerSpec, contract: JsonObject): Tool {
    const local = String(contract['name'])
    const annotations = isObject(contract['annotations']) ? contract['annotations'] : {}
    const title = annotations['title'] ?? contract['title']
    return defineTool<JsonObject>({
      id: toolId(name, local),
      title: typeof title === 'string' ? title : local,
      description: typeof contract['description'] === 'string' ? contract['description'] : '',
      input: writeSchema(contract['inputSchema'] as JsonObject),
      output: { type: 'object' },
      risk: riskOf(annotations, server),
      capability: annotations['readOnlyHint'] === true ? 'mcp.read' : 'mcp.write',
      idempotent: annotations['readOnlyHint'] === true || annotations['idempotentHint'] === true,
      timeoutMs: this.#parts.callMs,
      handler: (input, ctx) => this.#call(name, server, contract, input, ctx),
    })
  }

  async #call(
    name: string,
    server: ServerSpec,
    contract: JsonObject,
    input: JsonObject,
    ctx: HandlerContext,
  ): Promise<JsonObject> {
    const { servers, attendance, scrubber, callMs, resultBytes } = this.#parts
    const tool = String(contract['name'])
    const clean = (value: Json) => scrubber?.json(value, 'progress', ctx.callId) ?? value
    const { answer, client, onProgress } = attendance.of(ctx.callId)
    const asking =
      answer &&
      recorded(name, ctx.callId, this.#parts, (method, params, ...rest) => answer(method, clean(params), ...rest))
    try {
      const result = await servers.use(name, ctx, async (running) => {
        await running.mustBeSame(tool, ctx)
        const headers = paramHeaders(contract['inputSchema'], input)
        return await running.session.request(
          'tools/call',
          { name: tool, arguments: input },
          {
            via: { ctx, headers },
            signal: ctx.signal,
            deadlineMs: callMs,
            onProgress: ({ progressToken: _, ...said }) => {
              ctx.progress(said)
              onProgress?.(clean(said) as JsonObject)
            },
            ...(client === undefined ? {} : { client }),
            ...(asking ? { answer: asking } : {}),
          },
        )
      })
      const problem = unsound(result)
      if (problem !== undefined) throw noResult(name, problem)
      const seen = server.kind === 'command' ? [...server.read, ...server.write] : []
      return await spilled(withoutForeignFiles(inItsOwnName(result), seen), ctx, {
        maxBytes: resultBytes,
        scrubber,
        filename: () => `${toolId(name, tool).slice(TOOL_PREFIX.length).replace(/@.*/, '').slice(0, 80)}.json`,
        structured: contract['outputSchema'] !== undefined,
      })
    } catch (error) {
      throw failure(name, error)
    }
  }
}

export function toolId(server: string, local: string): string {
  return `${TOOL_PREFIX}${server}.${idPart(local)}@v1`
}

function noResult(name: string, problem: string): HandlerError {
  const { message, code, help } = new ClonedError('MCP_RESULT', { name, problem })
  return new HandlerError(message, { code, help, effect: 'unknown' })
}

/** What a server says of a tool counts as far as a person has agreed to it; what it does not say is the worst. */
function riskOf(annotations: JsonObject, server: ServerSpec): Risk {
  const { readOnlyHint, destructiveHint, openWorldHint } = annotations
  // A program without a way out reaches no world.
  const closed = openWorldHint === false || (server.kind === 'command' && server.hosts.length === 0)
  if (readOnlyHint === true) return closed ? 'low' : 'medium'
  return destructiveHint === false ? 'medium' : 'high'
}
