// Decides in which workspace a command works and whether it has to be there; a command that needs none must not wait for one.
import { resolve } from 'node:path'
import { ClonedError, type Distribution, type Json, type Kernel } from 'cloned/kernel'
import { asClonedError } from './report.js'
import type { Command } from './slot.js'

const WORKSPACE = 'cloned.workspace'

/**
 * The configuration for `createKernel` that says which workspace is meant. `named` is the directory of `--workspace`. Without
 * it the workspace plugin looks from the process's current directory upward; a host that says another `cwd` means that
 * directory. Throws `CONFIG_UNKNOWN` for a distribution that has no workspaces.
 */
export function workspaceConfig(
  { plugins }: Distribution,
  cwd: string,
  named: string | undefined,
): Record<string, Json> {
  if (named === undefined && cwd === process.cwd()) return {}
  const listed = plugins.some((entry) => ('plugin' in entry ? entry.plugin : entry).manifest.id === WORKSPACE)
  if (listed) return { [WORKSPACE]: { root: resolve(cwd, named ?? '.') } }
  if (named === undefined) return {}
  throw new ClonedError('CONFIG_UNKNOWN', { plugin: WORKSPACE, known: 'none that has a workspace' })
}

/** Starts the kernel for a command that needs it. What kept it from starting is answered where the command copes, else thrown. */
export async function startFor(
  kernel: Pick<Kernel, 'start'>,
  { name, needs }: Pick<Command, 'name' | 'needs'>,
): Promise<ClonedError | undefined> {
  if (needs === 'nothing') return undefined
  try {
    await kernel.start()
    return undefined
  } catch (thrown) {
    const error = asClonedError(thrown, name, false)
    if (needs === 'workspace') throw error
    return error
  }
}
