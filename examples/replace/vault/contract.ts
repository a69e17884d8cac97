// Says what the vault replaces and how the suite of vaults gets at one, with real files in a real workspace.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { scrubberSlot } from 'cloned/kernel'
import { vaultSlot } from 'cloned/plugins/vault'
import { workspaceSlot } from 'cloned/plugins/workspace'
import { type Replacement, vaultSuite } from 'cloned/testing'
import acmeVault from './index.js'

const replacement: Replacement = {
  replaces: 'cloned.vault',
  composition: { plugins: [acmeVault], replace: { 'cloned.vault': 'acme.vault' } },
  cases: (open) =>
    vaultSuite(async () => {
      const { kernel, root, close } = await open()
      const file = (name: string) => join(root, '.cloned', 'mounted', name)
      return {
        vault: kernel.service(vaultSlot),
        workspace: kernel.service(workspaceSlot).config.id,
        async put(name, value, scope) {
          const scopes = existsSync(file('scopes.json')) ? JSON.parse(readFileSync(file('scopes.json'), 'utf8')) : {}
          writeFileSync(file('scopes.json'), JSON.stringify({ ...scopes, [name]: scope }), { mode: 0o600 })
          writeFileSync(file(name), value, { mode: 0o600 })
        },
        scrub: (text) => kernel.service(scrubberSlot).text(text, 'test', 'call-1'),
        close,
      }
    }),
}
export default replacement
