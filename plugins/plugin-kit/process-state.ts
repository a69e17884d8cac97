// Takes down what code can leave behind in its process, and tells what changed; it calls nothing that it looks at.

type State = ReadonlyMap<string, unknown>

const HOLDERS: Readonly<Record<string, object>> = {
  globalThis,
  Object,
  JSON,
  Math,
  Reflect,
  Error,
  console,
  'Object.prototype': Object.prototype,
  'Function.prototype': Function.prototype,
  'Array.prototype': Array.prototype,
  'String.prototype': String.prototype,
  'Number.prototype': Number.prototype,
  'Promise.prototype': Promise.prototype,
  'Map.prototype': Map.prototype,
  'Set.prototype': Set.prototype,
  'RegExp.prototype': RegExp.prototype,
  'Error.prototype': Error.prototype,
  'Date.prototype': Date.prototype,
}

/** Globals, what hangs on the built-in objects, environment, listeners, directory and exit code of this process. */
export function processState(): State {
  const state = new Map<string, unknown>()
  for (const [holder, object] of Object.entries(HOLDERS)) {
    for (const [key, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(object))) {
      // Node makes some globals when they are first read: a getter that became a value is no change.
      state.set(`${holder}.${key}`, get === undefined ? value : LAZY)
    }
  }
  // biome-ignore lint/style/noProcessEnv: it is what is on trial here
  for (const [key, value] of Object.entries(process.env)) state.set(`process.env.${key}`, value)
  for (const event of process.eventNames()) {
    state.set(`listeners of process on "${String(event)}"`, process.listenerCount(event))
  }
  state.set('process.cwd()', process.cwd())
  state.set('process.exitCode', process.exitCode)
  return state
}

/** Names of what differs. */
export function changes(before: State, after: State): readonly string[] {
  const names = new Set([...before.keys(), ...after.keys()])
  return [...names].sort().filter((name) => {
    if (before.get(name) === LAZY && after.has(name)) return false
    return !Object.is(before.get(name), after.get(name))
  })
}

/** What keeps this process alive, by kind, as often as it is there; its own input and output do not. */
export function activeResources(): readonly string[] {
  return process.getActiveResourcesInfo().filter((kind) => !['PipeWrap', 'TTYWrap'].includes(kind))
}

/** Those of `after` that were not there before. */
export function added(before: readonly string[], after: readonly string[]): readonly string[] {
  const left = [...before]
  return after.filter((kind) => {
    const at = left.indexOf(kind)
    if (at >= 0) left.splice(at, 1)
    return at < 0
  })
}

const LAZY = Symbol('lazy')
