// The commands `plugins list` and `plugins graph`: what this build is made of, read from the plan; they start nothing.
import type { Gate, Json, PlanReport } from 'cloned/kernel'
import type { Command, CommandContext } from '../slot.js'

/** Ids that start so are reserved for the plugins that come with the package. */
const BUILT_IN = 'cloned.'

interface Services {
  readonly gate: Pick<Gate, 'plan'>
}

export function pluginCommands(services: Services): readonly Command[] {
  return [listCommand(services), graphCommand(services)]
}

function listCommand({ gate }: Services): Command {
  return {
    name: 'plugins list',
    summary: 'List the plugins of this build, what they provide and which hooks they tap',
    examples: ['cloned plugins list', 'cloned plugins list --json'],
    needs: 'nothing',
    async run(ctx) {
      const report = gate.plan()
      const plugins = report.plugins.map(({ toolPrefixes, ...plugin }) => ({
        ...plugin,
        tool_prefixes: toolPrefixes,
        built_in: plugin.id.startsWith(BUILT_IN),
      }))
      const rows = plugins.map(({ id, version, stability, built_in, provides, wraps, taps }) => [
        id,
        version,
        stability,
        built_in ? 'built-in' : 'added',
        [...provides, ...wraps.map((slot) => `(${slot})`)].join(', '),
        taps.join(', '),
      ])
      const warnings = report.warnings.map((warning) => warning.toJSON())
      return {
        json: { distribution: report.distribution, kernel: report.kernel, plugins, warnings } as unknown as Json,
        text: [
          ctx.table(['plugin', 'version', 'stability', 'from', 'provides (wraps)', 'taps'], rows),
          ...report.warnings.map(({ message, help }) => ctx.printable(`${message} ${help}`)),
        ].join('\n'),
      }
    },
  }
}

/** Who stands where: a slot with its layers and users, a list with who fills it, a hook with who stands on it. */
interface Graph {
  readonly slots: readonly Node[]
  readonly collections: readonly Node[]
  readonly hooks: readonly Node[]
}

interface Node {
  readonly id: string
  readonly contract: number
  /** Owner of a slot or reader of a list; absent for a hook. */
  readonly owner?: string
  readonly wrapped_by?: readonly string[]
  readonly plugins: readonly string[]
  readonly required?: readonly string[]
}

function graphCommand({ gate }: Services): Command {
  return {
    name: 'plugins graph',
    summary: 'Show who owns, wraps and uses each slot, who adds to each list, and who stands on each hook',
    examples: ['cloned plugins graph', 'cloned plugins graph --json'],
    needs: 'nothing',
    async run(ctx) {
      const report = gate.plan()
      const graph = graphOf(report)
      return {
        json: { distribution: report.distribution, kernel: report.kernel, ...graph } as unknown as Json,
        text: graphText(graph, ctx),
      }
    },
  }
}

function graphOf({ plugins, owners, wraps, collections, hooks, requiredGuards }: PlanReport): Graph {
  const contracts = new Map<string, number>()
  for (const plugin of plugins) {
    for (const [id, contract] of Object.entries(plugin.contracts)) {
      contracts.set(id, Math.max(contract, contracts.get(id) ?? 1))
    }
  }
  const contract = (id: string) => contracts.get(id) ?? 1
  const using = (field: 'requires' | 'contributes', id: string) =>
    plugins.filter((plugin) => plugin[field].includes(id)).map((plugin) => plugin.id)
  return {
    slots: Object.entries(owners).map(([id, owner]) => {
      const wrapped_by = wraps[id] ?? []
      return { id, contract: contract(id), owner, wrapped_by, plugins: using('requires', id) }
    }),
    collections: Object.entries(collections)
      .map(([id, owner]) => ({ id, contract: contract(id), owner, plugins: using('contributes', id) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    hooks: Object.entries(hooks).map(([id, standing]) => {
      return { id, contract: contract(id), plugins: standing, required: requiredGuards[id] ?? [] }
    }),
  }
}

function graphText({ slots, collections, hooks }: Graph, { table, paint }: CommandContext): string {
  const list = (ids: readonly string[] = []) => ids.join(', ')
  return [
    paint.bold('Slots'),
    table(
      ['slot', 'contract', 'owner', 'wrapped by', 'used by'],
      slots.map(({ id, contract, owner = '', wrapped_by, plugins }) => {
        return [id, `${contract}`, owner, list(wrapped_by), list(plugins)]
      }),
    ),
    '',
    paint.bold('Collections'),
    table(
      ['collection', 'contract', 'read by', 'added to by'],
      collections.map(({ id, contract, owner = '', plugins }) => [id, `${contract}`, owner, list(plugins)]),
    ),
    '',
    paint.bold('Hooks'),
    table(
      ['hook', 'contract', 'plugins', 'must vote'],
      hooks.map(({ id, contract, plugins, required }) => [id, `${contract}`, list(plugins), list(required)]),
    ),
  ].join('\n')
}
