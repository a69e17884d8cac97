// Reads tools that plugins list while the kernel runs; one that leaves its source's prefix, or can still be changed, is never taken.
import { ClonedError, describeThrown, isClonedError } from './errors.js'
import type { Contribution } from './token.js'
import { defineTool, type Tool, type ToolSource } from './tool.js'

export interface Source {
  readonly plugin: string
  readonly prefix: string
  /** As they are now, by id. Throws `TOOL_INVALID`, for a failure of the source itself as well. */
  readonly tools: () => ReadonlyMap<string, Tool>
}

/** Its prefix is read once: a source that answered another one later would reach into the tools of others. */
export function sourceOf({ plugin, item }: Contribution<ToolSource>): Source {
  const { prefix } = item
  let last: { readonly list: readonly Tool[]; readonly tools: ReadonlyMap<string, Tool> } | undefined
  return {
    plugin,
    prefix,
    tools() {
      const list = listOf(item, prefix, plugin)
      if (last && last.list === list) return last.tools
      // First, so that nothing is changed between the look and the freezing.
      const stays = Object.isFrozen(list)
      const tools = byId(list, prefix, plugin)
      last = stays ? { list, tools } : undefined
      return tools
    },
  }
}

function listOf(source: ToolSource, prefix: string, plugin: string): readonly Tool[] {
  try {
    const list = source.list()
    return Array.isArray(list) ? list : [...list]
  } catch (error) {
    if (isClonedError(error)) throw error
    const problem = `its source could not list them (${describeThrown(error)})`
    throw new ClonedError('TOOL_INVALID', { tool: `"${prefix}*"`, plugin, problem })
  }
}

/** The first of each id. */
function byId(list: readonly Tool[], prefix: string, plugin: string): ReadonlyMap<string, Tool> {
  const tools = new Map<string, Tool>()
  for (const given of list) {
    const tool = pinnedTool(given, plugin)
    if (!tool.id.startsWith(prefix)) {
      const problem = `it is outside the prefix "${prefix}"`
      throw new ClonedError('TOOL_INVALID', { tool: `"${tool.id}"`, plugin, problem })
    }
    if (!tools.has(tool.id)) tools.set(tool.id, tool)
  }
  return tools
}

const pinnedTools = new WeakMap<object, Tool>()

/** A copy that nobody can change between its judging and its running; made once for each tool. */
export function pinnedTool(given: Tool, plugin: string): Tool {
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
