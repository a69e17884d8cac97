// Finds what something leads to in a bundle; must never leave out what could run, nor keep what only unused modules load.
import type { Metafile } from 'esbuild'

type Outputs = Metafile['outputs']

/**
 * The outputs that lead from these to anything, with their maps. The bundler drops a module that nobody uses, and yet keeps
 * what such a module would have loaded when it is wanted.
 */
export function reached(outputs: Outputs, from: readonly string[]): Outputs {
  const found = new Set(from.filter((path) => Object.hasOwn(outputs, path)))
  for (const path of found)
    for (const { path: next, external } of outputs[path]?.imports ?? []) if (!external) found.add(next)
  return Object.fromEntries(Object.entries(outputs).filter(([path]) => found.has(path.replace(/\.map$/, ''))))
}

/** The modules that were read on the way to these outputs. */
export function readFor(inputs: Metafile['inputs'], outputs: Outputs): ReadonlySet<string> {
  const entries = new Set(Object.values(outputs).flatMap(({ entryPoint }) => entryPoint ?? []))
  const found = new Set(entries)
  for (const path of found)
    for (const { path: next, kind, external } of inputs[path]?.imports ?? [])
      if (!external && (kind !== 'dynamic-import' || entries.has(next))) found.add(next)
  return found
}
