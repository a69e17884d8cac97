// Makes the cases that a package has to pass: the contract of its plugin, and that of what it replaces; runs none of them.
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { builtIns, initWorkspace } from 'cloned'
import { createKernel, type Json, type Plugin, plan, pluginOf } from 'cloned/kernel'
import { type ContractCase, type PluginSetting, pluginContract, type Replacement } from 'cloned/testing'
import { type Surroundings, surroundings } from './compose.js'
import type { Wish } from './report.js'

interface Subject {
  readonly plugin: Plugin
  readonly others: readonly Plugin[]
  /** What the package says that it replaces. */
  readonly replacement: Replacement | undefined
  readonly wish: Wish
}

/** What one plugin of the package is tried with. */
export interface Trial {
  readonly cases: readonly ContractCase[]
  /** One life of everything around the plugin, after which what that leaves in the process is there. */
  warmUp(): Promise<void>
}

export function trialOf({ plugin, others, replacement, wish }: Subject): Trial {
  const least = surroundings(plugin, { builtIns, others })
  // A plugin that cannot stand alone among the few says in its package how it stands among all.
  const { needs, distribution } = replacement && !plans(plugin, least) ? inPlace(plugin, replacement) : least
  const config = plugin.config && wish.config !== undefined ? (JSON.parse(wish.config) as Json) : undefined
  const canary = secretIn(plugin, config)
  const open = () => setting(wish.directory, needs)
  return {
    cases: pluginContract(plugin, {
      needs,
      distribution,
      setting: open,
      ...(config === undefined ? {} : { config }),
      ...(canary === undefined ? {} : { canary }),
    }),
    async warmUp() {
      const { config: places = {}, dispose } = open()
      const plugins = needs.filter((one) => builtIns.includes(one))
      // What cannot live without the plugin: the rules say so.
      await live(plugins, places).catch(() => undefined)
      await dispose?.()
    },
  }
}

async function live(plugins: readonly Plugin[], config: Readonly<Record<string, Json>>): Promise<void> {
  const kernel = createKernel({ name: 'warm-up', version: '1.0.0', plugins, mayAllow: [] }, { config })
  await kernel.start()
  await kernel.stop()
}

function plans(plugin: Plugin, { needs, distribution }: Surroundings): boolean {
  const plugins = [...needs, plugin]
  return plan({ name: 'least', version: '1.0.0', plugins, mayAllow: [], ...distribution }).problems.length === 0
}

function inPlace(plugin: Plugin, { composition }: Replacement): Surroundings {
  const { plugins = [], replace = {}, wrap = {}, omit = [] } = composition
  const added = plugins.flatMap((entry) => pluginOf(entry) ?? [])
  return {
    needs: [...builtIns, ...added.filter(({ manifest }) => manifest.id !== plugin.manifest.id)],
    distribution: { replace, wrap, omit },
  }
}

/** The value of a property that the schema calls `writeOnly`: nobody may read it anywhere. */
function secretIn(plugin: Plugin, config: Json | undefined): string | undefined {
  const properties = (plugin.config?.schema['properties'] ?? {}) as Record<string, { readonly writeOnly?: boolean }>
  const name = Object.keys(properties).find((key) => properties[key]?.writeOnly === true)
  const value = name === undefined ? undefined : (config as Record<string, unknown> | undefined)?.[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A fresh workspace with its keys beside it, for those of the built-ins that want one. */
function setting(directory: string, plugins: readonly Plugin[]): PluginSetting {
  const at = mkdtempSync(join(directory, 'setting-'))
  const { root } = initWorkspace(join(at, 'work'), { type: 'personal', now: Date.now })
  const places = { 'cloned.workspace': { root }, 'cloned.keys': { home: join(at, 'home') } }
  const present = new Set(plugins.map(({ manifest }) => manifest.id))
  const config = Object.fromEntries(Object.entries(places).filter(([id]) => present.has(id)))
  return { config, dispose: () => rmSync(at, { recursive: true, force: true }) }
}
