// The commands of those who write connectors: `connectors init` here, `connectors dev` beside it.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Gate } from 'cloned/kernel'
import type { Command } from '../cli/slot.js'
import { developCommand } from './develop-command.js'
import type { Connectors } from './slot.js'

const ID = /^[a-z][a-z0-9]*(-[a-z0-9]+)*\.[a-z0-9]+(-[a-z0-9]+)*$/

export function connectorCommands(connectors: Connectors, gate: Gate): readonly Command[] {
  return [
    {
      name: 'connectors init',
      summary: 'Write the source of a new connector into a directory that does not exist',
      args: [{ name: 'directory', description: 'Directory to make', required: true }],
      options: [{ flags: '--id <id>', description: 'Namespace of yours and name: acme.weather' }],
      examples: ['cloned connectors init weather --id acme.weather'],
      needs: 'nothing',
      async run(ctx) {
        const name = ctx.args['directory'] ?? ''
        const directory = resolve(ctx.cwd, name)
        const { id } = ctx.options
        if (typeof id !== 'string') throw ctx.usageError('--id is missing: a namespace of yours and a name')
        if (!ID.test(id)) throw ctx.usageError(`--id takes a namespace and a name in lower case, not "${id}"`)
        if (existsSync(directory)) throw ctx.usageError(`${directory} exists already`)
        if (ctx.dryRun) return { json: { directory, dry_run: true }, text: `Would write ${ctx.printable(directory)}.` }
        const { scaffold } = await import('./scaffold.js')
        const files = scaffold(directory, id)
        const next = `Next: npm test --prefix ${name}\n      cloned connectors dev ${name}`
        const text = `Wrote ${files.join(', ')} into ${directory}.\n${next}`
        return { json: { directory, files: [...files] }, text: ctx.printable(text, { lines: true }) }
      },
    },
    developCommand(connectors, gate),
  ]
}
