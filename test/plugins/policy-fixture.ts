// A workspace with the policy and everything it needs, as real plugins in a real kernel; a test may open it several times.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Approvals,
  approvalsSlot,
  createKernel,
  defineDistribution,
  definePlugin,
  defineTool,
  type Kernel,
  type Risk,
  toolsCollection,
} from 'cloned/kernel'
import { approvalsPlugin } from 'cloned/plugins/approvals'
import { auditPlugin } from 'cloned/plugins/audit'
import { keysPlugin } from 'cloned/plugins/keys'
import { type Policy, policyPlugin, policySlot } from 'cloned/plugins/policy'
import { storePlugin } from 'cloned/plugins/store'
import { initWorkspace, workspacePlugin } from 'cloned/plugins/workspace'
import { type Command, type CommandContext, type CommandResult, commandsCollection } from '../../plugins/cli/slot.js'
import { type DoctorCheck, type DoctorResult, doctorChecksCollection } from '../../plugins/doctor/slot.js'

/** One process of the workspace. */
export interface Opened {
  readonly kernel: Kernel
  readonly policy: Policy
  readonly approvals: Approvals
  run(command: string, context?: Partial<CommandContext>): Promise<CommandResult>
  check(): Promise<DoctorResult>
}

export interface World {
  readonly root: string
  /** The overlay file. */
  readonly overlay: string
  /** Opens the workspace as another process would: own kernel, own store, own log. */
  open(osUser?: string): Promise<Opened>
  close(): Promise<void>
}

const risky = (risk: Risk) =>
  defineTool({
    id: `test.do.${risk}@v1`,
    title: 'Do',
    description: 'Does nothing',
    risk,
    capability: 'test',
    input: { type: 'object' },
    output: {},
    handler: () => ({ ran: true }),
  })

export async function policyWorld(type: 'personal' | 'shared' | 'enterprise' = 'personal'): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'cloned-policy-'))
  const { root } = initWorkspace(directory, { type, now: Date.now })
  const kernels: Kernel[] = []
  return {
    root,
    overlay: join(root, '.cloned', 'policy', `${type}.yaml`),
    async open(osUser = 'ann') {
      let commands: () => readonly Command[] = () => []
      let checks: () => readonly DoctorCheck[] = () => []
      const host = definePlugin({
        id: 'test.host',
        version: '1.0.0',
        kernel: '^0.1.0',
        owns: { commands: commandsCollection, checks: doctorChecksCollection },
        contributes: { tools: toolsCollection },
        setup({ collected }) {
          commands = () => collected.commands().map(({ item }) => item)
          checks = () => collected.checks().map(({ item }) => item)
          return { tools: [risky('low'), risky('medium'), risky('high')] }
        },
      })
      const plugins = [workspacePlugin, storePlugin, keysPlugin, auditPlugin, policyPlugin, approvalsPlugin, host]
      const kernel = createKernel(
        defineDistribution({
          name: 'test',
          version: '1.0.0',
          plugins,
          requireGuards: { beforeToolCall: ['cloned.policy'], onPolicyWrite: ['cloned.policy'] },
        }),
        { config: { 'cloned.workspace': { root }, 'cloned.audit': { thread: 'inline' } }, osUser },
      )
      kernels.push(kernel)
      await kernel.start()
      return {
        kernel,
        policy: kernel.service(policySlot),
        approvals: kernel.service(approvalsSlot),
        async run(name, context = {}) {
          const command = commands().find((each) => each.name === name)
          if (!command) throw new Error(`no command ${name}`)
          return await command.run({ ...CONTEXT, ...context })
        },
        async check() {
          const check = checks().find(({ id }) => id === 'policy.files')
          if (!check) throw new Error('no check policy.files')
          return await check.run()
        },
      }
    },
    async close() {
      for (const kernel of kernels) await kernel.stop()
      await rm(directory, { recursive: true })
    },
  }
}

const same = (text: string) => text
const CONTEXT: CommandContext = {
  args: {},
  rest: [],
  options: {},
  actor: undefined,
  dryRun: false,
  yes: false,
  json: false,
  interactive: false,
  cwd: '/',
  workspace: '/',
  signal: new AbortController().signal,
  stdin: async () => '',
  inputJson: async () => ({}),
  note: () => undefined,
  progress: () => undefined,
  print: () => undefined,
  emit: () => undefined,
  confirm: async () => false,
  startError: undefined,
  tell: () => undefined,
  choose: async () => undefined,
  ask: async () => undefined,
  askSecret: async () => undefined,
  usageError: (problem) => {
    throw new Error(problem)
  },
  howToDecide: ({ id }) => `decide ${id}`,
  waiting: ({ id }) => `Waiting for approval ${id}`,
  printable: same,
  paint: { bold: same, dim: same, green: same, yellow: same, red: same, cyan: same },
  table: (head, rows) => [head, ...rows].map((row) => row.join(' | ')).join('\n'),
}
