import { approvalsSlot } from 'cloned/kernel'
import { approvalsSubject, approvalsSuite, openTestWorkspace } from 'cloned/testing'
import { describe, it } from 'vitest'
import { approvalsWorld, EXPIRES_MS } from '../plugins/approvals-fixture.js'
import { wrapped } from './implementations.js'
import { memoryApprovals } from './memory-approvals.js'

/** A thread for each of the many logs would take longer than all the cases. */
const INLINE = { 'cloned.audit': { thread: 'inline' } }

describe('the approvals contract, kept by cloned.approvals', () => {
  const cases = approvalsSuite(async () => {
    const { approvals, audit, decided, levers, another, close } = await approvalsWorld()
    const advance = (ms: number) => {
      levers.now += ms
    }
    return { approvals, audit, heard: decided, expiresMs: EXPIRES_MS, beside: another, advance, close }
  })
  for (const { name, run } of cases) it(name, run)
})

describe('the approvals contract, kept by approvals in memory', () => {
  const cases = approvalsSuite(async () => {
    let now = 1_800_000_000_000
    const advance = (ms: number) => {
      now += ms
    }
    return { approvals: memoryApprovals(() => now, EXPIRES_MS), expiresMs: EXPIRES_MS, advance, close: async () => {} }
  })
  for (const { name, run } of cases) it(name, run)
})

describe('the approvals contract, kept by cloned.approvals, wrapped', () => {
  const cases = approvalsSuite(() =>
    approvalsSubject(({ plugins = [], ...options } = {}) => {
      const composition = wrapped(approvalsSlot)
      const listed = [...(composition.plugins ?? []), ...plugins]
      return openTestWorkspace({ ...composition, ...options, plugins: listed, config: INLINE })
    }),
  )
  for (const { name, run } of cases) it(name, run)
})
