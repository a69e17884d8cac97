// Defines the governed actions that take a connector out of the sandbox and put it back; every one has an end in time.
import { actionKind, type Executor, fail } from 'cloned/kernel'
import type { Exemptions } from './exemptions.js'

const DAY_MS = 86_400_000
const LONGEST_DAYS = 90

/** The target is the id of the connector. */
export type SandboxOff = { readonly connector: string; readonly reason: string; readonly until: number }
export type SandboxRequired = { readonly connector: string }

/** Runs in the process that decides. */
export const sandboxOff = actionKind<SandboxOff, SandboxOff, 'sandbox.off'>({
  id: 'sandbox.off',
  contract: 1,
  record: 'sandbox',
  onApproval: 'execute',
})
export const sandboxRequired = actionKind<SandboxRequired, SandboxRequired, 'sandbox.required'>({
  id: 'sandbox.required',
  contract: 1,
  record: 'sandbox',
  onApproval: 'execute',
})

/** As packages spell them. */
export const CONNECTOR = /^[a-z][a-z0-9]*(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+$/
export const SHORTEST_REASON = 10

const connector = { type: 'string', pattern: CONNECTOR.source, maxLength: 100, 'x-loggable': true }

export function offExecutor(exemptions: Exemptions, now: () => number): Executor<SandboxOff, SandboxOff> {
  return {
    input: {
      type: 'object',
      properties: {
        connector,
        reason: { type: 'string', minLength: SHORTEST_REASON, maxLength: 500, 'x-loggable': true },
        until: { type: 'integer', minimum: 0, 'x-loggable': true },
      },
      required: ['connector', 'reason', 'until'],
      additionalProperties: false,
    },
    async execute(input, { actor }) {
      // Judged when it runs: it may have waited for a person.
      const days = (input.until - now()) / DAY_MS
      if (days <= 0 || days > LONGEST_DAYS) {
        throw fail(`An exemption ends within ${LONGEST_DAYS} days, and in the future.`, { code: 'SANDBOX_UNTIL' })
      }
      await exemptions.put({ ...input, by: actor.id })
      return input
    },
  }
}

export function requiredExecutor(exemptions: Exemptions): Executor<SandboxRequired, SandboxRequired> {
  return {
    input: { type: 'object', properties: { connector }, required: ['connector'], additionalProperties: false },
    async execute(input) {
      await exemptions.remove(input.connector)
      return input
    },
  }
}
