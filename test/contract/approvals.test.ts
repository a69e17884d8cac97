import { approvalsSuite } from 'cloned/testing'
import { describe, it } from 'vitest'
import { approvalsWorld, EXPIRES_MS } from '../plugins/approvals-fixture.js'

describe('the approvals contract, kept by cloned.approvals', () => {
  const cases = approvalsSuite(async () => {
    const { approvals, levers, close } = await approvalsWorld()
    const advance = (ms: number) => {
      levers.now += ms
    }
    return { approvals, expiresMs: EXPIRES_MS, advance, close }
  })
  for (const { name, run } of cases) it(name, run)
})
