// Judges the steps of a run that has not been started; writes, opens and records nothing.
import type { DryRun, Gate, Outcome } from 'cloned/kernel'
import type { Skills } from '../skills/slot.js'
import { type ActiveRuns, actorOf } from './active.js'
import type { StepPreview } from './slot.js'
import { inputOf } from './step.js'
import type { StoredRun } from './tables.js'

/** Judges every step whose input does not depend on an earlier step's answer. */
export async function previewRun(
  run: StoredRun,
  { gate, skills, active }: { readonly gate: Gate; readonly skills: Skills; readonly active: ActiveRuns },
): Promise<readonly StepPreview[]> {
  const { leave } = active.enter({ id: run.id, pipeline: run.definition, inputs: run.inputs })
  try {
    const steps: StepPreview[] = []
    for (const [index, { id, tool }] of run.steps.entries()) {
      const made = inputOf(run, index, skills)
      if ('error' in made) {
        const later = usesSteps(run.definition.steps[index]?.input)
        const why = { reason: made.error.message, help: made.error.help }
        steps.push({ id, tool, ...(later ? { verdict: 'later', reason: LATER } : { verdict: 'deny', ...why }) })
        continue
      }
      const actor = { id: actorOf(run.id), claimed: false }
      steps.push({ id, tool, ...judged(await gate.explain({ tool, input: made.input, actor })) })
    }
    return steps
  } finally {
    leave()
  }
}

const LATER = 'its input is made from the answers of earlier steps'

function usesSteps(template: unknown): boolean {
  return /\$\{\{\s*steps\./.test(JSON.stringify(template ?? null))
}

function judged(outcome: DryRun | Outcome): Omit<StepPreview, 'id' | 'tool'> {
  const verdict = outcome.status === 'dry-run' ? outcome.verdict : 'deny'
  const reason = 'reason' in outcome ? outcome.reason : undefined
  const help = 'help' in outcome ? outcome.help : undefined
  return { verdict, ...(reason ? { reason } : {}), ...(help ? { help } : {}) }
}
