// The command `plugins list`: what this build is made of, read from the plan; it starts nothing.
import type { Gate } from 'cloned/kernel'
import type { Command } from '../slot.js'

/** Ids that start so are reserved for the plugins that come with the package. */
const BUILT_IN = 'cloned.'

export function pluginsCommand({ gate }: { readonly gate: Pick<Gate, 'plan'> }): Command {
  return {
    name: 'plugins list',
    summary: 'List the plugins of this build, what they provide and which hooks they tap',
    examples: ['cloned plugins list', 'cloned plugins list --json'],
    needs: 'nothing',
    async run(ctx) {
      const report = gate.plan()
      const plugins = report.plugins.map(({ id, version, stability, provides, taps }) => ({
        id,
        version,
        stability,
        provides: [...provides],
        taps: [...taps],
        built_in: id.startsWith(BUILT_IN),
      }))
      const rows = plugins.map((plugin) => [
        plugin.id,
        plugin.version,
        plugin.stability,
        plugin.built_in ? 'built-in' : 'added',
        plugin.provides.join(', '),
        plugin.taps.join(', '),
      ])
      return {
        json: { distribution: { ...report.distribution }, kernel: report.kernel, plugins },
        text: ctx.table(['plugin', 'version', 'stability', 'from', 'provides', 'taps'], rows),
      }
    },
  }
}
