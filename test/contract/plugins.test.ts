import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace } from 'cloned'
import { type Json, type Plugin, plan } from 'cloned/kernel'
import { type PluginContractOptions, type PluginSetting, pluginContract } from 'cloned/testing'
import { describe, expect, it } from 'vitest'
import { builtIns } from '../../plugins/default.js'

/** What the built-in plugins are told, each with what it must refuse. */
const CONFIGS: Readonly<Record<string, Pick<PluginContractOptions, 'config' | 'badConfigs'>>> = {
  'cloned.api': {
    badConfigs: [
      [{ per_minute: 0 }, '/per_minute'],
      [{ stalled_s: 0 }, '/stalled_s'],
    ],
  },
  'cloned.audit': {
    badConfigs: [
      [{ thread: 'none' }, '/thread'],
      [{ rotate: { max_mib: 0 } }, '/rotate/max_mib'],
      [{ anchors: [{ id: 'a b', type: 'file' }] }, '/anchors/0/id'],
    ],
  },
  'cloned.connectors': {
    badConfigs: [
      [{ idleMs: 0 }, '/idleMs'],
      [{ secrets: { 'acme.x': { token: 7 } } }, '/secrets/acme.x/token'],
    ],
  },
  'cloned.approvals-command': {
    badConfigs: [
      [{ program: 'notify-send' }, '/program'],
      [{ timeoutMs: 60_000 }, '/timeoutMs'],
    ],
  },
  'cloned.egress-proxy': {
    badConfigs: [
      [{ connections: 0 }, '/connections'],
      [{ idleMs: 'long' }, '/idleMs'],
      [{ totalMs: 0.5 }, '/totalMs'],
    ],
  },
  'cloned.artifacts': {
    badConfigs: [
      [{ maxBytes: 0 }, '/maxBytes'],
      [{ maxBytes: '1 GB' }, '/maxBytes'],
    ],
  },
  'cloned.events': {
    badConfigs: [
      [{ keep: 1 }, '/keep'],
      [{ keep_days: 0 }, '/keep_days'],
      [{ heartbeat_s: 0.5 }, '/heartbeat_s'],
    ],
  },
  'cloned.webhooks': { badConfigs: [[{ patienceMs: -1 }, '/patienceMs']] },
  'cloned.keys': {
    badConfigs: [
      [{ home: '' }, '/home'],
      [{ home: 7 }, '/home'],
    ],
  },
  'cloned.mcp': {
    badConfigs: [
      [{ pipelines: 'all' }, '/pipelines'],
      [{ holdMs: 0 }, '/holdMs'],
    ],
  },
  'cloned.mcp-upstream': {
    badConfigs: [
      [{ idleMs: 0 }, '/idleMs'],
      [{ resultBytes: 'all' }, '/resultBytes'],
    ],
  },
  'cloned.registry': {
    badConfigs: [
      [{ catalogs: 'here' }, '/catalogs'],
      [{ catalogs: [''] }, '/catalogs/0'],
    ],
  },
  'cloned.runs': {
    badConfigs: [
      [{ patienceMs: -1 }, '/patienceMs'],
      [{ patienceMs: 0.5 }, '/patienceMs'],
    ],
  },
  'cloned.scrub': {
    badConfigs: [[{ onHit: 'ignore' }, '/onHit']],
  },
  'cloned.vault': {
    badConfigs: [[{ plaintextLoopback: 'yes' }, '/plaintextLoopback']],
  },
  'cloned.mcp-clients': {
    badConfigs: [
      [{ program: [] }, '/program'],
      [{ home: '' }, '/home'],
    ],
  },
  'cloned.vault-file': {
    badConfigs: [
      [{ passphraseFile: '' }, '/passphraseFile'],
      [{ identityFile: 7 }, '/identityFile'],
    ],
  },
  'cloned.workspace': {
    badConfigs: [
      [{ root: 7 }, '/root'],
      [{ root: '' }, '/root'],
    ],
  },
}

function setting(): PluginSetting {
  const root = mkdtempSync(join(tmpdir(), 'cloned-contract-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const config: Record<string, Json> = { 'cloned.workspace': { root } }
  return { config, dispose: () => rmSync(root, { recursive: true, force: true }) }
}

/** The built-in plugins without this one; they own what it requires. */
function rest(plugin: Plugin): readonly Plugin[] {
  return builtIns.filter((other) => other !== plugin)
}

describe.each(builtIns.map((plugin) => [plugin.manifest.id, plugin] as const))('%s', (id, plugin) => {
  const rules = pluginContract(plugin, {
    needs: rest(plugin),
    setting,
    distribution: { mayAllow: ['cloned.policy'] },
    ...CONFIGS[id],
  })
  it.each(rules.map((rule) => [rule.name, rule] as const))('%s', (_, rule) => rule.run())
})

it('every built-in plugin that takes a configuration has one here that it refuses', () => {
  const configured = builtIns.filter((plugin) => plugin.config !== undefined).map(({ manifest }) => manifest.id)
  expect(Object.keys(CONFIGS).sort()).toEqual([...configured].sort())
  expect(plan({ name: 'all', version: '1.0.0', plugins: builtIns }).problems).toEqual([])
})
