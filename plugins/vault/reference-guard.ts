// Votes against tool calls whose input holds a reference to a secret; it must never look one up.
import { ClonedError, type Deny, deny, type Json, type ToolCall } from 'cloned/kernel'
import { REFERENCE } from './template.js'

/** Denies `${vault:` anywhere in the input, keys included: no agent has a use for it but to reach a secret. */
export function refuseReferences({ input, target }: ToolCall): Deny | undefined {
  const pointer = find(input)
  if (pointer === undefined) return undefined
  const error = new ClonedError('SECRET_REFERENCE', { tool: target, pointer: pointer || '/' })
  return deny(error.message, { code: error.code, help: error.help })
}

function find(value: Json): string | undefined {
  if (typeof value === 'string') return value.includes(REFERENCE) ? '' : undefined
  if (typeof value !== 'object' || value === null) return undefined
  for (const key in value) {
    if (key.includes(REFERENCE)) return ''
    const below = find((value as { readonly [key: string]: Json })[key] ?? null)
    if (below !== undefined) return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}${below}`
  }
  return undefined
}
