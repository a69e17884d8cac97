// Collects the generated pages of the docs, worded from the code itself, so that they cannot drift from it.
import { commandsPage } from './reference-commands.js'
import { contractsPage } from './reference-contracts.js'
import { errorsPage } from './reference-errors.js'
import { hooksPage } from './reference-hooks.js'
import { limitsPage } from './reference-limits.js'
import { slotsPage } from './reference-slots.js'
import { toolsPage } from './reference-tools.js'

/** Every reference page by its file name. */
export async function referencePages(): Promise<Readonly<Record<string, string>>> {
  return {
    'hooks.md': hooksPage(),
    'slots.md': await slotsPage(),
    'contracts.md': await contractsPage(),
    'errors.md': errorsPage(),
    'commands.md': commandsPage(),
    'tools.md': toolsPage(),
    'limits.md': limitsPage(),
  }
}
