// Decides the configuration of every plugin and checks it against the plugin's schema; must never start half-checked.
import { type Distribution, pluginOf, type Use } from './distribution.js'
import { ClonedError, describeThrown } from './errors.js'
import { type Json, snapshot } from './json.js'
import { didYouMean, nearest } from './nearest.js'
import type { Plugin } from './plugin.js'
import { compileSchema } from './schema.js'

interface Input {
  readonly distribution: Distribution
  readonly plugins: readonly Plugin[]
  readonly listed: ReadonlyMap<string, Plugin>
  readonly config: Readonly<Record<string, Json>>
  readonly problems: ClonedError[]
}

/** Configuration by plugin id: defaults of the schema, under `use()`, under the run-time configuration; frozen. */
export function planConfigs({ distribution, plugins, listed, config, problems }: Input): Map<string, Json | undefined> {
  for (const id of Object.keys(config)) {
    if (!listed.has(id))
      problems.push(
        new ClonedError('CONFIG_UNKNOWN', {
          plugin: id,
          known: nearest(id, listed.keys()) ?? [...listed.keys()].join(', '),
        }),
      )
  }
  const used = new Map<string, Json>()
  for (const entry of distribution.plugins) {
    const plugin = pluginOf(entry)
    if (plugin?.manifest && plugin !== entry) used.set(plugin.manifest.id, (entry as Use).config)
  }

  const configs = new Map<string, Json | undefined>()
  for (const plugin of plugins) {
    const { id } = plugin.manifest
    const given = Object.hasOwn(config, id)
      ? { value: config[id], where: 'the run-time configuration' }
      : { value: used.get(id), where: 'use() in the distribution' }
    const found = check(plugin, given.value)
    if (found.problems.length > 0) {
      problems.push(
        new ClonedError('CONFIG_INVALID', { plugin: id, problems: found.problems.join('; '), where: given.where }),
      )
    }
    configs.set(id, found.value)
  }
  return configs
}

function check(plugin: Plugin, given: Json | undefined): { value: Json | undefined; problems: readonly string[] } {
  if (!plugin.config) return { value: undefined, problems: given === undefined ? [] : ['it takes no configuration'] }
  try {
    const value = structuredClone(snapshot(given ?? {})) as Json
    const problems = compileSchema(plugin.config.schema, { defaults: true })(value)
    const known = Object.keys((plugin.config.schema['properties'] ?? {}) as object)
    return {
      value: snapshot(value),
      problems: problems.map(({ path, message }) => {
        const typo = message === 'is not a known key'
        return `${path} ${message}${typo ? didYouMean(path.slice(path.lastIndexOf('/') + 1), known) : ''}`
      }),
    }
  } catch (error) {
    return { value: undefined, problems: [describeThrown(error)] }
  }
}
