// A workspace with a real vault, and what it needs, in real kernels; a test may open it several times, as processes do.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets look like that
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Approvals,
  type AuditLog,
  allow,
  approvalsSlot,
  auditSlot,
  beforeAction,
  beforeSecretUse,
  beforeToolCall,
  createKernel,
  defineDistribution,
  definePlugin,
  defineTool,
  deny,
  type Json,
  type Kernel,
  type Plugin,
  toolsCollection,
} from 'cloned/kernel'
import { approvalsPlugin } from 'cloned/plugins/approvals'
import { auditPlugin } from 'cloned/plugins/audit'
import { keysPlugin } from 'cloned/plugins/keys'
import { policyPlugin } from 'cloned/plugins/policy'
import { storePlugin } from 'cloned/plugins/store'
import {
  type Secret,
  type SecretContext,
  type SecretScope,
  secretListenersCollection,
  type Vault,
  vaultPlugin,
  vaultSlot,
} from 'cloned/plugins/vault'
import { vaultFilePlugin } from 'cloned/plugins/vault-file'
import { initWorkspace, workspacePlugin } from 'cloned/plugins/workspace'

export const TOOL = 'test.api.get@v1'
export const HOST = 'api.example.com'
export const SLOT = 'header:authorization'
export const SCOPE: SecretScope = { hosts: [HOST], tools: ['test.api.*'], slots: [SLOT] }
/** A value that no other text holds, with everything that careless code trips over. */
export const VALUE = 'tok-$&$1-${vault:other}-7f3Qz'

export interface Opened {
  readonly kernel: Kernel
  readonly vault: Vault
  /** Only under the real policy. */
  approvals(): Approvals
  readonly audit: AuditLog
  /** Every value that listeners heard of, in order. */
  readonly heard: readonly Secret[]
  /** For {@link TOOL} on {@link HOST}, let through by the guards unless said otherwise. */
  context(change?: Partial<SecretContext>): SecretContext
  /** Stores as a person would whom nobody has to ask. */
  put(name: string, value?: string, scope?: SecretScope): Promise<void>
}

export interface World {
  readonly root: string
  /** `.cloned/vault/vault.json` */
  readonly file: string
  /** Configuration home of its own. */
  readonly home: string
  open(options?: { config?: Record<string, Json>; plugins?: readonly Plugin[]; now?: () => number }): Promise<Opened>
  close(): Promise<void>
}

/** Under a policy that allows or denies everything, or under the real one, which asks before the vault is written. */
export async function vaultWorld(policy: 'allow' | 'deny' | 'real' = 'allow'): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), 'cloned-vault-'))
  const home = join(directory, 'config')
  const made = initWorkspace(join(directory, 'ws'), { type: 'personal', now: Date.now })
  const kernels: Kernel[] = []
  return {
    root: made.root,
    file: join(made.root, '.cloned', 'vault', 'vault.json'),
    home,
    async open({ config = {}, plugins = [], now } = {}) {
      const heard: Secret[] = []
      const listener = definePlugin({
        id: 'test.listener',
        version: '1.0.0',
        kernel: '^0.1.0',
        contributes: { listeners: secretListenersCollection, tools: toolsCollection },
        setup: () => ({ listeners: [{ resolved: (secret) => void heard.push(secret) }], tools: [probe] }),
      })
      const kernel = createKernel(
        defineDistribution({
          name: 'test',
          version: '1.0.0',
          plugins: [
            workspacePlugin,
            keysPlugin,
            storePlugin,
            auditPlugin,
            ...(policy === 'real' ? [policyPlugin, approvalsPlugin] : [verdict(policy)]),
            vaultPlugin,
            vaultFilePlugin,
            listener,
            ...plugins,
          ],
          ...(policy === 'real' ? {} : { mayAllow: ['test.verdict'] }),
        }),
        {
          config: {
            'cloned.workspace': { root: made.root },
            'cloned.keys': { home },
            'cloned.audit': { thread: 'inline' },
            ...config,
          },
          log: () => ({ debug() {}, info() {}, warn() {}, error() {} }),
          osUser: 'ann',
          ...(now ? { now } : {}),
        },
      )
      kernels.push(kernel)
      await kernel.start()
      const vault = kernel.service(vaultSlot)
      return {
        kernel,
        vault,
        approvals: () => kernel.service(approvalsSlot),
        audit: kernel.service(auditSlot),
        heard,
        context: (change = {}) => ({
          tool: TOOL,
          host: HOST,
          slot: SLOT,
          callId: 'call-1',
          workspace: made.config.id,
          check: () => ({ allowed: true, ballot: [] }),
          ...change,
        }),
        async put(name, value = VALUE, scope = SCOPE) {
          const outcome = await vault.put(name, Buffer.from(value), scope)
          if (outcome.status !== 'done') throw new Error(`${name} was not stored: ${JSON.stringify(outcome)}`)
        },
      }
    },
    async close() {
      for (const kernel of kernels) await kernel.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

const probe = defineTool({
  id: TOOL,
  title: 'Get',
  description: 'Answers what it was given',
  risk: 'low',
  capability: 'test',
  input: { type: 'object' },
  output: {},
  handler: (input) => ({ input }),
})

function verdict(answer: 'allow' | 'deny'): Plugin {
  return definePlugin({
    id: 'test.verdict',
    version: '1.0.0',
    kernel: '^0.1.0',
    taps: [beforeToolCall, beforeAction, beforeSecretUse],
    setup({ hooks }) {
      const vote = () => (answer === 'allow' ? allow('test') : deny('not in this test'))
      hooks.guard(beforeToolCall, vote)
      hooks.guard(beforeAction, vote)
      hooks.guard(beforeSecretUse, vote)
    },
  })
}
