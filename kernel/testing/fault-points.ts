// Finds every place of a distribution where a plugin can fail on the path of an action; must not leave one out.
import { approvalsSlot, auditSlot, instancesSlot } from '../contracts.js'
import type { Distribution, Limits } from '../distribution.js'
import { type Hook, type HookKind, KERNEL_HOOKS, onReady } from '../hooks.js'
import type { Plugin } from '../plugin.js'
import type { FaultPoint } from './faulty-twin.js'

/** A place, what bounds the time there, and whether it is reached only while a kernel starts. */
export interface Place {
  readonly point: FaultPoint
  readonly name: string
  readonly limit: keyof Limits
  readonly atBoot: boolean
  /** Only records of this part are failed: `intent` or `outcome`. */
  readonly record?: 'intent' | 'outcome'
}

const HOOK_LIMITS: Readonly<Record<HookKind, keyof Limits>> = {
  transform: 'transformMs',
  guard: 'guardMs',
  check: 'checkMs',
  reserve: 'reserveMs',
  notify: 'notifyMs',
  observe: 'observeMs',
}

/** The plugins of a distribution without their configuration. */
export function pluginsOf(distribution: Distribution): readonly Plugin[] {
  return distribution.plugins.map((entry) => ('plugin' in entry ? entry.plugin : entry))
}

/** Every tap on a hook of the kernel, and every method of a slot that the kernel calls. */
export function placesOf(distribution: Distribution): readonly Place[] {
  return pluginsOf(distribution).flatMap((plugin) => [
    ...plugin.manifest.taps
      .filter(({ id }) => KERNEL_HOOKS.some((known) => known.id === id))
      .flatMap((hook) => onHook(plugin.manifest.id, hook)),
    ...Object.values({ ...plugin.manifest.provides, ...plugin.manifest.wraps }).flatMap(({ id }) =>
      onSlot(plugin.manifest.id, id),
    ),
  ])
}

function onHook(plugin: string, hook: Hook): Place[] {
  const place = (method?: string): Place => ({
    point: { at: 'hook', plugin, hook, ...(method === undefined ? {} : { method }) },
    name: `${plugin} on ${hook.id}${method === undefined ? '' : `.${method}`}`,
    limit: HOOK_LIMITS[hook.kind],
    atBoot: hook.id === onReady.id,
  })
  return hook.kind === 'reserve' ? ['peek', 'take', 'settle'].map(place) : [place()]
}

function onSlot(plugin: string, slot: string): Place[] {
  const place = (method: string, limit: keyof Limits, record?: 'intent' | 'outcome'): Place => ({
    point: { at: 'slot', plugin, slot, method },
    name: `${plugin} in ${slot}.${method}${record === undefined ? '' : ` of the ${record}`}`,
    limit,
    atBoot: slot === instancesSlot.id,
    ...(record === undefined ? {} : { record }),
  })
  switch (slot) {
    case auditSlot.id:
      return [place('append', 'recordMs', 'intent'), place('append', 'recordMs', 'outcome')]
    case approvalsSlot.id:
      return [
        ...['match', 'open', 'take', 'get'].map((method) => place(method, 'approvalsMs')),
        place('settle', 'reserveMs'),
      ]
    case instancesSlot.id:
      return [place('enter', 'startMs'), place('dead', 'startMs')]
    default:
      return []
  }
}
