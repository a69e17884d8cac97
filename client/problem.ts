// Recognizes the two answers that are not a plain result: a problem, and a write that waits for a person.
import type { components } from './schema.js'

/** A problem document (RFC 9457). */
export type Problem = components['schemas']['Problem']

/** What a write answers that a person has to approve. */
export interface Pending {
  readonly status: 'pending'
  readonly approval_id: string
}

export function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'code' in value && 'detail' in value && 'help' in value
}

export function isPending(value: unknown): value is Pending {
  return typeof value === 'object' && value !== null && (value as { status?: unknown }).status === 'pending'
}
