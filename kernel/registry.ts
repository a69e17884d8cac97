// Resolves what an action names to the one thing that runs it; handlers must never leave this file but into dispatch.
import type { Action, ActionKind } from './action.js'
import { boundedValidate } from './bounded.js'
import type { HandlerContext } from './contracts.js'
import { ClonedError, describeThrown, isClonedError } from './errors.js'
import type { JsonObject } from './json.js'
import { toolCall } from './kinds.js'
import { loggable, type PickLoggable } from './loggable.js'
import { didYouMean } from './nearest.js'
import type { Plugin } from './plugin.js'
import { compileSchema, type Validate } from './schema.js'
import type { RegisteredExecutor, Registry } from './setup.js'
import type { Contribution } from './token.js'
import {
  contractHash,
  contractOf,
  defineTool,
  type Tool,
  type ToolContract,
  type ToolPackage,
  type ToolSource,
  toolSourcesCollection,
  toolsCollection,
} from './tool.js'

/** What an action resolved to: pinned when the action was prepared, run as it is. */
export interface Runnable {
  readonly kind: ActionKind
  readonly target: string
  /** Hash of the tool's contract, or the contract number of the kind. */
  readonly contract: string
  readonly tool?: ToolContract
  /** The package that the tool comes from. */
  readonly package?: ToolPackage
  readonly validateInput: Validate
  readonly validateOutput?: Validate
  readonly timeoutMs: number
  /** What the log may hold of the input and of the output in clear. */
  readonly clearInput: PickLoggable
  readonly clearOutput?: PickLoggable
  /** For a person who is asked. */
  readonly about: JsonObject
  readonly run: (input: unknown, ctx: HandlerContext, action: Action) => unknown
}

/** How long an executor may take. Executors are built-in or vetted; tools state their own time. */
const EXECUTOR_TIMEOUT_MS = 120_000

/** Tools and executors of a kernel. */
export class Runnables {
  readonly #static = new Map<string, { tool: Tool; plugin: string }>()
  readonly #sources: readonly Contribution<ToolSource>[]
  readonly #executors: ReadonlyMap<string, RegisteredExecutor>
  readonly #resolved = new WeakMap<Tool, Runnable>()

  /** Throws `TOOL_INVALID` or `TOOL_DUPLICATE` for what setups contributed. */
  constructor(registry: Registry, plugins: readonly Plugin[]) {
    this.#executors = registry.executors
    const claims = plugins.flatMap(({ manifest }) =>
      manifest.toolPrefixes.map((prefix) => ({ prefix, plugin: manifest.id })),
    )
    for (const given of (registry.contributions.get(toolsCollection.id) ?? []) as Contribution<Tool>[]) {
      const { plugin } = given
      const item = pinnedTool(given.item, plugin)
      const twin = this.#static.get(item.id)
      if (twin) throw new ClonedError('TOOL_DUPLICATE', { tool: item.id, first: twin.plugin, second: plugin })
      const claim = claims.find(({ prefix }) => item.id.startsWith(prefix))
      if (claim && claim.plugin !== plugin) {
        throw new ClonedError('TOOL_DUPLICATE', {
          tool: item.id,
          first: `${claim.plugin} (prefix ${claim.prefix})`,
          second: plugin,
        })
      }
      this.#static.set(item.id, { tool: item, plugin })
    }
    // Read once: a source that answered another prefix later would reach into the tools of others.
    this.#sources = ((registry.contributions.get(toolSourcesCollection.id) ?? []) as Contribution<ToolSource>[]).map(
      ({ plugin, item }) => ({ plugin, item: { prefix: item.prefix, list: () => item.list() } }),
    )
    for (const { plugin, item } of this.#sources) {
      if (claims.some((claim) => claim.plugin === plugin && claim.prefix === item.prefix)) continue
      const problem = `its source has the prefix "${item.prefix}", which the manifest does not claim under toolPrefixes`
      throw new ClonedError('TOOL_INVALID', { tool: `"${item.prefix}*"`, plugin, problem })
    }
  }

  /** Every tool now, sorted by id. */
  tools(): readonly ToolContract[] {
    const all = [...this.#static.values()].map(({ tool }) => tool)
    for (const { plugin, item } of this.#sources) all.push(...listed(item, plugin))
    return all.map(contractOf).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Throws `TOOL_UNKNOWN`, `TOOL_VERSION` or `TOOL_INVALID`. */
  tool(id: string): Runnable {
    const own = this.#static.get(id)?.tool
    const tool = own ?? this.#dynamic(id)
    if (!tool) throw this.#unknown(id)
    const known = this.#resolved.get(tool)
    if (known) return known
    const contract = contractOf(tool)
    // Tools of a source are not written by the plugin that lists them.
    const checked = (schema: JsonObject) => {
      const validate = schemaOf(schema, tool.id)
      return own ? validate : boundedValidate(schema, validate)
    }
    const runnable: Runnable = {
      kind: toolCall,
      target: tool.id,
      contract: contractHash(tool),
      tool: contract,
      ...(tool.package ? { package: tool.package } : {}),
      validateInput: checked(tool.input),
      validateOutput: checked(tool.output),
      timeoutMs: tool.timeoutMs,
      clearInput: loggable(tool.input, tool.id),
      clearOutput: loggable(tool.output, tool.id),
      about: { title: tool.title, risk: tool.risk, capability: tool.capability, cost: tool.cost as JsonObject },
      run: (input, ctx) => tool.handler(input, ctx),
    }
    this.#resolved.set(tool, runnable)
    return runnable
  }

  /** Throws `KIND_UNKNOWN`. */
  executor(kindId: string, target: string, about: JsonObject): Runnable {
    const found = this.#executors.get(kindId)
    if (!found) throw new ClonedError('KIND_UNKNOWN', { kind: kindId })
    return {
      kind: found.kind,
      target,
      contract: String(found.kind.contract),
      validateInput: schemaOf(found.executor.input, kindId),
      timeoutMs: EXECUTOR_TIMEOUT_MS,
      clearInput: loggable(found.executor.input, kindId),
      about,
      run: (input, ctx, action) => found.executor.execute(input as never, ctx, action),
    }
  }

  kind(kindId: string): ActionKind | undefined {
    return kindId === toolCall.id ? toolCall : this.#executors.get(kindId)?.kind
  }

  kinds(): readonly ActionKind[] {
    return [toolCall, ...[...this.#executors.values()].map(({ kind }) => kind)]
  }

  #dynamic(id: string): Tool | undefined {
    const source = this.#sources.find(({ item }) => id.startsWith(item.prefix))
    return source && listed(source.item, source.plugin).find((tool) => tool.id === id)
  }

  #unknown(id: string): ClonedError {
    const ids = this.tools().map((tool) => tool.id)
    const name = id.split('@')[0] ?? id
    const versions = ids.filter((known) => known.startsWith(`${name}@`))
    if (versions.length > 0) return new ClonedError('TOOL_VERSION', { tool: id, versions: versions.join(', ') })
    return new ClonedError('TOOL_UNKNOWN', { tool: id, near: didYouMean(id, ids) })
  }
}

/** The tools of a source that keep to its prefix; the source's own failure is a `TOOL_INVALID`. */
function listed(source: ToolSource, plugin: string): readonly Tool[] {
  let tools: readonly Tool[]
  try {
    tools = [...source.list()].map((tool) => pinnedTool(tool, plugin))
  } catch (error) {
    if (isClonedError(error)) throw error
    const problem = `its source could not list them (${describeThrown(error)})`
    throw new ClonedError('TOOL_INVALID', { tool: `"${source.prefix}*"`, plugin, problem })
  }
  for (const tool of tools) {
    if (!tool.id.startsWith(source.prefix)) {
      throw new ClonedError('TOOL_INVALID', {
        tool: `"${tool.id}"`,
        plugin,
        problem: `it is outside the prefix "${source.prefix}"`,
      })
    }
  }
  return tools
}

const pinnedTools = new WeakMap<object, Tool>()

/** A copy that nobody can change between its judging and its running; made once for each tool. */
function pinnedTool(given: Tool, plugin: string): Tool {
  const known = typeof given === 'object' && given !== null ? pinnedTools.get(given) : undefined
  if (known) return known
  try {
    if (!Object.isFrozen(given)) throw new TypeError('it was not made by defineTool')
    const tool = defineTool(given)
    pinnedTools.set(given, tool)
    return tool
  } catch (error) {
    const problem = isClonedError(error) ? String(error.params['problem'] ?? error.message) : describeThrown(error)
    throw new ClonedError('TOOL_INVALID', { tool: JSON.stringify(given?.id), plugin, problem })
  }
}

function schemaOf(schema: JsonObject, target: string): Validate {
  try {
    return compileSchema(schema)
  } catch (error) {
    throw new ClonedError('TOOL_INVALID', { tool: `"${target}"`, plugin: '?', problem: describeThrown(error) })
  }
}
