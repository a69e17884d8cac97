// Decides which plugin settings the environment stands for; plugins never read it themselves.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { ClonedError, type Distribution, type Json, type JsonObject, readYaml } from 'cloned/kernel'
import { FILES, settingsOf } from './settings.js'

/** The plugins that are to be left out: `CLONED_OFF`, ids with commas between them. */
export function environmentOff(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  return (env['CLONED_OFF'] ?? '').split(',').flatMap((id) => (id.trim() === '' ? [] : [id.trim()]))
}

/** Content of the file that `CLONED_CONFIG` names: plugin id → its configuration, whole. Others check what stands in it. */
const CONFIG_FILE: JsonObject = {
  type: 'object',
  propertyNames: { pattern: '^[a-z][a-z0-9]*([.-][a-z0-9]+)+$' },
  additionalProperties: { type: 'object' },
}

/**
 * Configuration for the plugins of the distribution: what `CLONED_CONFIG` says, under the variables of single settings.
 * Throws `FILE_INVALID`.
 */
export function environmentConfig(
  { plugins }: Pick<Distribution, 'plugins'>,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Record<string, Json> {
  const listed = new Set(plugins.map((entry) => ('plugin' in entry ? entry.plugin : entry).manifest.id))
  const file = env['CLONED_CONFIG']
  const config: Record<string, Json> = file ? { ...readConfig(resolve(cwd, file)) } : {}
  for (const plugin of Object.keys(FILES).filter((each) => listed.has(each))) {
    const named = settingsOf(plugin, cwd, env)
    const below = config[plugin] as JsonObject | undefined
    if (Object.keys(named).length > 0) config[plugin] = { ...below, ...named }
  }
  return config
}

function readConfig(path: string): JsonObject {
  if (existsSync(path)) return readYaml(path, CONFIG_FILE) as JsonObject
  throw new ClonedError('FILE_INVALID', { path, line: '', problem: 'CLONED_CONFIG names it, and it is not there' })
}
