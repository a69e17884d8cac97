// Makes tools of the gate out of the tools of connectors; a tool of the same package must stay the same object.
import { defineTool, type HandlerContext, type Json, type JsonObject, type Tool, type ToolPackage } from 'cloned/kernel'
import { type ConnectorManifest, type PackageTool, toolIdAtGate } from '../package/slot.js'

/** Connectors whose tools can be called. */
export interface Offered {
  /** What is known of one package: the same for as long as nothing of it changes. */
  readonly key: string
  readonly manifest: ConnectorManifest
  /** SHA-256 of the manifest of an installed package; absent for one in development. */
  readonly digest?: string
}

export type RunTool = (offered: Offered, tool: PackageTool, input: Json, ctx: HandlerContext) => Promise<unknown>

export class ConnectorTools {
  readonly #run: RunTool
  #made = new Map<string, readonly Tool[]>()
  #known = new Map<string, PackageTool>()

  constructor(run: RunTool) {
    this.#run = run
  }

  /** The tools of these connectors. */
  list(offered: readonly Offered[]): readonly Tool[] {
    const made = new Map(offered.map((each) => [each.key, this.#made.get(each.key) ?? this.#make(each)]))
    this.#made = made
    this.#known = new Map(
      offered.flatMap(({ manifest }) => manifest.tools.map((tool) => [toolIdAtGate(tool.id), tool] as const)),
    )
    return [...made.values()].flat()
  }

  /** The tool of a package behind an id of the gate, as last listed. */
  find(id: string): PackageTool | undefined {
    return this.#known.get(id)
  }

  #make(offered: Offered): readonly Tool[] {
    return offered.manifest.tools.map((tool) =>
      defineTool<Json, unknown>({
        id: toolIdAtGate(tool.id),
        title: tool.title,
        description: tool.description,
        // In the contract, so that what was approved for one package is not approved for the next.
        input: { ...tool.loggable_fields.reduce(marked, tool.input_schema), $comment: `package ${offered.key}` },
        output: tool.output_schema,
        risk: tool.risk,
        capability: tool.capability,
        idempotent: tool.idempotent,
        cost: tool.cost,
        timeoutMs: tool.timeout_ms,
        package: packageOf(offered),
        handler: async (input, ctx) => {
          const output = await this.#run(offered, tool, input, ctx)
          return tool.redaction_rules.reduce(redacted, output)
        },
      }),
    )
  }
}

function packageOf({ digest, manifest: { id, version } }: Offered): ToolPackage | undefined {
  return digest === undefined ? undefined : { id, version, digest }
}

/** The schema with the property at this pointer marked for the log. */
function marked(schema: JsonObject, pointer: string): JsonObject {
  const [name, ...rest] = parts(pointer)
  if (name === undefined) return { ...schema, 'x-loggable': true }
  const properties = (schema['properties'] ?? {}) as JsonObject
  const inner = Object.hasOwn(properties, name) ? properties[name] : undefined
  if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return schema
  const below = rest.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  return { ...schema, properties: { ...properties, [name]: marked(inner as JsonObject, below) } }
}

const REDACTED = '[REDACTED]'

/** The value with what stands at this pointer taken out; an array is gone through as a whole by the part `*`. */
function redacted(value: unknown, pointer: string): unknown {
  const [name, ...rest] = parts(pointer)
  if (name === undefined) return REDACTED
  if (typeof value !== 'object' || value === null) return value
  const below = rest.map((part) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
  if (Array.isArray(value)) {
    return value.map((item, i) => (name === '*' || name === String(i) ? redacted(item, below) : item))
  }
  if (!Object.hasOwn(value, name)) return value
  return { ...value, [name]: redacted((value as Record<string, unknown>)[name], below) }
}

function parts(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}
