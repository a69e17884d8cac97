// This plugin's own votes: what a person is asked before a server is wrapped, and which of its tools must not be called now.
import { type Action, ask, ClonedError, deny, isClonedError, type ToolCall, type Verdict } from 'cloned/kernel'
import type { Policy } from '../policy/slot.js'
import { readByModels, type ToolLists } from './lists.js'
import type { Servers } from './servers.js'
import { type McpTools, type McpWrap, mcpTools, mcpWrap } from './slot.js'
import { describeServer, mustBeSound } from './spec.js'
import type { WrappedTools } from './tools.js'
import { changeOf, describeChange, suspicionsIn } from './words.js'

/** Well within what a guard may take. */
const LOOK_MS = 1_000

export interface VoteParts {
  readonly servers: Servers
  readonly lists: ToolLists
  readonly tools: WrappedTools
  readonly policy: Pick<Policy, 'decide'>
}

/** Asks in words of its own unless the policy allows it unasked; about suspicious tools in any case. */
export function voteOnAction(parts: VoteParts, action: Action): undefined | Promise<Verdict | undefined> {
  if (action.kind !== mcpWrap.id && action.kind !== mcpTools.id) return undefined
  return refusing(async () => {
    const unasked = parts.policy.decide(action).answer === 'allow'
    if (action.kind === mcpTools.id) return await onTools(parts, action.input as McpTools, unasked)
    const { name, server, previous } = action.input as unknown as McpWrap
    if (name !== action.target) return deny('it is about another server than it says')
    mustBeSound(name, server)
    if (unasked) return undefined
    const instead = previous === null ? '' : ' in the place of the one there is'
    return ask([`wrap the MCP server ${name}${instead}`, ...describeServer(server)].join('; '), 'mcp-wrap')
  })
}

async function onTools(
  { lists, servers }: VoteParts,
  { name, tools, previous }: McpTools,
  unasked: boolean,
): Promise<Verdict | undefined> {
  const after = readByModels(lists.get(name, tools))
  const before = previous === null ? [] : readByModels(lists.get(name, previous))
  const change = changeOf(before, after)
  const others = servers.current().flatMap((each) => (each.name === name ? [] : namesOf(servers, each.name)))
  const looked = await suspicionsIn(after, change, others, LOOK_MS)
  if (unasked && looked.suspicious.size === 0 && looked.unseen === 0) return undefined
  return ask(describeChange(name, change, looked).join('; '), 'mcp-tools')
}

function namesOf(servers: Servers, name: string): readonly string[] {
  return servers.list(name).tools.map((tool) => String(tool['name']))
}

/** Denies a call of a tool of which it is known that it is not as it was agreed to; says nothing about other tools. */
export function voteOnCall({ tools, servers }: VoteParts, { tool: { id } }: ToolCall): Verdict | undefined {
  const found = tools.find(id)
  const name = String(found?.contract['name'])
  const problem = found && servers.running(found.server)?.problem(name)
  if (!found || problem === undefined) return undefined
  const { message, code, help } = new ClonedError('MCP_TOOL_QUARANTINED', { name: found.server, tool: name, problem })
  return deny(message, { code, help })
}

async function refusing(judged: () => Promise<Verdict | undefined>): Promise<Verdict | undefined> {
  try {
    return await judged()
  } catch (error) {
    if (!isClonedError(error)) throw error
    return deny(error.message, { code: error.code, help: error.help })
  }
}
