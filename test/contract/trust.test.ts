import type { Kernel } from 'cloned/kernel'
import { type TrustChange, trustSlot, trustWrite } from 'cloned/plugins/trust'
import { mustAct, openTestWorkspace, trustSuite } from 'cloned/testing'
import { describe, it } from 'vitest'
import { builtInAndWrapped } from './implementations.js'

const change = (kernel: Kernel, what: TrustChange) => mustAct(kernel, trustWrite, 'test', what)

describe.each(builtInAndWrapped(trustSlot))('the trust contract, kept by %s', (_, composition) => {
  const cases = trustSuite(async () => {
    const { kernel, close } = await openTestWorkspace(composition)
    return {
      trust: kernel.service(trustSlot),
      put: (content) => change(kernel, { op: 'publisher.put', content }),
      revoke: (entry) => change(kernel, { op: 'revoke', entry }),
      close,
    }
  })
  for (const { name, run } of cases) it(name, run)
})
