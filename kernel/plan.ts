// Decides order, owners and hook table of a distribution; pure, reports every problem, and must never run plugin code.
import satisfies from 'semver/functions/satisfies.js'
import valid from 'semver/functions/valid.js'
import validRange from 'semver/ranges/valid.js'
import { type Distribution, POLICY_SLOT_ID, pluginOf } from './distribution.js'
import { ClonedError } from './errors.js'
import { order } from './graph.js'
import type { Hook } from './hooks.js'
import { deepFreeze, type Json } from './json.js'
import { nearest } from './nearest.js'
import { findCollections } from './plan-collections.js'
import { planConfigs } from './plan-config.js'
import { planHooks } from './plan-hooks.js'
import { findLayers, type Layers } from './plan-layers.js'
import { manifestProblems } from './plan-manifest.js'
import { checkDistribution } from './plan-shape.js'
import { checkNames, checkNeeds, findOwners, unloadReplaced } from './plan-slots.js'
import { findWarnings } from './plan-warnings.js'
import { PLUGIN_ID, type Plugin, type Stability, tokensOf } from './plugin.js'
import { type Collection, requirement } from './token.js'
import { KERNEL_VERSION } from './version.js'

/** One plugin of a plan, as data. */
export interface PlannedPlugin {
  readonly id: string
  readonly version: string
  readonly stability: Stability
  readonly description: string
  readonly requires: readonly string[]
  readonly provides: readonly string[]
  readonly wraps: readonly string[]
  readonly contributes: readonly string[]
  readonly owns: readonly string[]
  readonly taps: readonly string[]
  readonly fires: readonly string[]
  readonly executes: readonly string[]
  readonly toolPrefixes: readonly string[]
  /** Slot, collection, hook or kind of action → the contract of it that this plugin was built for. */
  readonly contracts: Readonly<Record<string, number>>
}

/** What a distribution is made of. Data only, safe to print. */
export interface PlanReport {
  readonly distribution: { readonly name: string; readonly version: string }
  readonly kernel: string
  /** In the order of setup and start. */
  readonly plugins: readonly PlannedPlugin[]
  /** Slot id → plugin id. */
  readonly owners: Readonly<Record<string, string>>
  /** Slot id → ids of the plugins that wrap it, innermost first. */
  readonly wraps: Readonly<Record<string, readonly string[]>>
  /** Collection id → plugin id of its owner; a collection without an owner is not read by anybody. */
  readonly collections: Readonly<Record<string, string>>
  /** Hook id → plugin ids in order. */
  readonly hooks: Readonly<Record<string, readonly string[]>>
  /** Hook id → plugin ids whose guard must vote. */
  readonly requiredGuards: Readonly<Record<string, readonly string[]>>
  /** Plugin ids whose allow counts. */
  readonly mayAllow: readonly string[]
  /** Every problem; a plan with problems does not boot. */
  readonly problems: readonly ClonedError[]
  /** What works today and will not for ever. The kernel logs each once. */
  readonly warnings: readonly ClonedError[]
}

/** A plan with the code it was made from, for the kernel. */
export interface BootPlan {
  readonly report: PlanReport
  readonly plugins: readonly Plugin[]
  readonly configs: ReadonlyMap<string, Json | undefined>
  /** Hook id → the token that it is fired by. */
  readonly hooks: ReadonlyMap<string, Hook>
  /** Collection id → the token that it is read by. */
  readonly readers: ReadonlyMap<string, Collection<unknown>>
}

/**
 * Plans a distribution. Never throws for what a distribution or a manifest says: it is in `problems`, all of it.
 * `config` holds run-time configuration by plugin id and wins over what the distribution says with `use()`; `off` names
 * plugins to leave out besides those that the distribution does.
 */
export function plan(
  distribution: Distribution,
  config: Readonly<Record<string, Json>> = {},
  off: readonly string[] = [],
): PlanReport {
  return bootPlan(distribution, config, off).report
}

/** What is planned in place of a distribution that has not the shape of one: its problems are all there is to say. */
const EMPTY: Omit<Distribution, 'name'> = { version: '0.0.0', plugins: [] }

export function bootPlan(
  given: Distribution,
  config: Readonly<Record<string, Json>> = {},
  off: readonly string[] = [],
): BootPlan {
  const problems: ClonedError[] = []
  const distribution = checkDistribution(given, problems) ? given : { ...EMPTY, name: String(given.name) }
  const listed = listPlugins(distribution, problems)
  checkNames(listed, problems)
  const leaving = [
    { where: 'omit', ids: distribution.omit ?? [] },
    { where: 'the run-time configuration', ids: off },
  ]
  for (const { where, ids } of leaving) {
    for (const id of ids.filter((one) => !listed.has(one))) {
      const known = nearest(id, listed.keys()) ?? [...listed.keys()].join(', ')
      problems.push(new ClonedError('OMIT_UNKNOWN', { where, plugin: id, known }))
    }
  }
  const omitted = leaving.flatMap(({ ids }) => ids)
  const wanted = new Map([...listed].filter(([id]) => !omitted.includes(id)))
  const present = unloadReplaced(distribution, wanted, problems)
  const owners = findOwners(present, problems)
  const layers = findLayers(distribution, present, owners, problems)
  checkNeeds(present, layers, listed, problems)
  const ordered = orderPlugins(present, layers, problems)
  const hooks = planHooks({ distribution, plugins: ordered, owners, problems })
  const collections = findCollections(ordered, problems)
  const configs = planConfigs({ distribution, plugins: ordered, config, listed, problems })
  const report: PlanReport = {
    distribution: { name: distribution.name, version: distribution.version },
    kernel: KERNEL_VERSION,
    plugins: ordered.map(describe),
    owners: Object.fromEntries([...owners].map(([id, plugin]) => [id, plugin]).sort()),
    wraps: wrapsOf(layers),
    collections: collections.owners,
    hooks: hooks.table,
    requiredGuards: hooks.required,
    mayAllow: findMayAllow(distribution, owners, ordered, problems),
    problems: [],
    warnings: [],
  }
  // Plugins can read the plan of the kernel they run in; whoever could write it could give itself a vote that counts.
  const frozen = Object.freeze({
    ...deepFreeze(report),
    problems: Object.freeze(problems),
    warnings: Object.freeze(findWarnings(ordered)),
  })
  return { report: frozen, plugins: ordered, configs, hooks: hooks.known, readers: collections.readers }
}

/** The error of a plan with problems: one text, one problem a line. */
export function planFailed(report: PlanReport): ClonedError {
  const problems = report.problems.map((problem) => `  ${problem.code}: ${problem.message} ${problem.help}`).join('\n')
  return new ClonedError('PLAN_FAILED', {
    distribution: report.distribution.name,
    count: report.problems.length,
    problems,
  })
}

function listPlugins(distribution: Distribution, problems: ClonedError[]): Map<string, Plugin> {
  const listed = new Map<string, Plugin>()
  for (const [index, entry] of distribution.plugins.entries()) {
    const plugin = pluginOf(entry)
    if (plugin?.tag !== 'cloned.plugin' || plugin.tagVersion !== 1) {
      problems.push(
        new ClonedError('PLUGIN_INVALID', {
          plugin: `number ${index + 1}`,
          problem: 'it was not made by definePlugin',
        }),
      )
      continue
    }
    const { id, version, kernel } = plugin.manifest
    if (typeof id !== 'string' || !PLUGIN_ID.test(id)) {
      problems.push(new ClonedError('PLUGIN_ID_INVALID', { id: String(id) }))
    } else if (!valid(version) || !validRange(kernel)) {
      const problem = `version "${version}" or kernel range "${kernel}" is not semver`
      problems.push(new ClonedError('PLUGIN_INVALID', { plugin: `"${id}"`, problem }))
    } else if (!satisfies(KERNEL_VERSION, kernel)) {
      problems.push(new ClonedError('KERNEL_VERSION', { plugin: id, version, range: kernel, kernel: KERNEL_VERSION }))
    }
    const wrong = manifestProblems(plugin)
    for (const problem of wrong) problems.push(new ClonedError('PLUGIN_INVALID', { plugin: `"${id}"`, problem }))
    if (wrong.length > 0) continue
    const twin = listed.get(id)
    if (twin)
      problems.push(new ClonedError('PLUGIN_DUPLICATE', { plugin: id, first: twin.manifest.version, second: version }))
    else listed.set(id, plugin)
  }
  return listed
}

function orderPlugins(plugins: readonly Plugin[], layers: Layers, problems: ClonedError[]): readonly Plugin[] {
  const byId = new Map(plugins.map((plugin) => [plugin.manifest.id, plugin]))
  const edges = ({ manifest }: Plugin) => {
    const before = [
      ...Object.values(manifest.requires).map((need) => {
        const { id } = requirement(need).slot
        return { slot: id, layer: layers.get(id)?.at(-1) }
      }),
      ...Object.values(manifest.wraps).map(({ id }) => {
        const chain = layers.get(id) ?? []
        return { slot: id, layer: chain[chain.findLastIndex(({ plugin }) => plugin === manifest.id) - 1] }
      }),
    ]
    return before.flatMap(({ slot, layer }) => {
      const owner = byId.get(layer?.plugin ?? '')
      return owner ? [{ owner, slot }] : []
    })
  }
  const ordering = order(plugins, (plugin) => edges(plugin).map(({ owner }) => owner))
  if ('order' in ordering) return ordering.order
  const path = ordering.cycle.map((plugin, i) => {
    const next = ordering.cycle[i + 1]
    const via = next && edges(plugin).find(({ owner }) => owner === next)?.slot
    return via ? `${plugin.manifest.id} (needs ${via})` : plugin.manifest.id
  })
  problems.push(new ClonedError('PLUGIN_CYCLE', { path: path.join(' -> ') }))
  return plugins
}

function findMayAllow(
  distribution: Distribution,
  owners: ReadonlyMap<string, string>,
  plugins: readonly Plugin[],
  problems: ClonedError[],
): readonly string[] {
  if (!distribution.mayAllow) return [owners.get(POLICY_SLOT_ID)].filter((id) => id !== undefined)
  return distribution.mayAllow.flatMap((name) => {
    const id = owners.get(name) ?? plugins.find((plugin) => plugin.manifest.id === name)?.manifest.id
    if (id) return [id]
    problems.push(new ClonedError('MAY_ALLOW_UNKNOWN', { name }))
    return []
  })
}

function wrapsOf(layers: Layers): Record<string, readonly string[]> {
  const wrapped = [...layers].filter(([, chain]) => chain.length > 1)
  return Object.fromEntries(wrapped.map(([id, [, ...chain]]) => [id, chain.map(({ plugin }) => plugin)]))
}

function describe(plugin: Plugin): PlannedPlugin {
  const { manifest } = plugin
  const ids = (record: Readonly<Record<string, { id: string }>>) => Object.values(record).map(({ id }) => id)
  return {
    id: manifest.id,
    version: manifest.version,
    stability: manifest.stability,
    description: manifest.description,
    requires: Object.values(manifest.requires).map((need) => requirement(need).slot.id),
    provides: ids(manifest.provides),
    wraps: ids(manifest.wraps),
    contributes: ids(manifest.contributes),
    owns: ids(manifest.owns),
    taps: manifest.taps.map(({ id }) => id),
    fires: manifest.fires.map(({ id }) => id),
    executes: manifest.executes.map(({ id }) => id),
    toolPrefixes: manifest.toolPrefixes,
    contracts: Object.fromEntries(
      tokensOf(plugin)
        .map(({ id, contract }) => [id, contract])
        .sort(),
    ),
  }
}
