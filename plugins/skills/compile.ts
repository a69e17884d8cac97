// Makes the model of a pipeline out of its document, every default filled in; checks nothing.
import type { JsonObject } from 'cloned/kernel'
import type { SkillsRuntime } from '../package/slot.js'
import type { ConstitutionDocument, PackDocument, PipelineDocument, StepDocument } from './document.js'
import type { Constitution, PipelinePart, PipelineStep, Requirements } from './slot.js'

/** The model of a document that has no problems. */
export function compilePipeline(document: PipelineDocument, pack: PackDocument): PipelinePart {
  const { id, title, description, inputs, steps, allowed_tools, constitution, output } = document
  return {
    id,
    pack: pack.id,
    packVersion: pack.version,
    title,
    description,
    inputs,
    constitutions: [packConstitution(pack), constitutionOf(`pipeline ${id}`, allowed_tools, constitution)],
    requires: requirementsOf(pack, document),
    steps: steps.map((step) => compileStep(step, id)),
    output: output === undefined ? `\${{ steps.${steps.at(-1)?.id}.output }}` : output,
  }
}

export function packConstitution(pack: PackDocument): Constitution {
  return constitutionOf(`pack ${pack.id}`, pack.allowed_tools, pack.constitution)
}

/** What the manifest of its package says of a pack: all that people are shown of what it may do. */
export function runtimeOf({ allowed_tools, requires, constitution }: PackDocument): SkillsRuntime {
  return {
    kind: 'skills',
    allowed_tools,
    connectors: requires?.connectors ?? {},
    ...(constitution === undefined ? {} : { constitution }),
  }
}

/** What all of them need; of two ranges for one connector both count. */
export function requirementsOf(...all: readonly Pick<PackDocument, 'requires'>[]): Requirements {
  const connectors: { [id: string]: string } = {}
  for (const [id, range] of all.flatMap(({ requires }) => Object.entries(requires?.connectors ?? {}))) {
    const before = connectors[id]
    connectors[id] = before === undefined || before === range ? range : bothRanges(before, range)
  }
  return { connectors }
}

/** Semver joins alternatives with `||` and knows no brackets, so every pair is spelled out. */
function bothRanges(one: string, other: string): string {
  return one
    .split('||')
    .flatMap((left) => other.split('||').map((right) => `${left.trim()} ${right.trim()}`))
    .join(' || ')
}

function compileStep(step: StepDocument, pipeline: string): PipelineStep {
  const { id, for_each, retry, timeout_ms, on_denied, tool, approval, input, inputs } = step
  const base = {
    id,
    onDenied: on_denied ?? 'fail',
    constitution: constitutionOf(`step ${id} of ${pipeline}`, step.allowed_tools, step.constitution),
    ...(step.if === undefined ? {} : { if: step.if }),
    ...(timeout_ms === undefined ? {} : { timeoutMs: timeout_ms }),
    ...(for_each === undefined
      ? {}
      : {
          forEach: {
            items: for_each.items,
            concurrency: for_each.concurrency ?? 1,
            maxItems: for_each.max_items ?? 1_000,
          },
        }),
  }
  if (approval) return { ...base, kind: 'approval', message: approval.message, show: approval.show ?? null }
  if (step.pipeline !== undefined) {
    return { ...base, kind: 'pipeline', pipeline: step.pipeline, inputs: inputs ?? ({} as JsonObject) }
  }
  return {
    ...base,
    kind: 'call',
    tool: tool ?? '',
    input: input ?? {},
    ...(retry === undefined
      ? {}
      : {
          retry: {
            maxAttempts: retry.max_attempts,
            backoffMs: retry.backoff_ms ?? 1_000,
            maxBackoffMs: retry.max_backoff_ms ?? 60_000,
          },
        }),
  }
}

function constitutionOf(
  of: string,
  allowedTools: readonly string[] | undefined,
  { capabilities, data_sources, egress, max_cost, max_duration_ms }: ConstitutionDocument = {},
): Constitution {
  return {
    of,
    ...(allowedTools === undefined ? {} : { allowedTools }),
    ...(capabilities === undefined ? {} : { capabilities }),
    ...(data_sources === undefined ? {} : { dataSources: data_sources }),
    ...(egress === undefined ? {} : { egress }),
    ...(max_cost === undefined ? {} : { maxCost: max_cost }),
    ...(max_duration_ms === undefined ? {} : { maxDurationMs: max_duration_ms }),
  }
}
