// Says what a package exports that replaces a built-in plugin, and runs its contract; must never look into the package.
import type { Composition } from 'cloned'
import type { RunOptions } from 'cloned/plugins/cli'
import type { ContractCase } from 'cloned/testing'
import { openTestWorkspace, type TestWorkspace, type TestWorkspaceOptions } from './testing-workspace.js'

/**
 * Opens a fresh workspace in which the replacement stands in the place of the built-in, with more plugins if the suite
 * brings any. Close it.
 */
export type OpenReplaced = (options?: Omit<TestWorkspaceOptions, 'cli'>) => Promise<TestWorkspace>

/** How a package replaces one built-in plugin: the default export of its entry point `./contract`. */
export interface Replacement {
  /** Id of the built-in plugin: `cloned.audit`. */
  readonly replaces: string
  /** What makes the default distribution one with the replacement in it. */
  readonly composition: Composition
  /** The suite of the slot from `cloned/testing`, each case on an instance in a fresh workspace of `open`. */
  cases(open: OpenReplaced): readonly ContractCase[]
  /** What runs a command line, when the command line is what is replaced. */
  readonly cli?: (options: RunOptions) => Promise<number>
}

/** The contract of what a package replaces, to be run by any test runner. */
export function replacementCases({ composition, cli, cases }: Replacement): readonly ContractCase[] {
  return cases(({ plugins = [], ...options } = {}) =>
    openTestWorkspace({
      ...composition,
      ...options,
      plugins: [...(composition.plugins ?? []), ...plugins],
      ...(cli ? { cli } : {}),
    }),
  )
}
