// The command that checks a pack before anybody runs it: every problem of every file, at its line and column.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describeThrown, type Json } from 'cloned/kernel'
import type { Command } from '../../cli/slot.js'
import { runProblems } from '../check-tools.js'
import { link, readLibrary } from '../library.js'
import { readWhole } from '../pack.js'
import { requirementProblems } from '../ready.js'
import type { ShownParts } from '../skills.js'

export function validateCommand(parts: ShownParts): Command {
  return {
    name: 'skills validate',
    summary: 'Check a skill pack: its files, and its steps against the tools of this workspace',
    args: [{ name: 'dir', description: 'Directory of the pack; the current one when absent' }],
    examples: ['cloned skills validate', 'cloned skills validate ./report'],
    needs: 'workspace',
    async run({ args, cwd, printable }) {
      const directory = resolve(cwd, args['dir'] ?? '.')
      const { pack, errors } = readWhole(directory)
      const failures: unknown[] = [...errors]
      const lacking: string[] = existsSync(join(directory, 'SKILL.md'))
        ? []
        : [`there is no SKILL.md in ${directory}, so it is no Agent Skill`]
      if (pack) {
        const others = readLibrary(parts).packs.filter(({ id }) => id !== pack.document.id)
        const { pipelines } = link([...pack.pipelines, ...others.flatMap(({ read }) => read.pipelines)], failures)
        const tools = new Map(parts.tools().map((tool) => [tool.id, tool]))
        for (const { part, file } of pack.pipelines) {
          const whole = pipelines.get(part.id)
          const problems = whole ? runProblems(whole, { tools, parts: whole.parts }) : []
          if (problems.length > 0) failures.push(file.refuse(problems))
        }
        const connectors = { connectors: pack.document.requires?.connectors ?? {} }
        lacking.push(...requirementProblems({ pack: pack.document.id, requires: connectors }, parts.connectors()))
      }
      const problems = [...failures.map(describeThrown), ...lacking]
      const json: Json = { ok: problems.length === 0, directory, problems }
      if (problems.length > 0) {
        return { exit: 1, json, text: '', problem: printable(problems.join('\n'), { lines: true }) }
      }
      const count = pack?.pipelines.length ?? 0
      return { json, text: printable(`${pack?.document.id}: ${count} pipeline(s), all valid`) }
    },
  }
}
