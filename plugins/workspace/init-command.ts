// Decides what `cloned init` says and does; must never change a workspace that exists.
import { resolve } from 'node:path'
import type { Command, CommandResult } from '../cli/slot.js'
import { initWorkspace, noteWorkspace, refuseExisting, workspaceType } from './init.js'
import { DIRECTORY } from './nearest.js'
import { openWorkspace } from './open.js'

/** `cloned init [dir] --type personal|shared|enterprise`. */
export function initCommand(now: () => number): Command {
  return {
    name: 'init',
    summary: 'Make a workspace',
    args: [
      { name: 'dir', description: 'Where to make it; the directory of --workspace, or the current one, when absent' },
    ],
    options: [
      { flags: '--type <type>', description: 'personal (default), shared or enterprise' },
      {
        flags: '--adopt',
        description: 'Take the workspace that is there for your own, after you moved or restored it',
      },
    ],
    examples: ['cloned init', 'cloned init ./team --type shared'],
    needs: 'nothing',
    async run({ args, options, workspace, dryRun, usageError }) {
      const root = resolve(workspace, args['dir'] ?? '.')
      if (options['adopt'] === true) {
        if (options['type'] !== undefined) throw usageError('--adopt and --type do not go together')
        return adopt(root, dryRun)
      }
      const type = workspaceType(options['type'])
      if (dryRun) {
        refuseExisting(root)
        return {
          json: { dry_run: true, root, type, id: null },
          text: `Would make ${named(type)} workspace: ${resolve(root, DIRECTORY)}`,
        }
      }
      const made = initWorkspace(root, { type, now })
      return {
        json: { root: made.root, type, id: made.config.id },
        text: [
          `Made ${named(type)} workspace: ${resolve(made.root, DIRECTORY)}`,
          ...(type === 'personal' ? [] : DECIDED_ELSEWHERE),
          'Next: cloned doctor',
        ].join('\n'),
      }
    },
  }
}

function adopt(named: string, dryRun: boolean): CommandResult {
  const { root, dir, config } = openWorkspace({ root: named, cwd: named })
  const { id, type } = config
  if (dryRun) return { json: { dry_run: true, root, type, id }, text: `Would take for your own: ${dir}` }
  noteWorkspace(root, id)
  return { json: { root, type, id }, text: `Taken for your own: ${dir}\nNext: cloned doctor` }
}

const named = (type: string) => `${type === 'enterprise' ? 'an' : 'a'} ${type}`

// `personal` is the only pack with `approvals.self_decision: true`; a `.cloned` of another user is never opened.
const DECIDED_ELSEWHERE = [
  'Its policy takes no decision from the operating-system user who asked, and this version opens a workspace for its',
  'owner alone: on the command line, what asks for approval stays pending until it expires. More: docs/approvals.md',
]
