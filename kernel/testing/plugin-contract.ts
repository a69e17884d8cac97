// The rules that every plugin keeps, as cases for any test runner; must not ask of a plugin what only built-ins can do.

import type { Distribution, Use } from '../distribution.js'
import type { Json } from '../json.js'
import type { Plugin } from '../plugin.js'
import type { ContractCase } from './case.js'
import { guardRules, lifeRules, secretRules, setupRules } from './plugin-life.js'
import { configRules, manifestRules } from './plugin-manifest.js'

/** Where a plugin lives for one case: what it finds outside of the kernel. */
export interface PluginSetting {
  /** Run-time configuration of the plugin and of those it needs, by plugin id. */
  readonly config?: Readonly<Record<string, Json>>
  dispose?(): Promise<void> | void
}

/** What the contract has to know of a plugin. */
export interface PluginContractOptions {
  /** A configuration that is valid. Leave out when the plugin does without. */
  readonly config?: Json
  /** Configurations that must be refused, each with the place that is named: `[value, '/place']`. */
  readonly badConfigs?: readonly (readonly [value: Json, place: string])[]
  /** The plugins that own what it requires. */
  readonly needs?: readonly (Plugin | Use)[]
  /** More of the distribution, for example who may allow. */
  readonly distribution?: Partial<Omit<Distribution, 'name' | 'version' | 'plugins'>>
  /** Makes a fresh setting for one case. */
  readonly setting?: () => Promise<PluginSetting> | PluginSetting
  /** A secret that stands in `config`; it must not appear in a log line or in the text of an error. */
  readonly canary?: string
}

/**
 * The contract of a plugin: a valid frozen manifest; a setup that is deterministic and uses only what is declared;
 * configuration that is checked; a life that can be ended at any point and leaves nothing behind; guards that vote on
 * whatever they see without throwing or changing it; no secret in what people read.
 */
export function pluginContract(plugin: Plugin, options: PluginContractOptions = {}): readonly ContractCase[] {
  return [
    ...manifestRules(plugin, options),
    ...configRules(plugin, options),
    ...setupRules(plugin, options),
    ...lifeRules(plugin, options),
    ...guardRules(plugin, options),
    ...(options.canary === undefined ? [] : secretRules(plugin, options, options.canary)),
  ]
}
