// Finds the plugins that a package exports; it sets up none of them.
import { ClonedError, type Plugin } from 'cloned/kernel'

/**
 * The default export when it is a plugin, as a package of one plugin has it; else every exported plugin, by name.
 * Throws `BUILD_PACKAGE` when there is none.
 */
export function exportedPlugins(exported: Readonly<Record<string, unknown>>, packageName: string): readonly Plugin[] {
  const whole = exported['default']
  if (isPlugin(whole)) return [whole]
  const found = Object.keys(exported)
    .sort()
    .map((name) => exported[name])
    .filter(isPlugin)
  if (found.length > 0) return found
  throw new ClonedError('BUILD_PACKAGE', { package: packageName })
}

function isPlugin(value: unknown): value is Plugin {
  return typeof value === 'object' && value !== null && (value as Plugin).tag === 'cloned.plugin'
}
