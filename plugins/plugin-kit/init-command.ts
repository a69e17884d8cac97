// The command `plugins init`: writes a package with a plugin that already keeps its contract; must never write over a file.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { PLUGIN_ID } from 'cloned/kernel'
import type { Command } from '../cli/slot.js'

export const initCommand: Command = {
  name: 'plugins init',
  summary: 'Write a package with a new plugin into a directory that does not exist',
  args: [{ name: 'dir', description: 'The directory', required: true }],
  options: [{ flags: '--id <id>', description: 'Id of the plugin, required: acme.greeting' }],
  examples: ['cloned plugins init greeting --id acme.greeting'],
  needs: 'nothing',
  async run(ctx) {
    const directory = resolve(ctx.cwd, ctx.args['dir'] ?? '')
    const { id } = ctx.options
    if (typeof id !== 'string' || !PLUGIN_ID.test(id)) {
      const problem = id === undefined ? 'missing --id' : '--id is not the id of a plugin'
      throw ctx.usageError(`${problem}: lower-case words joined by "." or "-", like acme.greeting`)
    }
    if (id.startsWith('cloned.')) throw ctx.usageError('ids that start with "cloned." belong to the built-ins')
    if (existsSync(directory)) throw ctx.usageError(`${directory} exists already`)
    const { filesOf } = await import('./scaffold.js')
    const files = filesOf(id)
    const names = Object.keys(files)
    if (!ctx.dryRun) {
      mkdirSync(directory, { recursive: true })
      for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content, { flag: 'wx' })
    }
    const next = `cd ${relative(ctx.cwd, directory)} && npm install && npm test`
    const text = `${ctx.dryRun ? 'Would write' : 'Wrote'} ${names.join(', ')} to ${directory}.\nNext: ${next}`
    return { json: { directory, files: names }, text: ctx.printable(text, { lines: true }) }
  },
}
