// Holds the calls of steps in hand, and everything called inside them, to their constitutions; a call of a run that no step makes is denied.
import { type Action, ClonedError, type Deny, deny, type EgressSubject, type ToolCall } from 'cloned/kernel'
import { toolIdAtGate } from '../package/slot.js'
import { capabilityAllowed, egressAllowed, sourcesAllowed, toolAllowed } from './permits.js'
import type { ConstitutionDenial, Held, HeldStep } from './slot.js'

/** A step in hand. */
export interface Hold {
  readonly step: HeldStep
  /** Tools that were called in it, at any depth. */
  readonly called: Set<string>
  readonly denials: Map<string, ConstitutionDenial>
}

const RUN = 'run:'

export class Holds {
  readonly #held = new Map<string, Hold>()
  readonly #root: () => string
  readonly #now: () => number

  constructor(parts: { readonly root: () => string; readonly now: () => number }) {
    this.#root = parts.root
    this.#now = parts.now
  }

  hold(key: string, step: HeldStep): { release(): readonly ConstitutionDenial[] } {
    if (this.#held.has(key)) throw new TypeError(`a step is held under ${key} already`)
    const hold: Hold = { step, called: new Set(), denials: new Map() }
    this.#held.set(key, hold)
    return {
      release: () => {
        if (this.#held.get(key) === hold) this.#held.delete(key)
        return [...hold.denials.values()]
      },
    }
  }

  /** The step that an action serves; `undefined` for an action of nobody's run. */
  of({ actor, origin }: Pick<Action, 'actor' | 'origin'>): Hold | undefined {
    if (actor.claimed || !actor.id.startsWith(RUN) || origin === undefined) return undefined
    const hold = this.#held.get(origin)
    return hold?.step.run === actor.id.slice(RUN.length) ? hold : undefined
  }

  /** Votes on every action of a run. */
  judgeAction(action: Action): Deny | undefined {
    const { actor, target } = action
    // What only says that it is a run is nobody's step; who may claim that is not judged here.
    if (actor.claimed || !actor.id.startsWith(RUN)) return undefined
    const hold = this.of(action)
    if (!hold) return denial(new ClonedError('CONSTITUTION_NO_STEP', { actor: actor.id, target }))
    for (const { constitution, since } of hold.step.constitutions) {
      const { maxDurationMs: most, of } = constitution
      if (most !== undefined && this.#now() >= since + most) {
        return refuse(
          hold,
          new ClonedError('CONSTITUTION_DURATION', { constitution: of, target, most: `${most}`, step: hold.step.step }),
        )
      }
    }
    return undefined
  }

  /** Votes on tool calls, besides {@link judgeAction}. */
  judgeCall(call: ToolCall): Deny | undefined {
    const hold = this.of(call)
    if (!hold) return undefined
    const { id, capability } = call.tool
    hold.called.add(id)
    for (const { constitution } of hold.step.constitutions) {
      const { of } = constitution
      if (!toolAllowed(constitution, id))
        return refuse(hold, new ClonedError('CONSTITUTION_TOOL', { constitution: of, tool: id, step: hold.step.step }))
      if (!capabilityAllowed(constitution, capability)) {
        return refuse(
          hold,
          new ClonedError('CONSTITUTION_CAPABILITY', { constitution: of, tool: id, capability, step: hold.step.step }),
        )
      }
      if (!sourcesAllowed(constitution, { capability, input: call.input, root: this.#root() })) {
        return refuse(
          hold,
          new ClonedError('CONSTITUTION_SOURCE', {
            constitution: of,
            tool: id,
            path: pathOf(call.input),
            step: hold.step.step,
          }),
        )
      }
    }
    return undefined
  }

  /** Votes on connections: of a held call, and of a connector that a held call is using. */
  judgeEgress(action: Action, { url, connector }: EgressSubject): Deny | undefined {
    const own = this.of(action)
    // A worker serves several calls over one door and does not say for which it connects: it is held to all of them.
    const using =
      connector === undefined ? [] : [...this.#held.values()].filter(({ called }) => uses(called, connector))
    for (const hold of new Set([...(own ? [own] : []), ...using])) {
      const outside = hold.step.constitutions.find(({ constitution }: Held) => !egressAllowed(constitution, url))
      if (outside)
        return refuse(
          hold,
          new ClonedError('CONSTITUTION_EGRESS', {
            constitution: outside.constitution.of,
            url: originOf(url),
            step: hold.step.step,
          }),
        )
    }
    return undefined
  }
}

function uses(called: ReadonlySet<string>, connector: string): boolean {
  return [...called].some((tool) => tool.startsWith(`${toolIdAtGate(connector)}.`))
}

/** Notes a denial with its step, and words it. */
export function refuse(hold: Hold, error: ClonedError): Deny {
  const { code, message, help } = error
  // Judged and tried again, it is one denial.
  hold.denials.set(message, { code, message, help })
  return denial(error)
}

function denial({ message, code, help }: ClonedError): Deny {
  return deny(message, { code, help })
}

function pathOf(input: unknown): string {
  const { path } = input as { path?: unknown }
  return typeof path === 'string' ? path : 'no path'
}

/** Paths and queries may hold what a person wrote. */
function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url.slice(0, 200)
}
