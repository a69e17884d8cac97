// The rules of a plugin's manifest and configuration, as cases; runs no code of the plugin.
import assert from 'node:assert/strict'
import { valid, validRange } from 'semver'
import { type Distribution, defineDistribution } from '../distribution.js'
import type { Json } from '../json.js'
import { plan } from '../plan.js'
import { PLUGIN_ID, type Plugin } from '../plugin.js'
import type { ContractCase } from './case.js'
import type { PluginContractOptions } from './plugin-contract.js'

/** The distribution of a plugin under test: what it needs, and itself with this configuration. */
export function distributionOf(plugin: Plugin, options: PluginContractOptions, config = options.config): Distribution {
  const entry = config === undefined ? plugin : { plugin, config }
  const plugins = [...(options.needs ?? []), entry]
  return defineDistribution({ name: 'contract', version: '1.0.0', mayAllow: [], ...options.distribution, plugins })
}

export function manifestRules(plugin: Plugin, options: PluginContractOptions): ContractCase[] {
  const { manifest } = plugin
  return [
    rule('its manifest names it, its version and its kernel', () => {
      assert.match(manifest.id, PLUGIN_ID)
      assert.ok(valid(manifest.version), `version ${manifest.version}`)
      assert.ok(validRange(manifest.kernel), `kernel ${manifest.kernel}`)
      assert.ok(['experimental', 'beta', 'stable', 'deprecated'].includes(manifest.stability))
    }),
    rule('its manifest cannot be changed', () => {
      for (const part of [plugin, manifest, ...Object.values(manifest)]) assert.ok(Object.isFrozen(part))
    }),
    rule('it declares nothing twice', () => {
      for (const [field, value] of Object.entries(manifest)) {
        if (typeof value !== 'object') continue
        const ids = Object.values(value).map((token) => (typeof token === 'string' ? token : idOf(token)))
        assert.equal(new Set(ids).size, ids.length, `${field}: ${ids.join(', ')}`)
      }
    }),
    rule('it plans without a problem, the same every time', () => {
      const distribution = distributionOf(plugin, options)
      assert.deepEqual(plan(distribution).problems, [])
      assert.deepEqual(plan(distribution), plan(distribution))
    }),
  ]
}

export function configRules(plugin: Plugin, options: PluginContractOptions): ContractCase[] {
  const { id } = plugin.manifest
  const problems = (config: Json) =>
    plan(distributionOf(plugin, options, config))
      .problems.filter(({ code, params }) => code === 'CONFIG_INVALID' && 'plugin' in params && params.plugin === id)
      .map(({ message }) => message)
  const unknown: Json = { ...((options.config ?? {}) as object), 'no-such-key-0': true }
  if (!plugin.config) {
    return [rule('it refuses a configuration, as it takes none', () => assert.equal(problems({ a: 1 }).length, 1))]
  }
  return [
    rule('it refuses an unknown key and names it', () => assert.match(problems(unknown).join(), /no-such-key-0/)),
    rule('it refuses a configuration that is no object', () => {
      for (const config of [[], 'text', 1, true]) assert.equal(problems(config).length, 1, JSON.stringify(config))
    }),
    ...(options.badConfigs ?? []).map(([config, place]) =>
      rule(`it refuses the configuration ${JSON.stringify(config)} at ${place}`, () => {
        const [message = 'nothing was refused'] = problems(config)
        assert.ok(message.includes(`${place} `), message)
      }),
    ),
  ]
}

function rule(name: string, check: () => void): ContractCase {
  return { name, run: async () => check() }
}

function idOf(token: unknown): string {
  const { id, slot } = token as { id?: string; slot?: { id: string } }
  return id ?? slot?.id ?? ''
}
