// A workspace with the real policy, approvals, trust store and registry, in real kernels; a test may open it several times.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ActionKind,
  type Approvals,
  type AuditLog,
  approvalsSlot,
  auditSlot,
  createKernel,
  defineDistribution,
  type Json,
  type Kernel,
  type Outcome,
  type Plugin,
} from 'cloned/kernel'
import { approvalsPlugin } from 'cloned/plugins/approvals'
import { auditPlugin } from 'cloned/plugins/audit'
import { keysPlugin } from 'cloned/plugins/keys'
import { packagePlugin } from 'cloned/plugins/package'
import { policyPlugin } from 'cloned/plugins/policy'
import {
  connectorDisable,
  connectorEnable,
  connectorInstall,
  type Registry,
  registryPlugin,
  registrySlot,
} from 'cloned/plugins/registry'
import { storePlugin } from 'cloned/plugins/store'
import { type Trust, type TrustChange, trustPlugin, trustSlot, trustWrite } from 'cloned/plugins/trust'
import { initWorkspace, workspacePlugin } from 'cloned/plugins/workspace'
import { Incoming } from '../../plugins/registry/incoming.js'
import { mustFitSchema } from './audit-records.js'
import type { Made } from './package-fixture.js'

export const START = Date.parse('2026-06-01T00:00:00Z')

export interface Opened {
  readonly kernel: Kernel
  readonly trust: Trust
  readonly registry: Registry
  readonly audit: AuditLog
  readonly approvals: Approvals
  /** Starts an action and approves it where it asks; answers how it ended and what was asked. */
  act<I extends Json, O>(kind: ActionKind<I, O>, target: string, input: I): Promise<Ended<O>>
  change(change: TrustChange): Promise<Ended<unknown>>
  /** Asks to install what a vendor made; `input` bends what is asked for. */
  install(
    made: Made,
    input?: Partial<{ previous: string | null; version: string; archive: string }>,
  ): Promise<Ended<unknown>>
  enable(id: string): Promise<Ended<unknown>>
  disable(id: string): Promise<Ended<unknown>>
  stop(): Promise<void>
}

export interface Ended<O> {
  readonly outcome: Outcome<O>
  /** `done`, or the code of the refusal. */
  readonly end: string
  readonly asked: string
}

export interface RegistryWorld {
  readonly root: string
  /** A path under `.cloned`. */
  path(...parts: string[]): string
  /** What every kernel takes for the time. */
  now: number
  open(plugins?: readonly Plugin[]): Promise<Opened>
  close(): Promise<void>
}

export function registryWorld(): RegistryWorld {
  const directory = mkdtempSync(join(tmpdir(), 'cloned-registry-'))
  const { root } = initWorkspace(join(directory, 'ws'), { type: 'personal', now: Date.now })
  const kernels: Kernel[] = []
  const world: RegistryWorld = {
    root,
    path: (...parts) => join(root, '.cloned', ...parts),
    now: START,
    async open(plugins = []) {
      const kernel = createKernel(
        defineDistribution({
          name: 'test',
          version: '1.0.0',
          plugins: [
            workspacePlugin,
            keysPlugin,
            storePlugin,
            auditPlugin,
            policyPlugin,
            approvalsPlugin,
            packagePlugin,
            trustPlugin,
            registryPlugin,
            ...plugins,
          ],
        }),
        {
          config: {
            'cloned.workspace': { root },
            'cloned.keys': { home: join(directory, 'config') },
            'cloned.audit': { thread: 'inline' },
          },
          log: () => ({ debug() {}, info() {}, warn() {}, error() {} }),
          osUser: 'ann',
          now: () => world.now,
        },
      )
      kernels.push(kernel)
      await kernel.start()
      return opened(world, kernel)
    },
    async close() {
      for (const kernel of kernels) await kernel.stop()
      mustFitSchema(world.path('audit.log'))
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return world
}

function opened(world: RegistryWorld, kernel: Kernel): Opened {
  const approvals = kernel.service(approvalsSlot)
  const registry = kernel.service(registrySlot)
  const act: Opened['act'] = async (kind, target, input) => {
    const first = await kernel.act(kind, { target, input })
    if (first.status !== 'pending') return ended(first, '')
    const { id, asks } = first.approval
    const { outcome } = await approvals.decide(id, { verdict: 'approve', by: first.approval.action.actor })
    if (!outcome) throw new Error('nothing was executed')
    return ended(outcome as typeof first, asks.map(({ reason }) => reason).join('\n'))
  }
  const flip = async (kind: typeof connectorEnable | typeof connectorDisable, id: string) => {
    const digest = (await registry.get(id))?.digest ?? '0'.repeat(64)
    return await act(kind as typeof connectorEnable, id, { id, digest })
  }
  return {
    kernel,
    trust: kernel.service(trustSlot),
    registry,
    audit: kernel.service(auditSlot),
    approvals,
    act,
    change: (change) => act(trustWrite, 'test', change),
    async install({ archive, manifest, digest }, input = {}) {
      const incoming = new Incoming(() => world.path('packages', 'incoming'), 64 * 1024 * 1024)
      const { id, version, publisher_id: publisher } = manifest
      const previous = (await registry.get(id))?.digest ?? null
      const name = incoming.put(archive, { hold: false, now: Date.now() })
      return await act(connectorInstall, id, { id, version, publisher, digest, archive: name, previous, ...input })
    },
    enable: (id) => flip(connectorEnable, id),
    disable: (id) => flip(connectorDisable, id),
    stop: () => kernel.stop(),
  }
}

function ended<O>(outcome: Outcome<O>, asked: string): Ended<O> {
  return { outcome, asked, end: 'code' in outcome ? String(outcome.code) : outcome.status }
}
