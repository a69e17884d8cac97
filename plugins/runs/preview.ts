// Judges the whole plan of a run that has not been started; writes, opens and records nothing.
import { costOf, type DryRun, type Gate, type Json, type Outcome, type ToolContract } from 'cloned/kernel'
import type { Held, PipelinePart, PipelineStep, Scope, Skills } from '../skills/slot.js'
import { type ActiveRuns, actorOf, keyOf } from './active.js'
import { errorOf } from './errors.js'
import type { StepPreview } from './slot.js'
import type { StoredRun } from './tables.js'
import { fitInputs } from './walk.js'

export interface PreviewDeps {
  readonly gate: Pick<Gate, 'call'>
  readonly skills: Skills
  readonly active: ActiveRuns
  readonly tool: (id: string) => ToolContract | undefined
}

/** Of a loop whose list is known; enough to see what it does. */
const SHOWN_ITEMS = 5
/** As many as a pipeline can have without loops; loops inside loops multiply. */
const MAX_SHOWN = 10_000
const MORE = 'it and what follows are more than a plan shows'
const LATER = 'it depends on the answers of earlier steps'

/** Judges every step as far as it is known before any of them has run. */
export async function previewRun(run: StoredRun, deps: PreviewDeps): Promise<readonly StepPreview[]> {
  const leave = deps.active.enter({ id: run.id, pipeline: run.definition, inputs: run.inputs })
  try {
    const plan = new Plan(run, deps)
    await plan.pipeline(run.definition, '', run.inputs, [])
    return plan.steps
  } finally {
    leave()
  }
}

class Plan {
  readonly steps: StepPreview[] = []
  readonly #run: StoredRun
  readonly #deps: PreviewDeps
  #full = false

  constructor(run: StoredRun, deps: PreviewDeps) {
    this.#run = run
    this.#deps = deps
  }

  /** `inputs: undefined`: they are not known yet. */
  async pipeline(part: PipelinePart, at: string, inputs: Json | undefined, around: readonly Held[]): Promise<void> {
    const since = this.#run.createdAt
    const held = [...around, ...part.constitutions.map((constitution) => ({ constitution, at, since }))]
    for (const step of part.steps) {
      const path = at === '' ? step.id : `${at}/${step.id}`
      if (this.steps.length >= MAX_SHOWN) {
        if (!this.#full) this.#add(step, path, { verdict: 'later', reason: MORE })
        this.#full = true
        return
      }
      const own = [...held, { constitution: step.constitution, at: path, since }]
      await this.#step(step, path, inputs === undefined ? undefined : { inputs, steps: {} }, { part, held: own })
    }
  }

  async #step(step: PipelineStep, path: string, scope: Scope | undefined, within: Within): Promise<void> {
    if (step.if !== undefined) {
      const known = this.#fill(step.if, scope)
      if ('value' in known && known.value === false) return this.#add(step, path, { verdict: 'skip' })
    }
    if (!step.forEach) return this.#one(step, path, scope, within)
    const items = this.#fill(step.forEach.items, scope)
    if (!('value' in items)) return items.later ? this.#later(step, path, within) : this.#add(step, path, items.refused)
    const list = Array.isArray(items.value) ? (items.value as readonly Json[]) : []
    if (scope === undefined) return
    for (const [index, item] of list.slice(0, SHOWN_ITEMS).entries()) {
      await this.#one(step, `${path}[${index}]`, { ...scope, item, index }, within)
    }
    const last = this.steps.at(-1)
    if (list.length === 0) this.#add(step, path, { verdict: 'skip', reason: 'its list is empty', times: 0 })
    else if (last && list.length > SHOWN_ITEMS) this.steps[this.steps.length - 1] = { ...last, times: list.length }
  }

  async #one(step: PipelineStep, path: string, scope: Scope | undefined, within: Within): Promise<void> {
    const { parts } = this.#run.definition
    if (step.kind === 'approval')
      return this.#add(step, path, { verdict: 'ask', ...this.#message(step.message, scope) })
    const known = this.#fill(step.kind === 'call' ? step.input : step.inputs, scope)
    if (!('value' in known) && !known.later) return this.#add(step, path, known.refused)
    if (step.kind === 'pipeline') {
      const part = parts[step.pipeline]
      if (!part) return
      const inputs = 'value' in known ? this.#try(() => fitInputs(part, known.value)) : undefined
      if (inputs && !('value' in inputs)) return this.#add(step, path, inputs.refused)
      return this.pipeline(part, path, inputs?.value, within.held)
    }
    if (!('value' in known)) return this.#later(step, path, within)
    const key = keyOf(this.#run.id, path)
    const { release } = this.#deps.skills.hold(key, {
      run: this.#run.id,
      pipeline: within.part.id,
      step: path,
      constitutions: within.held,
    })
    try {
      const actor = actorOf(this.#run)
      const request = { tool: step.tool, input: known.value, actor }
      const outcome = await this.#deps.gate.call(request, { dryRun: true, idempotencyKey: key })
      this.#add(step, path, { ...judged(outcome), input: known.value, ...this.#cost(step.tool, known.value) })
    } finally {
      release()
    }
  }

  #later(step: PipelineStep, path: string, within: Within): Promise<void> | void {
    const part = step.kind === 'pipeline' ? this.#run.definition.parts[step.pipeline] : undefined
    if (part) return this.pipeline(part, path, undefined, within.held)
    this.#add(step, path, {
      verdict: 'later',
      reason: LATER,
      ...(step.kind === 'call' ? this.#cost(step.tool, undefined) : {}),
    })
  }

  #add(step: PipelineStep, path: string, what: Omit<StepPreview, 'path' | 'kind' | 'tool'>): void {
    this.steps.push({ path, kind: step.kind, ...(step.kind === 'call' ? { tool: step.tool } : {}), ...what })
  }

  #message(template: string, scope: Scope | undefined): { readonly reason?: string } {
    const known = this.#fill(template, scope)
    return 'value' in known && typeof known.value === 'string' ? { reason: known.value } : {}
  }

  #fill(template: Json, scope: Scope | undefined): Filled {
    if (scope === undefined) return LATER_FILLED
    const made = this.#try(() => this.#deps.skills.fill(template, scope))
    return 'value' in made || !/\bsteps\b/.test(JSON.stringify(template)) ? made : LATER_FILLED
  }

  #try(make: () => Json): Filled {
    try {
      return { value: make() }
    } catch (thrown) {
      const { message, help } = errorOf(thrown)
      return { later: false, refused: { verdict: 'deny', reason: message, help } }
    }
  }

  #cost(id: string, input: Json | undefined): Pick<StepPreview, 'cost'> {
    const tool = this.#deps.tool(id)
    const categories = Object.keys(tool?.cost ?? {})
    if (!tool || categories.length === 0) return {}
    const costs = categories.map((category) => [
      category,
      (input === undefined ? undefined : costOf(tool, input, category)) ?? 'unknown',
    ])
    return { cost: Object.fromEntries(costs) }
  }
}

interface Within {
  readonly part: PipelinePart
  readonly held: readonly Held[]
}

type Filled =
  | { readonly value: Json }
  | {
      readonly later: boolean
      readonly refused: { readonly verdict: 'deny'; readonly reason: string; readonly help: string }
    }

const LATER_FILLED: Filled = { later: true, refused: { verdict: 'deny', reason: LATER, help: '' } }

function judged(outcome: DryRun | Outcome): Pick<StepPreview, 'verdict' | 'reason' | 'help'> {
  const verdict = outcome.status === 'dry-run' ? outcome.verdict : 'deny'
  const reason = 'reason' in outcome ? outcome.reason : undefined
  const help = 'help' in outcome ? outcome.help : undefined
  return { verdict, ...(reason ? { reason } : {}), ...(help ? { help } : {}) }
}
