// Decides which tools a client is shown and by which name each is called; a tool that is denied whatever its input is not shown.
import type { ActorInput, Gate, JsonObject, ToolContract } from 'cloned/kernel'
import { NATIVE } from '../mcp-clients/slot.js'
import type { Upstreams } from '../mcp-upstream/slot.js'
import type { Policy } from '../policy/slot.js'
import { portableNames } from './names.js'
import { portableSchema } from './portable.js'
import { isObject } from './rpc.js'

/** A tool as it is shown. */
export interface ShownTool {
  readonly id: string
  readonly name: string
  /** As its own server lists it; `undefined` for a tool of this product. */
  readonly original: JsonObject | undefined
  readonly server: string | undefined
  /** What clients are shown. */
  readonly entry: JsonObject
}

export interface ViewParts {
  readonly gate: Pick<Gate, 'tools' | 'actor'>
  readonly policy: Pick<Policy, 'snapshot' | 'decide'> | undefined
  readonly upstreams: Pick<Upstreams, 'servers'> | undefined
  /** Only this server, by the names and schemas of its own. */
  readonly only: string | undefined
}

/** A list of tools, made once for as long as nothing in it changes. */
interface Listed {
  readonly key: string
  readonly contracts: readonly ToolContract[]
  readonly tools: readonly ShownTool[]
  readonly byName: ReadonlyMap<string, ShownTool>
}

export class View {
  readonly #parts: ViewParts
  readonly #lists = new Map<string, Listed>()
  readonly #schemas = new WeakMap<object, JsonObject>()

  constructor(parts: ViewParts) {
    this.#parts = parts
  }

  /** Sorted by canonical id. */
  tools(actor: ActorInput): readonly ShownTool[] {
    return this.#list(actor).tools
  }

  /** By the name it is shown under, or by its canonical id. Also a tool that has become known only now. */
  find(name: string, actor: ActorInput): ShownTool | undefined {
    // A name once given out names its tool; whether that is still there, and allowed, is what the gate decides.
    return this.#lists.get(keyOf(actor))?.byName.get(name) ?? this.#list(actor).byName.get(name)
  }

  #list(actor: ActorInput): Listed {
    const { gate, policy } = this.#parts
    const contracts = gate.tools()
    const key = String(policy?.snapshot().epoch ?? 0)
    const known = this.#lists.get(keyOf(actor))
    if (known?.key === key && sameTools(known.contracts, contracts)) return known
    const listed = this.#make(key, contracts, actor)
    if (this.#lists.size > 100) this.#lists.clear()
    this.#lists.set(keyOf(actor), listed)
    return listed
  }

  #make(key: string, contracts: readonly ToolContract[], actor: ActorInput): Listed {
    const { only } = this.#parts
    const origin = this.#origins()
    const names = portableNames(contracts.map(({ id }) => ({ id, ...localName(origin.get(id)?.contract) })))
    const tools: ShownTool[] = []
    const byName = new Map<string, ShownTool>()
    for (const contract of contracts) {
      const { id } = contract
      if (id.startsWith(NATIVE)) continue
      const from = origin.get(id)
      if (only !== undefined && from?.server !== only) continue
      const name = only === undefined ? (names.get(id) ?? id) : String(from?.contract['name'])
      const entry = from ? this.#wrapped(id, name, from.contract) : this.#own(contract, name)
      const shown = { id, name, original: from?.contract, server: from?.server, entry }
      byName.set(id, shown)
      // What is denied anyway may still be called: the answer is then a denial, not that there is no such tool.
      byName.set(name, shown)
      if (!this.#denied(contract, actor)) tools.push(shown)
    }
    return { key, contracts, tools, byName }
  }

  #origins(): Map<string, { server: string; contract: JsonObject }> {
    const origins = new Map<string, { server: string; contract: JsonObject }>()
    for (const { name, tools } of this.#parts.upstreams?.servers() ?? []) {
      for (const { id, contract } of tools) origins.set(id, { server: name, contract })
    }
    return origins
  }

  #denied(tool: ToolContract, actor: ActorInput): boolean {
    const action = {
      callId: '',
      kind: 'tool.call',
      target: tool.id,
      actor: this.#parts.gate.actor(actor),
      input: {},
      digest: '',
      at: 0,
      depth: 0,
      dryRun: true,
      tool,
    }
    return this.#parts.policy?.decide(action).answer === 'deny'
  }

  #wrapped(id: string, name: string, original: JsonObject): JsonObject {
    const schema = original['inputSchema']
    const shown = this.#parts.only !== undefined || !isObject(schema) ? schema : this.#portable(schema as JsonObject)
    return {
      ...original,
      name,
      ...(shown === undefined ? {} : { inputSchema: shown }),
      _meta: { ...(isObject(original['_meta']) ? original['_meta'] : {}), 'cloned/tool': id },
    }
  }

  #own(contract: ToolContract, name: string): JsonObject {
    const { id, title, description, input, output, risk, idempotent } = contract
    return {
      name,
      title,
      description,
      inputSchema: this.#portable(input),
      ...(output['type'] === 'object' ? { outputSchema: output } : {}),
      annotations: { idempotentHint: idempotent, destructiveHint: risk === 'high' },
      _meta: { 'cloned/tool': id },
    }
  }

  #portable(schema: JsonObject): JsonObject {
    const known = this.#schemas.get(schema)
    if (known) return known
    const made = portableSchema(schema)
    this.#schemas.set(schema, made)
    return made
  }
}

/** The gate hands out other objects each time; what is in them stays the same for as long as the tool does. */
function sameTools(a: readonly ToolContract[], b: readonly ToolContract[]): boolean {
  return (
    a.length === b.length &&
    a.every((tool, i) => {
      const other = b[i] as ToolContract
      return tool.id === other.id && tool.input === other.input && tool.output === other.output
    })
  )
}

function localName(contract: JsonObject | undefined): { local?: string } {
  const name = contract?.['name']
  return typeof name === 'string' ? { local: name } : {}
}

function keyOf(actor: ActorInput): string {
  return typeof actor === 'string' ? actor : JSON.stringify([actor.id, actor.claimed === true, actor.osUser ?? null])
}
