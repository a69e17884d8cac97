// Loads a package in this process and tells what that did; it ends with the process, and must be imported by no other file.
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { describeThrown, type Plugin } from 'cloned/kernel'
import type { ContractCase, Replacement } from 'cloned/testing'
import { activeResources, added, changes, processState } from './process-state.js'
import type { Message, Told, Wish } from './report.js'

/** Imports a module as the project would that the package is installed in. */
export type Importer = (specifier: string) => Promise<object>

/** The program. Its parent hears every rule as it is tried. */
export async function verify(load: Importer): Promise<void> {
  const [wish] = (await once(process, 'message')) as [Wish]
  word = wish.word
  try {
    await (wish.mode === 'import' ? tryImport(wish, load) : runContract(wish, load))
  } catch (error) {
    tell({ rule: { name: 'it can be loaded and run', problem: describeThrown(error) } })
  }
  // What the package left running would keep this process from its end.
  tell({ end: true }, () => process.exit(0))
}

// Taken before anything of the package is here that could put another in its place.
const send = process.send?.bind(process)
let word = ''

function tell(told: Told, then: () => void = () => {}): void {
  send?.({ ...told, word } satisfies Message, undefined, undefined, then)
}

/** Every plugin that a module exports. */
function pluginsIn(module: object): readonly Plugin[] {
  const found = Object.values(module).filter((value): value is Plugin => value?.tag === 'cloned.plugin')
  return [...new Set(found)]
}

async function tryImport({ name }: Wish, load: Importer): Promise<void> {
  const [state, active] = [processState(), activeResources()]
  tell({ doing: 'importing it' })
  const plugins = pluginsIn(await load(name))
  await turn()
  await turn()
  const left = [...changes(state, processState()), ...added(active, activeResources())]
  tell({ rule: rule('importing it changes nothing and starts nothing', left.length > 0 && left.join(', ')) })
  const exported = plugins.length === 0 && 'no export was made by definePlugin'
  tell({ rule: rule('it exports its plugin', exported) })
  const stolen = plugins.map(({ manifest }) => manifest.id).filter((id) => String(id).startsWith('cloned.'))
  tell({ rule: rule('it takes no id of the built-ins', stolen.length > 0 && stolen.join(', ')) })
}

async function runContract(wish: Wish, load: Importer): Promise<void> {
  const [{ trialOf }, { replacementCases }] = await Promise.all([import('./contract.js'), import('cloned/testing')])
  tell({ doing: 'importing it' })
  const plugins = pluginsIn(await load(wish.name))
  const others = (await Promise.all(wish.needs.map(load))).flatMap(pluginsIn)
  const replacement = wish.hasContract ? ((await load(`${wish.name}/contract`)) as Module).default : undefined
  for (const plugin of plugins) {
    const { id, version, stability } = plugin.manifest
    tell({ plugin: { id, version, stability } })
    const { cases, warmUp } = trialOf({ plugin, others, replacement, wish })
    await warmUp()
    const state = processState()
    await run(cases)
    const left = changes(state, processState())
    tell({ rule: rule('it leaves the process as it was', left.length > 0 && left.join(', ')) })
  }
  if (replacement) await run(replacementCases(replacement))
}

interface Module {
  readonly default: Replacement
}

async function run(cases: readonly ContractCase[]): Promise<void> {
  for (const { name, run } of cases) {
    tell({ doing: name })
    const problem = await run().then(
      () => undefined,
      (error: unknown) => describeThrown(error),
    )
    tell({ rule: rule(name, problem ?? false) })
  }
}

function rule(name: string, problem: string | false) {
  return { name, ...(problem === false ? {} : { problem }) }
}
