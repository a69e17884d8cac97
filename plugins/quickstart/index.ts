// Contributes `cloned quickstart`, a walk through the main job in a workspace of its own; touches no other workspace.
import { basename } from 'node:path'
import { definePlugin, type Gate, gateSlot } from 'cloned/kernel'
import type { CliIo } from 'cloned/plugins/cli'
import type { QuickstartOptions } from '../../examples/quickstart/index.js'
import { type Command, commandsCollection } from '../cli/slot.js'

export type { QuickstartOptions }

export const quickstartPlugin = definePlugin({
  id: 'cloned.quickstart',
  version: '0.1.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'A walk through the main job, in a temporary workspace',
  requires: { gate: gateSlot },
  contributes: { commands: commandsCollection },
  setup: ({ deps }) => ({ commands: [quickstartCommand(deps.gate)] }),
})

const quickstartCommand = (gate: Gate): Command => ({
  name: 'quickstart',
  summary: 'Walk through a governed run in a temporary workspace, no questions asked',
  examples: ['cloned quickstart'],
  needs: 'nothing',
  async run({ json, dryRun }) {
    const { processIo } = await import('cloned/plugins/cli')
    const io = processIo()
    const exit = await quickstart(json ? { ...io, stdout: io.stderr } : io, {
      dryRun,
      program: programOf(process.argv[1] ?? 'cloned'),
      builtIns: gate.plan().plugins.map(({ id }) => id),
    })
    return { exit: exit === 0 ? 0 : 1, json: { ok: exit === 0, ...(dryRun ? { dry_run: true } : {}) }, text: '' }
  },
})

/** See {@link QuickstartOptions}. Answers 0 when every command of the walk ended as it must, else 1. */
export async function quickstart(io: CliIo, options: QuickstartOptions = {}): Promise<number> {
  // An example like any embedder's, loaded only when it is asked for.
  const { quickstart: walk } = await import('../../examples/quickstart/index.js')
  return walk(io, options)
}

/** What a person types to start the program that is running: not every way of starting it puts `cloned` on the path. */
export function programOf(script: string): string {
  if (/[\\/]node_modules[\\/]/.test(script)) return 'npx cloned'
  return /\.[cm]?js$/.test(script) ? `node ${script.includes(' ') ? `"${script}"` : script}` : basename(script)
}
