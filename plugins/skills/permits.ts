// Answers whether one constitution permits a tool, a capability, a path or a host; what it does not list it does not permit.
import { lstatSync, realpathSync } from 'node:fs'
import { isAbsolute, join, posix, relative, sep } from 'node:path'
import type { JsonObject } from 'cloned/kernel'
import type { Constitution } from './slot.js'

export function toolAllowed({ allowedTools }: Constitution, tool: string): boolean {
  return allowedTools === undefined || allowedTools.includes(tool)
}

export function capabilityAllowed({ capabilities }: Constitution, capability: string): boolean {
  return (
    capabilities === undefined ||
    capabilities.some((known) =>
      known.endsWith('.*') ? capability.startsWith(known.slice(0, -1)) : capability === known,
    )
  )
}

/** `url` as a check of egress names it. */
export function egressAllowed({ egress }: Constitution, url: string): boolean {
  if (egress === undefined) return true
  const host = URL.canParse(url) ? new URL(url).hostname.replace(/\.$/, '') : undefined
  return (
    host !== undefined &&
    egress.some((known) => (known.startsWith('*.') ? host.endsWith(known.slice(1)) : host === known))
  )
}

/** Whether every path that the input of a file tool names is in a data source; a tool that names none is not permitted. */
export function sourcesAllowed(
  { dataSources }: Constitution,
  { capability, input, root }: { readonly capability: string; readonly input: unknown; readonly root: string },
): boolean {
  if (dataSources === undefined || !capability.startsWith('fs.')) return true
  const { path } = input as JsonObject
  if (typeof path !== 'string') return false
  const named = posix.normalize(path).replace(/(?<=.)\/$/, '')
  // A symlink inside the workspace leads where it leads, whatever it is called.
  return [named, realOf(root, named)].every((place) => dataSources.some((source) => within(place, source)))
}

function within(path: string, source: string): boolean {
  if (path === '..' || path.startsWith('../') || path.startsWith('/')) return false
  return source === '.' || path === source || path.startsWith(`${source}/`)
}

/** The path without symlinks, relative to the workspace; of what is not there yet, where it would be made. */
function realOf(root: string, path: string): string {
  const missing: string[] = []
  for (let at = path; ; at = posix.dirname(at)) {
    try {
      const found = relative(realpathSync(root), realpathSync(join(root, at)))
      return isAbsolute(found) ? '..' : posix.join(found.split(sep).join('/'), ...missing)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
      // A symlink that leads to nothing, which whoever writes through it makes.
      if (lstatSync(join(root, at), { throwIfNoEntry: false }) || posix.dirname(at) === at) return '..'
      missing.unshift(posix.basename(at))
    }
  }
}
