// The command that writes the source of a new pack; must never write over a file.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { Command } from '../../cli/slot.js'
import { namesFor } from '../skill-md.js'

export function initCommand(): Command {
  return {
    name: 'skills init',
    summary: 'Write the source of a new skill pack into a directory that does not exist',
    args: [{ name: 'dir', description: 'The directory; its name is the name of the skill', required: true }],
    options: [{ flags: '--id <id>', description: 'Namespace and name: acme.report' }],
    examples: ['cloned skills init report --id acme.report'],
    needs: 'nothing',
    async run(ctx) {
      const directory = resolve(ctx.cwd, ctx.args['dir'] ?? '')
      const name = basename(directory)
      const { id } = ctx.options
      if (typeof id !== 'string' || !/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+$/.test(id)) {
        throw ctx.usageError('--id is not a namespace and a name: acme.report')
      }
      if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) || name.length > 64) {
        throw ctx.usageError('the name of the directory is the name of the skill: lower-case words joined by hyphens')
      }
      if (!namesFor(id).includes(name)) {
        throw ctx.usageError(`the skill of ${id} must be called ${namesFor(id).join(' or ')}: name the directory so`)
      }
      if (existsSync(directory)) throw ctx.usageError(`${directory} exists already`)
      const files = filesOf(name, id)
      if (!ctx.dryRun) for (const [path, content] of Object.entries(files)) write(join(directory, path), content)
      const names = Object.keys(files)
      const text = `${ctx.dryRun ? 'Would write' : 'Wrote'} ${names.join(', ')}.\nNext: cloned skills validate ${ctx.args['dir']}`
      return { json: { directory, files: names }, text: ctx.printable(text, { lines: true }) }
    },
  }
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content, { flag: 'wx' })
}

function filesOf(name: string, id: string): Readonly<Record<string, string>> {
  const publisher = id.split('.')[0]
  return {
    'SKILL.md': `---
name: ${name}
description: Lists the Markdown files of a directory. Use it when somebody asks which documents there are.
allowed-tools: cloned.internal.fs.list@v1
---

# ${name}

Run it with \`cloned run ${id} --input '{"directory": "."}'\`.
`,
    'pack.yaml': `format: 1
id: ${id}
version: 0.1.0
publisher: ${publisher}
title: ${name}
description: Lists the Markdown files of a directory.
allowed_tools:
  - cloned.internal.fs.list@v1
constitution:
  capabilities: [fs.read]
  max_duration_ms: 60000
`,
    'pipelines/list.yaml': `format: 1
id: ${id}
title: List the Markdown files
description: Lists the Markdown files of a directory.
inputs:
  type: object
  properties:
    directory: { type: string, minLength: 1, description: Relative to the workspace root. }
  required: [directory]
  additionalProperties: false
allowed_tools:
  - cloned.internal.fs.list@v1
steps:
  - id: list
    tool: cloned.internal.fs.list@v1
    input:
      path: \${{ inputs.directory }}
      glob: "**/*.md"
output:
  files: \${{ steps.list.output.entries }}
`,
  }
}
