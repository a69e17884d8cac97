// Words what a skill pack holds itself to, one list for each kind of limit; a limit that is not there reads as `any`.
import type { SkillsRuntime } from '../package/slot.js'

/** What the calls of the pack are limited to, by what is limited. No list is empty. */
export type PackLimits = Readonly<Record<'capabilities' | 'files' | 'hosts' | 'cost' | 'duration', readonly string[]>>

export function packLimits({ constitution = {} }: SkillsRuntime): PackLimits {
  const { capabilities, data_sources, egress, max_cost, max_duration_ms } = constitution
  return {
    capabilities: limit(capabilities),
    files: limit(data_sources),
    hosts: limit(egress),
    cost: upTo(Object.entries(max_cost ?? {}).map(([category, most]) => `${category} up to ${most}`)),
    duration: upTo(max_duration_ms === undefined ? [] : [`up to ${max_duration_ms} ms`]),
  }
}

function limit(texts: readonly string[] | undefined): readonly string[] {
  if (texts === undefined) return ['any']
  return texts.length === 0 ? ['none'] : texts
}

/** What is not measured is not limited. */
function upTo(texts: readonly string[]): readonly string[] {
  return limit(texts.length === 0 ? undefined : texts)
}
