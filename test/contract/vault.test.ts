import { scrubberSlot } from 'cloned/kernel'
import { vaultSlot } from 'cloned/plugins/vault'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { approved, openTestWorkspace, vaultSuite } from 'cloned/testing'
import { describe, expect, it } from 'vitest'
import { builtInAndWrapped } from './implementations.js'

describe.each(builtInAndWrapped(vaultSlot))('the vault contract, kept by %s', (_, composition) => {
  const cases = vaultSuite(async () => {
    const { kernel, close } = await openTestWorkspace(composition)
    const vault = kernel.service(vaultSlot)
    return {
      vault,
      workspace: kernel.service(workspaceSlot).config.id,
      async put(name, value, scope) {
        const outcome = await approved(kernel, await vault.put(name, Buffer.from(value), scope))
        expect(outcome).toMatchObject({ status: 'done' })
      },
      approve: (outcome) => approved(kernel, outcome),
      scrub: (text) => kernel.service(scrubberSlot).text(text, 'test', 'call-1'),
      close,
    }
  })
  for (const { name, run } of cases) it(name, run)
})
