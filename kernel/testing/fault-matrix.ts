// Confronts a distribution with every fault at every place, one case each; must never pass where the fault did not occur.
import assert from 'node:assert/strict'
import { type Distribution, defineDistribution, type Limits } from '../distribution.js'
import type { Plugin } from '../plugin.js'
import type { ContractCase } from './case.js'
import { type Place, placesOf, pluginsOf } from './fault-points.js'
import { type FaultSubject, probe, toldAtBoot } from './fault-probes.js'
import { FAULTS, type Fault } from './faults.js'
import { faultyTwin, type Trigger } from './faulty-twin.js'

export type { FaultSubject } from './fault-probes.js'

/** How a matrix is run. */
export interface FaultMatrixOptions {
  /** Milliseconds that a plugin which never answers is waited for. Default 30. */
  readonly hangMs?: number
  /** Id of the one plugin whose faults are wanted. Default: those of every plugin of the distribution. */
  readonly plugin?: string
}

/**
 * Every fault at every place of the distribution: each tap on a hook of the kernel, and the slots that the kernel calls.
 *
 * `make` starts a kernel from the distribution it is given, which has one plugin replaced by its faulty twin. Cases that
 * may share one kernel pass the same object. A kernel that does not start must make it reject.
 */
export function faultMatrix(
  distribution: Distribution,
  make: (distribution: Distribution) => Promise<FaultSubject>,
  { hangMs = 30, plugin }: FaultMatrixOptions = {},
): readonly ContractCase[] {
  const wanted = ({ point }: Place) => plugin === undefined || point.plugin === plugin
  return placesOf(distribution)
    .filter(wanted)
    .flatMap((place) => {
      const shared = twinned(distribution, place)
      const fresh = (fault?: Fault) => twinned(distribution, place, fault?.kind === 'hangs' ? hangMs : undefined)
      const cases = FAULTS.map((fault) => ({
        name: `${place.name}: ${fault.name}`,
        run: () =>
          place.atBoot
            ? duringBoot(fresh(fault), make, place, fault)
            : afterBoot(fault.kind === 'hangs' ? fresh(fault) : shared, make, place, fault),
      }))
      // A log without a method accepts no intent either, so it is missing there.
      if (place.record === 'outcome') return cases
      const absent =
        place.atBoot || handlerOf(place) ? () => refusesBoot(fresh(), make) : () => missing(shared, make, place)
      return [...cases, { name: `${place.name}: is missing`, run: absent }]
    })
}

interface Twinned {
  readonly distribution: Distribution
  readonly trigger: Trigger
}

/** Only a plugin that never answers is given less time: a slow disk must not look like a fault. */
function twinned(distribution: Distribution, place: Place, hangMs?: number): Twinned {
  const trigger: Trigger = { fault: undefined, missing: false, when: whenRecord(place) }
  const twin = (plugin: Plugin) =>
    plugin.manifest.id === place.point.plugin ? faultyTwin(plugin, place.point, trigger) : plugin
  assert.ok(pluginsOf(distribution).some(({ manifest }) => manifest.id === place.point.plugin))
  const limits: Partial<Limits> = {
    ...distribution.limits,
    ...(hangMs === undefined ? {} : { [place.limit]: hangMs }),
  }
  const plugins = distribution.plugins.map((entry) =>
    'plugin' in entry ? { ...entry, plugin: twin(entry.plugin) } : twin(entry),
  )
  return { distribution: defineDistribution({ ...distribution, plugins, limits }), trigger }
}

function whenRecord({ record }: Place): Trigger['when'] {
  return record && (([entry]) => String((entry as { type?: unknown } | undefined)?.type).endsWith(`.${record}`))
}

async function afterBoot({ distribution, trigger }: Twinned, make: Make, place: Place, fault: Fault): Promise<void> {
  const subject = await make(distribution)
  let reached = 0
  const run = () => {
    reached++
    return fault.run()
  }
  try {
    await probe({ subject, place, fault, arm: () => (trigger.fault = { ...fault, run }) })
    assert.ok(reached > 0, 'the fault was never reached')
  } finally {
    trigger.fault = undefined
    await subject.dispose()
  }
}

async function missing({ distribution, trigger }: Twinned, make: Make, place: Place): Promise<void> {
  const subject = await make(distribution)
  try {
    await probe({ subject, place, fault: undefined, arm: () => (trigger.missing = true) })
  } finally {
    trigger.missing = false
    await subject.dispose()
  }
}

/** The kernel does not start, or it starts and nothing runs, or the place is one that is only told. */
async function duringBoot({ distribution, trigger }: Twinned, make: Make, place: Place, fault: Fault): Promise<void> {
  trigger.fault = fault
  let subject: FaultSubject
  try {
    subject = await make(distribution)
  } catch (error) {
    assert.ok(!toldAtBoot(place), 'somebody who is only told must not keep the kernel from starting')
    return assertRefused(error)
  }
  try {
    if (toldAtBoot(place)) assert.equal((await subject.kernel.call(subject.call())).status, 'done')
    else await probe({ subject, place, fault, arm: () => undefined })
  } finally {
    await subject.dispose()
  }
}

/** A handler or a method that is declared and not there keeps the kernel from starting, or from running anything. */
async function refusesBoot({ distribution, trigger }: Twinned, make: Make): Promise<void> {
  trigger.missing = true
  let subject: FaultSubject
  try {
    subject = await make(distribution)
  } catch (error) {
    return assertRefused(error)
  }
  try {
    assert.equal((await subject.kernel.call(subject.call())).status, 'denied')
  } finally {
    await subject.dispose()
  }
}

const REFUSALS = ['HOOK_UNUSED', 'HOOK_HANDLER_INVALID', 'START_FAILED', 'LIFECYCLE_TIMEOUT']

function assertRefused(error: unknown): void {
  assert.ok(
    REFUSALS.includes(String((error as { code?: unknown })?.code)),
    `refused without a reason: ${String(error)}`,
  )
}

function handlerOf({ point }: Place): boolean {
  return point.at === 'hook' && point.method === undefined
}

type Make = (distribution: Distribution) => Promise<FaultSubject>
