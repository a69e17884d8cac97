// Small real plugins that the kernel tests are made of.
import {
  type Action,
  type Approvals,
  type AuditLog,
  allow,
  approvalsSlot,
  auditSlot,
  beforeToolCall,
  createKernel,
  type Distribution,
  defineDistribution,
  definePlugin,
  defineTool,
  type GuardAnswer,
  type Kernel,
  type KernelRuntime,
  type Plugin,
  type Tool,
  toolsCollection,
} from 'cloned/kernel'
import { memoryAudit } from 'cloned/testing'

export const basics = { version: '1.0.0', kernel: '^0.1.0' } as const

/** What every tool needs and a test does not look at. */
export const toolBasics = {
  title: '',
  description: '',
  input: { type: 'object' },
  output: {},
  risk: 'low',
  capability: 'test',
} as const

/** A log that a test can read: everything that was appended. */
export function auditPlugin(log: AuditLog = memoryAudit(), id = 'test.audit'): Plugin {
  return definePlugin({ id, ...basics, provides: { audit: auditSlot }, setup: () => ({ audit: log }) })
}

/** A guard on every tool call. */
export function guardPlugin(id: string, vote: (call: Action) => GuardAnswer | Promise<GuardAnswer>): Plugin {
  return definePlugin({
    id,
    ...basics,
    taps: [beforeToolCall],
    setup: ({ hooks }) => hooks.guard(beforeToolCall, vote),
  })
}

export const allowAll = guardPlugin('test.policy', () => allow('test'))

export function toolsPlugin(tools: readonly Tool[], id = 'test.tools'): Plugin {
  return definePlugin({ id, ...basics, contributes: { tools: toolsCollection }, setup: () => ({ tools }) })
}

export function approvalsPlugin(approvals: Approvals, id = 'test.approvals'): Plugin {
  return definePlugin({ id, ...basics, provides: { approvals: approvalsSlot }, setup: () => ({ approvals }) })
}

/** Adds two numbers and counts how often it ran. */
export function counter() {
  const ran: unknown[] = []
  const tool = defineTool<{ a: number; b: number }, { sum: number }>({
    id: 'test.math.add@v1',
    title: 'Add',
    description: 'Adds two numbers',
    risk: 'low',
    capability: 'math',
    input: {
      type: 'object',
      properties: { a: { type: 'number' }, b: { type: 'number' } },
      required: ['a', 'b'],
      additionalProperties: false,
    },
    output: { type: 'object', properties: { sum: { type: 'number' } }, required: ['sum'] },
    handler: (input) => {
      ran.push(input)
      return { sum: input.a + input.b }
    },
  })
  return { tool, ran }
}

export const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Starts a kernel over these plugins; `mayAllow` defaults to `test.policy`. */
export async function started(
  plugins: readonly Plugin[],
  more: Partial<Distribution> = {},
  runtime: KernelRuntime = {},
): Promise<Kernel> {
  const listed = more.mayAllow ?? (plugins.some(({ manifest }) => manifest.id === 'test.policy') ? ['test.policy'] : [])
  const distribution = defineDistribution({ name: 'test', version: '1.0.0', plugins, mayAllow: listed, ...more })
  const kernel = createKernel(distribution, { log: () => quiet, osUser: 'tester', ...runtime })
  await kernel.start()
  return kernel
}
