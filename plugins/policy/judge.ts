// Decides what a merged policy answers to an action; deny goes before ask before allow, and no rule is a denial.
import { type Action, compilePattern, type Matches, type ToolCall, type ToolContract } from 'cloned/kernel'
import { LISTS, type Merged, type Origin, type Placed } from './merge.js'
import type { Answer } from './slot.js'

/** An answer and the rule that gave it. */
export interface Judgement {
  readonly answer: Answer
  /** Where the rule stands, as a person finds it. */
  readonly rule: string
  readonly origin: Origin
}

/** What the policy reads of a tool. */
export type JudgedTool = Pick<ToolContract, 'id' | 'risk' | 'capability' | 'timeoutMs'>

/** Answers of one merged policy. */
export interface Judge {
  tool(tool: JudgedTool): Judgement
  action(action: Action): Judgement
}

const MAX_REMEMBERED = 4096

/** Compiles a merged policy. The answers of the lists are remembered by tool id, so that long lists cost once. */
export function compileJudge(merged: Merged): Judge {
  const { depth, timeoutMs } = merged
  const lists = LISTS.map((answer) => ({
    tools: compileList(answer, merged.tools[answer]),
    capabilities: compileList(answer, merged.capabilities[answer]),
  }))
  const remembered = new Map<string, { readonly capability: string; readonly found: Judgement | undefined }>()
  const listed = ({ id, capability }: JudgedTool): Judgement | undefined => {
    const known = remembered.get(id)
    if (known !== undefined && known.capability === capability) return known.found
    let found: Judgement | undefined
    for (const { tools, capabilities } of lists) {
      found = tools(id) ?? capabilities(capability)
      if (found) break
    }
    if (remembered.size >= MAX_REMEMBERED) remembered.clear()
    remembered.set(id, { capability, found })
    return found
  }
  const byRisk = new Map<string, Judgement>(
    Object.entries(merged.tools.risk).map(([risk, placed]) => [risk, judgement(placed.value, placed)]),
  )
  const byKind = new Map<string, Judgement>(
    [...merged.actions].map(([kind, placed]) => [kind, judgement(placed.value, placed)]),
  )
  const [tooDeep, tooLong] = [judgement('deny', depth), judgement('deny', timeoutMs)]
  const tool: Judge['tool'] = (judged) =>
    judged.timeoutMs > timeoutMs.value ? tooLong : (listed(judged) ?? byRisk.get(judged.risk) ?? unruled('tools.risk'))
  return {
    tool,
    action(action) {
      if (isToolCall(action)) return action.depth > depth.value ? tooDeep : tool(action.tool)
      if (action.kind === 'tool.call') return unruled('tools')
      const own = byKind.get(action.kind)
      // A policy write is asked for even where everything else is allowed.
      if (action.kind === 'policy.write') return own ?? ASKED
      return own ?? byKind.get('*') ?? unruled('actions')
    },
  }
}

const ASKED: Judgement = { answer: 'ask', rule: 'always: a policy write is asked for', origin: 'default' }

function compileList(answer: Answer, entries: readonly Placed<string>[]): (id: string) => Judgement | undefined {
  const exact = new Map<string, Judgement>()
  const patterns: { matches: Matches; found: Judgement }[] = []
  for (const placed of entries) {
    const found = judgement(answer, placed)
    if (placed.value.includes('*')) patterns.push({ matches: compilePattern(placed.value), found })
    else if (!exact.has(placed.value)) exact.set(placed.value, found)
  }
  return (id) => exact.get(id) ?? patterns.find(({ matches }) => matches(id))?.found
}

function judgement(answer: Answer, { at, origin }: Placed<unknown>): Judgement {
  return Object.freeze({ answer, rule: at, origin })
}

function unruled(section: string): Judgement {
  return { answer: 'deny', rule: `no rule: ${section}`, origin: 'default' }
}

function isToolCall(action: Action): action is ToolCall {
  return action.kind === 'tool.call' && typeof (action as Partial<ToolCall>).tool?.risk === 'string'
}
