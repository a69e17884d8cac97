// Defines tools and their contracts; a contract is data with a hash, and a handler is visible to the kernel alone.

import type { HandlerContext } from './contracts.js'
import { costsProblem, type ToolCost } from './cost.js'
import { ClonedError } from './errors.js'
import { digest, type Json, type JsonObject, snapshot } from './json.js'
import { collection } from './token.js'

/** How bad a wrong call can be. Policies ask by risk when no rule names the tool. */
export type Risk = 'low' | 'medium' | 'high'

/** Everything about a tool but its handler. The hash of this object is the tool's contract. */
export interface ToolContract {
  /** `vendor.area.verb@v1`. Id and version never change meaning once published. */
  readonly id: string
  readonly title: string
  readonly description: string
  /** JSON Schema 2020-12 of the input, an object schema. */
  readonly input: JsonObject
  /** JSON Schema 2020-12 of the output. */
  readonly output: JsonObject
  readonly risk: Risk
  /** What it can do, for rules: `fs.read`, `net.fetch`, … */
  readonly capability: string
  /** Whether calling it twice with the same input does no more than calling it once. */
  readonly idempotent: boolean
  /** Cost of one call by budget category, besides the call itself. */
  readonly cost: { readonly [category: string]: ToolCost }
  /** Milliseconds until a call is given up on. */
  readonly timeoutMs: number
}

/** Runs a tool. Its input is validated and frozen; it should honour `ctx.signal`. */
export type ToolHandler<I, O> = (input: I, ctx: HandlerContext) => O | Promise<O>

/** The verified package that a tool comes from. */
export interface ToolPackage {
  /** Id of the package. */
  readonly id: string
  readonly version: string
  /** SHA-256 that identifies exactly this package, hex. */
  readonly digest: string
}

/** A tool: contract and handler. */
export interface Tool extends ToolContract {
  /** Stands in the records of its calls; no part of the contract. Absent for what is built in or not verified. */
  readonly package?: ToolPackage
  // biome-ignore lint/suspicious/noExplicitAny: the schema, not the compiler, decides what a handler receives
  readonly handler: ToolHandler<any, unknown>
}

/** What an author writes; everything with a default may be left out. */
export interface ToolDefinition<I, O>
  extends Pick<ToolContract, 'id' | 'title' | 'description' | 'input' | 'output' | 'risk' | 'capability'>,
    Partial<Pick<ToolContract, 'idempotent' | 'cost' | 'timeoutMs'>> {
  readonly package?: ToolPackage | undefined
  readonly handler: ToolHandler<I, O>
}

/** `vendor.area.verb@v1`: at least two dotted words and a version. */
export const TOOL_ID = /^[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*\.[a-z0-9]+(?:[_-][a-z0-9]+)*@v[1-9]\d{0,5}$/

/** Defines a tool. Throws `TOOL_INVALID` for an id, schema or cost of the wrong shape. */
export function defineTool<I = Json, O = Json>(definition: ToolDefinition<I, O>): Tool {
  const { handler, package: packaged, idempotent = false, cost = {}, timeoutMs = 60_000, ...rest } = definition
  const wrong = (problem: string) =>
    new ClonedError('TOOL_INVALID', { tool: JSON.stringify(definition.id), plugin: '?', problem })
  if (typeof definition.id !== 'string' || !TOOL_ID.test(definition.id)) throw wrong('its id is not of the form a.b@v1')
  if (typeof handler !== 'function') throw wrong('it has no handler')
  const contract = snapshot({ ...rest, idempotent, cost, timeoutMs }) as unknown as ToolContract
  const costly = costsProblem(contract.cost)
  if (costly) throw wrong(costly)
  if (contract.input['type'] !== 'object') throw wrong('its input schema is not of type object')
  return Object.freeze({ ...contract, handler, ...(packaged ? { package: Object.freeze({ ...packaged }) } : {}) })
}

/** The contract of a tool without its handler and package. */
export function contractOf(tool: Tool): ToolContract {
  const known = contracts.get(tool)
  if (known) return known
  const { handler: _, package: __, ...contract } = tool
  Object.freeze(contract)
  if (Object.isFrozen(tool)) contracts.set(tool, contract)
  return contract
}

const contracts = new WeakMap<Tool, ToolContract>()

/** SHA-256 of a tool's contract. Any change of a published tool's contract needs a new version. */
export function contractHash(tool: Tool | ToolContract): string {
  return digest(snapshot(contractOf(tool as Tool)))
}

/** Static tools. The kernel owns the list, so nothing else can reach a handler. */
export const toolsCollection = collection<Tool>('cloned.tools', { contract: 1 })

/**
 * A live list of tools under a prefix that the plugin claims in its manifest (`toolPrefixes`).
 * `list` may change between calls; a tool keeps its contract for as long as an action on it is in flight. A list that is
 * frozen is looked through once, for as long as the same one is given out: long ones should be.
 */
export interface ToolSource {
  readonly prefix: string
  list(): readonly Tool[]
}

/** Dynamic tools. */
export const toolSourcesCollection = collection<ToolSource>('cloned.tool-sources', { contract: 1 })
