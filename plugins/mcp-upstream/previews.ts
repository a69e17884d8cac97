// Shows the person who decides how a server would be started and what its tools say; it starts nothing.
import type { Previewer } from '../approvals/slot.js'
import { readByModels, type ToolLists } from './lists.js'
import { type McpTools, type McpWrap, mcpTools, mcpWrap } from './slot.js'
import { describeServer } from './spec.js'
import type { ServerState } from './state.js'
import { textOf } from './words.js'

export function serverPreviews(state: ServerState, lists: ToolLists): readonly Previewer[] {
  return [
    {
      kind: mcpWrap.id,
      async preview({ input }) {
        const { name, server } = input as unknown as McpWrap
        const before = state.servers.find((each) => each.name === name)?.server
        const text = (spec: typeof server) => `${describeServer(spec).join('\n')}\n`
        const change = { what: `how ${name} is reached`, before: before && text(before), after: text(server) }
        return { change, rollback: `cloned mcp unwrap ${name}` }
      },
    },
    {
      kind: mcpTools.id,
      async preview({ input }) {
        const { name, tools, previous } = input as McpTools
        const before = previous === null ? undefined : textOf(readByModels(lists.get(name, previous)))
        const change = {
          what: `what the tools of ${name} say`,
          before,
          after: textOf(readByModels(lists.get(name, tools))),
        }
        return { change, rollback: `cloned mcp unwrap ${name}` }
      },
    },
  ]
}
