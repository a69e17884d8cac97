// Starts a real kernel over the audit plugin, for the tests of what the plugin contributes.
import { join } from 'node:path'
import {
  allow,
  auditSlot,
  beforeToolCall,
  ClonedError,
  createKernel,
  defineDistribution,
  definePlugin,
  type JsonObject,
  type Plugin,
  use,
} from 'cloned/kernel'
import { auditPlugin } from 'cloned/plugins/audit'
import { keysPlugin } from 'cloned/plugins/keys'
import { onTestFinished } from 'vitest'
import { type Command, type CommandContext, commandsCollection } from '../../plugins/cli/slot.js'
import { type DoctorCheck, doctorChecksCollection } from '../../plugins/doctor/slot.js'
import { workspaceSlot } from '../../plugins/workspace/slot.js'
import { homeOf } from './audit-helpers.js'

export const basics = { version: '1.0.0', kernel: '^0.1.0' } as const

/** The real kernel with the audit plugin, and what it contributed. */
export async function boot(
  dir: string,
  config: JsonObject = {},
  { plugins: more = [], now = () => 0 }: { plugins?: readonly Plugin[]; now?: () => number } = {},
) {
  let commands: readonly Command[] = []
  let checks: readonly DoctorCheck[] = []
  const workspace = definePlugin({
    id: 'test.workspace',
    ...basics,
    provides: { workspace: workspaceSlot },
    setup: () => ({
      workspace: {
        root: dir,
        dir,
        config: { version: 1, id: 'w', type: 'personal' },
        found: 'named',
        path: (...parts: string[]) => join(dir, ...parts),
      } as const,
    }),
  })
  const reader = definePlugin({
    id: 'test.reader',
    ...basics,
    owns: { commands: commandsCollection, checks: doctorChecksCollection },
    setup: ({ collected, onStart }) => {
      onStart(() => {
        commands = collected.commands().map(({ item }) => item)
        checks = collected.checks().map(({ item }) => item)
      })
    },
  })
  const keys = use(keysPlugin, { home: homeOf(dir) })
  const policy = definePlugin({
    id: 'test.policy',
    ...basics,
    taps: [beforeToolCall],
    setup: ({ hooks }) => hooks.guard(beforeToolCall, () => allow('test')),
  })
  const plugins = [workspace, reader, policy, keys, use(auditPlugin, { thread: 'inline', ...config }), ...more]
  const kernel = createKernel(
    defineDistribution({ name: 'test', version: '1.0.0', plugins, mayAllow: ['test.policy'] }),
    { now },
  )
  onTestFinished(() => kernel.stop())
  await kernel.start()
  const command = (name: string) => {
    const found = commands.find((each) => each.name === name)
    if (!found) throw new Error(`no command ${name}`)
    return found
  }
  return { kernel, audit: kernel.service(auditSlot), command, checks: () => checks }
}

export function context(more: Partial<CommandContext> = {}): CommandContext {
  return {
    args: {},
    options: {},
    json: false,
    dryRun: false,
    confirm: async () => false,
    usageError: (problem: string) => new ClonedError('COMMAND_USAGE', { problem, usage: '', example: '' }),
    signal: new AbortController().signal,
    ...more,
  } as CommandContext
}
