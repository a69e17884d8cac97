// The commands that show the packs that are there, and what their pipelines are held to.
import { describeThrown } from 'cloned/kernel'
import type { Command } from '../../cli/slot.js'
import { readLibrary } from '../library.js'
import { lackingOf, mustFindPack, offJson, offState, packJson } from '../render.js'
import type { ShownParts } from '../skills.js'
import type { Constitution } from '../slot.js'

export function listCommand(parts: ShownParts): Command {
  return {
    name: 'skills list',
    summary: 'List the skill packs and their pipelines, and installed packs that may not run',
    examples: ['cloned skills list', 'cloned skills list --json'],
    needs: 'workspace',
    async run({ table, paint, printable }) {
      const { packs, failures } = readLibrary(parts)
      const rows = packs.flatMap((pack) => {
        const lacking = lackingOf(pack, parts)
        const state = lacking.length === 0 ? paint.green('ready') : paint.yellow(lacking.join('; '))
        return [[pack.id, pack.version, pack.publisher ?? pack.origin, pack.pipelines.join(' '), state]]
      })
      const off = await parts.off()
      const offRows = off.map((one) => [one.id, one.version, one.publisher, '', paint.dim(printable(offState(one)))])
      const problems = failures.map((failure) => describeThrown(failure))
      const text =
        packs.length + off.length === 0
          ? 'No skill packs. Write one: cloned skills init DIR --id acme.report   or install one: cloned skills install FILE'
          : table(['pack', 'version', 'from', 'pipelines', ''], [...rows, ...offRows])
      return {
        exit: problems.length > 0 ? 6 : 0,
        json: { packs: packs.map((pack) => packJson(pack, parts)), off: off.map(offJson), problems },
        text,
        ...(problems.length > 0 ? { problem: printable(problems.join('\n'), { lines: true }) } : {}),
      }
    },
  }
}

export function showCommand(parts: ShownParts): Command {
  return {
    name: 'skills show',
    summary: 'Show a skill pack: what it needs, what it is held to, its pipelines',
    args: [{ name: 'id', description: 'Id of the pack', required: true }],
    examples: ['cloned skills show docs.link-report'],
    needs: 'workspace',
    async run({ args, printable, paint }) {
      const library = readLibrary(parts)
      const pack = await mustFindPack(library, args['id'] ?? '', parts)
      const lacking = lackingOf(pack, parts)
      const lines = [
        pack.title,
        `from       ${pack.publisher === undefined ? pack.origin : `publisher ${pack.publisher}, signed and installed`}`,
        ...(pack.directory === '' ? [] : [`directory  ${pack.directory}`]),
        ...Object.entries(pack.requires.connectors).map(([id, range]) => `needs      ${id} ${range}`),
        ...lacking.map((problem) => `lacks      ${problem}`),
        ...constitutionLines(pack.constitution),
        ...pack.pipelines.flatMap((id) => [
          `pipeline   ${id}: ${library.pipelines.get(id)?.title ?? 'it cannot be linked'}`,
        ]),
      ]
      const head = paint.bold(printable(`${pack.id} ${pack.version}`))
      return { json: packJson(pack, parts), text: [head, ...lines.map((line) => printable(line))].join('\n') }
    },
  }
}

function constitutionLines({ allowedTools = [], ...limits }: Constitution): readonly string[] {
  const { capabilities, dataSources, egress, maxCost, maxDurationMs } = limits
  return [
    ...allowedTools.map((tool) => `may call   ${tool}`),
    ...(capabilities ? [`may use    ${capabilities.join(', ') || 'no capability'}`] : []),
    ...(dataSources ? [`may touch  ${dataSources.join(', ') || 'no file'}`] : []),
    ...(egress ? [`may reach  ${egress.join(', ') || 'no host'}`] : []),
    ...Object.entries(maxCost ?? {}).map(([category, most]) => `may spend  ${most} of ${category}`),
    ...(maxDurationMs === undefined ? [] : [`may take   ${maxDurationMs} ms`]),
  ]
}
