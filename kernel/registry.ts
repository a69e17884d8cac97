// Resolves what an action names to the one thing that runs it; handlers must never leave this file but into dispatch.
import type { Action, ActionKind } from './action.js'
import type { HandlerContext } from './contracts.js'
import { ClonedError, describeThrown } from './errors.js'
import type { JsonObject } from './json.js'
import { toolCall } from './kinds.js'
import { loggable, type PickLoggable } from './loggable.js'
import { didYouMean } from './nearest.js'
import type { Plugin } from './plugin.js'
import { compileSchema, TOOL_STEPS, type Validate } from './schema.js'
import type { RegisteredExecutor, Registry } from './setup.js'
import { pinnedTool, type Source, sourceOf } from './sources.js'
import type { Contribution } from './token.js'
import {
  contractHash,
  contractOf,
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
  readonly #sources: readonly Source[]
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
      sourceOf,
    )
    for (const { plugin, prefix } of this.#sources) {
      if (claims.some((claim) => claim.plugin === plugin && claim.prefix === prefix)) continue
      const problem = `its source has the prefix "${prefix}", which the manifest does not claim under toolPrefixes`
      throw new ClonedError('TOOL_INVALID', { tool: `"${prefix}*"`, plugin, problem })
    }
  }

  /** Every tool now, sorted by id. */
  tools(): readonly ToolContract[] {
    const all = [...this.#static.values()].map(({ tool }) => tool)
    for (const { tools } of this.#sources) all.push(...tools().values())
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
    const runnable: Runnable = {
      kind: toolCall,
      target: tool.id,
      contract: contractHash(tool),
      tool: contract,
      ...(tool.package ? { package: tool.package } : {}),
      validateInput: schemaOf(tool.input, tool.id),
      validateOutput: schemaOf(tool.output, tool.id),
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
    return this.#sources
      .find(({ prefix }) => id.startsWith(prefix))
      ?.tools()
      .get(id)
  }

  #unknown(id: string): ClonedError {
    const ids = this.tools().map((tool) => tool.id)
    const name = id.split('@')[0] ?? id
    const versions = ids.filter((known) => known.startsWith(`${name}@`))
    if (versions.length > 0) return new ClonedError('TOOL_VERSION', { tool: id, versions: versions.join(', ') })
    return new ClonedError('TOOL_UNKNOWN', { tool: id, near: didYouMean(id, ids) })
  }
}

function schemaOf(schema: JsonObject, target: string): Validate {
  try {
    return compileSchema(schema, { steps: TOOL_STEPS })
  } catch (error) {
    throw new ClonedError('TOOL_INVALID', { tool: `"${target}"`, plugin: '?', problem: describeThrown(error) })
  }
}
