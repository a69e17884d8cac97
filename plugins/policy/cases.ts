// Asks a policy the cases of a table and compares; a case that cannot be judged must count as a difference.
import { type Action, ClonedError, type Json, parseYaml, type Risk, readSchema, type ToolContract } from 'cloned/kernel'
import type { PackName } from './document.js'
import type { Effective } from './effective.js'
import { egressOf, type Judges } from './egress-judge.js'
import type { JudgedTool } from './judge.js'
import type { Answer } from './slot.js'
import { durationMs } from './terms.js'

/** A case as its file says it (schemas/policy_cases.schema.json). */
export interface PolicyCase {
  readonly name?: string
  readonly tool?: string
  readonly risk?: Risk
  readonly capability?: string
  readonly timeout?: string
  readonly depth?: number
  readonly action?: string
  readonly url?: string
  readonly method?: string
  readonly connector?: string
  readonly actor?: string
  readonly input?: Json
  readonly expect: Answer
  readonly rule?: string
}

export interface PolicyCases {
  readonly pack?: PackName
  readonly cases: readonly PolicyCase[]
}

/** How a case came out. */
export interface CaseResult {
  readonly name: string
  readonly expect: Answer
  /** `unknown`: nobody here can judge it, and `rule` says why. */
  readonly answer: Answer | 'unknown'
  readonly rule: string
  readonly ok: boolean
}

/** Throws `FILE_INVALID`. */
export function parseCases(text: string, path: string): PolicyCases {
  const parsed = parseYaml(text, { path, schema: readSchema('policy_cases') }) as unknown as PolicyCases
  const unclear = parsed.cases.findIndex(
    ({ tool, action, url }) =>
      (tool === undefined) === (action === undefined) || (action !== undefined && url !== undefined),
  )
  if (unclear === -1) return parsed
  throw new ClonedError('FILE_INVALID', { path, line: '', problem: `/cases/${unclear} needs either tool or action` })
}

/** Runs every case. `tools` are the tools that are here. Throws `EGRESS_RULES`. */
export function runCases(
  { cases }: PolicyCases,
  effective: Pick<Effective, 'content' | 'judge'>,
  { tools, judges }: { tools: readonly ToolContract[]; judges: Judges },
): readonly CaseResult[] {
  const egress = cases.some(({ url }) => url !== undefined) ? egressOf(effective, judges) : undefined
  const contracts = new Map(tools.map((tool) => [tool.id, tool]))
  return cases.map((each) => {
    const { answer, rule } = judgeCase(each)
    const ok = answer === each.expect && (each.rule === undefined || rule.includes(each.rule))
    return { name: each.name ?? each.url ?? each.tool ?? each.action ?? '', expect: each.expect, answer, rule, ok }
  })

  function judgeCase(each: PolicyCase): Pick<CaseResult, 'answer' | 'rule'> {
    const { tool = '', action, url, connector, method = 'GET', depth = 0 } = each
    if (url !== undefined) {
      const request = { tool, method, url, ...(connector === undefined ? {} : { connector }) }
      return egress?.(request) ?? { answer: 'unknown', rule: 'no firewall is here that could judge it' }
    }
    if (action !== undefined) return effective.judge.action({ kind: action, target: '' } as Action)
    const judged = toolOf(each, contracts.get(tool))
    if (!judged) return { answer: 'unknown', rule: `the tool ${tool} is not here: state its risk` }
    return effective.judge.action({ kind: 'tool.call', target: tool, depth, tool: judged } as Action & {
      tool: JudgedTool
    })
  }
}

function toolOf({ tool: id = '', risk, capability, timeout }: PolicyCase, here?: ToolContract): JudgedTool | undefined {
  const level = risk ?? here?.risk
  if (level === undefined) return undefined
  return {
    id,
    risk: level,
    capability: capability ?? here?.capability ?? '',
    timeoutMs: timeout === undefined ? (here?.timeoutMs ?? 60_000) : durationMs(timeout),
  }
}
