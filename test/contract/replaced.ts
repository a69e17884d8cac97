// Holds replacements from tarballs to what the built-in keeps, in a project of somebody else; must never see the sources.
import { realpathSync } from 'node:fs'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type PackedProject, packageOf, packedProject } from './packed-project.js'

/** Every built-in whose contract others can keep. */
export const BUILT_INS = [
  ...['api', 'approvals', 'artifacts', 'audit', 'budgets', 'cli', 'connectors', 'doctor', 'events'],
  ...['firewall', 'pairing', 'policy', 'registry', 'runs', 'skills', 'store', 'trust', 'vault'],
]

/** What `test/fixtures/replaced.ts` prints. */
interface Found {
  readonly from: readonly string[]
  readonly plugins: readonly string[]
  readonly contract: readonly string[]
  readonly walk: string
}

/** What `plugins verify --json` prints. */
interface Verified {
  readonly rules: readonly { readonly name: string; readonly problem?: string }[]
}

/** Registers a test for each of the named built-ins: the quickstart walks on its replacement, which keeps its contract. */
export function replacedFromTarballs(names: readonly string[]): void {
  let project: PackedProject
  beforeAll(async () => {
    project = await packedProject()
  }, 300_000)
  afterAll(() => project?.remove())

  it.concurrent.each(names)(
    'replaced by a package from a tarball: %s: the quickstart goes through, and its contract holds',
    async (name) => {
      const found = (await project.run('replaced', packageOf(name))) as Found
      const installed = realpathSync(project.directory) + sep
      expect(found.from.filter((url) => !fileURLToPath(url).startsWith(installed))).toEqual([])
      expect(found).toMatchObject({ replaces: `cloned.${name}`, problems: [] })
      expect(found.plugins).not.toContain(`cloned.${name}`)
      expect(found, found.walk).toMatchObject({ exit: 0 })

      const { rules } = (await project.cloned('plugins', 'verify', packageOf(name), '--json')) as Verified
      expect(rules.filter(({ problem }) => problem !== undefined)).toEqual([])
      expect(found.contract.length).toBeGreaterThan(0)
      expect(rules.map((rule) => rule.name)).toEqual(expect.arrayContaining([...found.contract]))
    },
    600_000,
  )
}
