// Decides which plugin stands on which hook, and which guards must vote; pure, and must never skip a missing guard.
import type { ActionKind } from './action.js'
import { fits } from './adapter.js'
import type { Distribution } from './distribution.js'
import { ClonedError } from './errors.js'
import { type Hook, KERNEL_HOOKS } from './hooks.js'
import { KERNEL_KINDS } from './kinds.js'
import type { Plugin } from './plugin.js'

interface HookPlan {
  /** Hook id → the token that it is fired by. */
  readonly known: ReadonlyMap<string, Hook>
  /** Hook id → plugin ids in the order of the plan. */
  readonly table: Readonly<Record<string, readonly string[]>>
  /** Hook id → plugin ids whose guard must vote. */
  readonly required: Readonly<Record<string, readonly string[]>>
}

interface Input {
  readonly distribution: Distribution
  readonly plugins: readonly Plugin[]
  readonly owners: ReadonlyMap<string, string>
  readonly problems: ClonedError[]
}

export function planHooks(input: Input): HookPlan {
  const { problems } = input
  const known = knownHooks(input.plugins)
  const table: Record<string, string[]> = {}
  for (const id of known.keys()) table[id] = []
  for (const { manifest } of input.plugins) {
    for (const hook of manifest.taps) {
      const { kind } = known.get(hook.id) ?? hook
      if (kind === hook.kind) {
        checkContract(hook, manifest.id, known, problems)
      } else {
        const like = [...known.values()].filter((other) => other.kind === hook.kind).map(({ id }) => id)
        const where = `plugin "${manifest.id}"`
        problems.push(
          new ClonedError('HOOK_UNKNOWN', { where, hook: hook.id, kind: hook.kind, known: like.join(', ') }),
        )
      }
      table[hook.id] = [...(table[hook.id] ?? []), manifest.id]
    }
  }
  checkFires(input, known)
  checkKinds(input, known)
  checkPrefixes(input)
  return { known, table, required: requireGuards(input, known) }
}

function knownHooks(plugins: readonly Plugin[]): Map<string, Hook> {
  const known = new Map<string, Hook>(KERNEL_HOOKS.map((hook) => [hook.id, hook]))
  const kinds = plugins.flatMap(({ manifest }) => manifest.executes)
  const fired = plugins.flatMap(({ manifest }) => manifest.fires)
  for (const hook of [...kinds.flatMap(hooksOf), ...fired]) if (!known.has(hook.id)) known.set(hook.id, hook)
  return known
}

function hooksOf({ prepare, guard, reserve, filter, after }: ActionKind): readonly Hook[] {
  return [prepare, guard, reserve, filter, after].filter((hook) => hook !== undefined)
}

function requireGuards({ distribution, plugins, owners, problems }: Input, known: ReadonlyMap<string, Hook>) {
  const required: Record<string, readonly string[]> = {}
  for (const [hook, guards] of Object.entries(distribution.requireGuards ?? {})) {
    const { kind } = known.get(hook) ?? {}
    if (kind !== 'guard' && kind !== 'reserve') {
      const guardHooks = [...known.values()].filter(({ kind }) => kind === 'guard').map(({ id }) => id)
      problems.push(
        new ClonedError('HOOK_UNKNOWN', { where: 'requireGuards', hook, kind: 'guard', known: guardHooks.join(', ') }),
      )
      continue
    }
    required[hook] = guards.flatMap((guard) => {
      const id = owners.get(guard) ?? guard
      const plugin = plugins.find(({ manifest }) => manifest.id === id)
      const problem = !plugin
        ? 'it is not present'
        : plugin.manifest.taps.some((tap) => tap.id === hook)
          ? ''
          : 'it does not tap that hook'
      if (!problem) return [id]
      problems.push(new ClonedError('GUARD_MISSING', { guard, hook, problem }))
      return []
    })
  }
  return required
}

function checkContract(hook: Hook, plugin: string, known: ReadonlyMap<string, Hook>, problems: ClonedError[]): void {
  const fired = known.get(hook.id) ?? hook
  if (fits(fired, hook)) return
  const params = { hook: hook.id, plugin, needed: hook.contract, provided: fired.contract }
  problems.push(new ClonedError('HOOK_CONTRACT', params))
}

/** A hook that is fired under the id of one of another kind would take its place. */
function checkFires({ plugins, problems }: Input, known: ReadonlyMap<string, Hook>): void {
  for (const { manifest } of plugins) {
    for (const hook of manifest.fires) {
      const owner = known.get(hook.id)
      if (owner?.kind === hook.kind) {
        checkContract(hook, manifest.id, known, problems)
        continue
      }
      const problem = `it fires "${hook.id}" as a hook of kind ${hook.kind}, which is a hook of kind ${owner?.kind}`
      problems.push(new ClonedError('PLUGIN_INVALID', { plugin: `"${manifest.id}"`, problem }))
    }
  }
}

/**
 * The kernel makes what its own hooks are fired with, so one of the contract before will do. What others are fired with is
 * made by who executes the kind, and handlers are adapted to one contract.
 */
function checkOwnHook(
  hook: Hook,
  kind: ActionKind,
  plugin: string,
  known: ReadonlyMap<string, Hook>,
  problems: ClonedError[],
): void {
  const fired = known.get(hook.id) ?? hook
  if (fired.kind !== hook.kind) {
    const problem = `its kind "${kind.id}" has "${hook.id}" as a hook of kind ${hook.kind}, which is a hook of kind ${fired.kind}`
    problems.push(new ClonedError('PLUGIN_INVALID', { plugin: `"${plugin}"`, problem }))
  } else if (KERNEL_HOOKS.includes(fired)) checkContract(hook, plugin, known, problems)
  else if (fired.contract !== hook.contract) {
    const params = { hook: hook.id, plugin, needed: hook.contract, provided: fired.contract }
    problems.push(new ClonedError('HOOK_CONTRACT', params))
  }
}

function checkKinds({ plugins, problems }: Input, known: ReadonlyMap<string, Hook>): void {
  const executors = new Map<string, string[]>()
  for (const { manifest } of plugins) {
    for (const kind of manifest.executes) {
      executors.set(kind.id, [...(executors.get(kind.id) ?? []), manifest.id])
      for (const hook of hooksOf(kind)) checkOwnHook(hook, kind, manifest.id, known, problems)
    }
  }
  for (const [kind, owners] of executors) {
    const claims = KERNEL_KINDS.has(kind) ? ['cloned.kernel', ...owners] : owners
    if (claims.length > 1)
      problems.push(new ClonedError('KIND_CONFLICT', { kind, owners: claims.map((id) => `"${id}"`).join(' and ') }))
  }
}

/** Without the last dot `acme` would claim the tools of `acme-evil`. */
const PREFIX = /^(?:[a-z0-9]+(?:[_-][a-z0-9]+)*\.)+$/

function checkPrefixes({ plugins, problems }: Input): void {
  const claimed: { prefix: string; plugin: string }[] = []
  for (const { manifest } of plugins) {
    for (const prefix of manifest.toolPrefixes) {
      if (!PREFIX.test(prefix)) {
        const problem = `its tool prefix "${prefix}" is not lower-case words that each end in a dot`
        problems.push(new ClonedError('PLUGIN_INVALID', { plugin: `"${manifest.id}"`, problem }))
        continue
      }
      const other = claimed.find((claim) => claim.prefix.startsWith(prefix) || prefix.startsWith(claim.prefix))
      if (other) {
        const params = { prefix, plugin: manifest.id, other: other.prefix, owner: other.plugin }
        problems.push(new ClonedError('PREFIX_CONFLICT', params))
      }
      claimed.push({ prefix, plugin: manifest.id })
    }
  }
}
