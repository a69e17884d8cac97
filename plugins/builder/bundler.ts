// Loads the bundler when something is built, the project's before any other; nobody else needs it installed.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ClonedError } from 'cloned/kernel'

export type Bundler = typeof import('esbuild')

/** Throws `BUILDER_MISSING`. */
export async function loadBundler(project: string): Promise<Bundler> {
  for (const from of [join(project, 'package.json'), import.meta.url]) {
    const path = resolved(from)
    if (path === undefined) continue
    const module = (await import(pathToFileURL(path).href)) as Bundler & { readonly default?: Bundler }
    return module.default ?? module
  }
  throw new ClonedError('BUILDER_MISSING', {})
}

function resolved(from: string): string | undefined {
  try {
    return createRequire(from).resolve('esbuild')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}
