// A workspace with connectors that a test enables by itself, run by real workers in the real sandbox; nothing is signed.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  auditSlot,
  createKernel,
  defineDistribution,
  definePlugin,
  type JsonObject,
  type Kernel,
  type Logger,
  type Outcome,
  type Plugin,
} from 'cloned/kernel'
import { connectorsPlugin } from 'cloned/plugins/connectors'
import { packagePlugin } from 'cloned/plugins/package'
import { sandboxPlugin } from 'cloned/plugins/sandbox'
import { sandboxBubblewrapPlugin } from 'cloned/plugins/sandbox-bubblewrap'
import { builtIns, defaultDistribution, initWorkspace } from '../../plugins/default.js'
import { type ConnectorManifest, manifestSourcesCollection, type PackageTool } from '../../plugins/package/slot.js'
import { afterRegistryChange, type EnabledConnector, registrySlot } from '../../plugins/registry/slot.js'
import { type Trust, trustSlot } from '../../plugins/trust/slot.js'
import { mustFitSchema } from './audit-records.js'

/** Whether programs can be confined here. In CI a machine that cannot is a failure, not a reason to skip. */
export const canConfine = process.env['CI'] === 'true' || spawnSync('bwrap', ['--version']).status === 0
export const NO_SANDBOX = 'bubblewrap is not installed'

/** A trust store that is in this mode and has nothing in it. */
export const trustIn = (mode: 'dev' | 'strict') =>
  definePlugin({
    id: 'test.trust',
    version: '1.0.0',
    kernel: '^0.1.0',
    provides: { trust: trustSlot },
    setup: () => ({ trust: { standing: async () => ({ mode, digest: '' }) } as unknown as Trust }),
  })

/** The tool of a manifest, with what a test does not say. */
export function packageTool(tool: Partial<PackageTool> & { readonly id: string }): PackageTool {
  return {
    title: tool.id,
    description: '',
    contract_sha256: '0'.repeat(64),
    input_schema: { type: 'object' },
    output_schema: {},
    risk: 'low',
    capability: 'test',
    idempotent: false,
    cost: {},
    timeout_ms: 10_000,
    egress_hosts: [],
    auth: [],
    redaction_rules: [],
    loggable_fields: [],
    ...tool,
  }
}

export interface Source {
  readonly id: string
  readonly files: Readonly<Record<string, string>>
  readonly command?: readonly string[]
  readonly tools?: readonly (Partial<PackageTool> & { readonly id: string })[]
  readonly manifest?: Partial<ConnectorManifest>
}

export interface ConnectorsWorld {
  readonly root: string
  readonly kernel: Kernel
  readonly logged: string[]
  /** Milliseconds that the kernel's clock is ahead of the machine's. */
  advance(ms: number): void
  enable(source: Source): EnabledConnector
  disable(id: string): void
  call(tool: string, input?: unknown, options?: Parameters<Kernel['call']>[1]): Promise<Outcome>
  /** Records of the audit log about the last call, by type. */
  records(callId: string): Promise<readonly Record<string, unknown>[]>
  close(): Promise<void>
}

export interface WorldOptions {
  readonly connectors?: JsonObject
  readonly plugins?: readonly Plugin[]
  readonly config?: Readonly<Record<string, JsonObject>>
}

const OWN = [packagePlugin, sandboxPlugin, sandboxBubblewrapPlugin, connectorsPlugin]

export async function connectorsWorld(options: WorldOptions = {}): Promise<ConnectorsWorld> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-connectors-'))
  const sources = mkdtempSync(join(tmpdir(), 'cloned-sources-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const enabled = new Map<string, EnabledConnector>()
  const logged: string[] = []
  let ahead = 0
  let changed = (): void => undefined
  const registry = definePlugin({
    id: 'test.registry',
    version: '1.0.0',
    kernel: '^0.1.0',
    provides: { registry: registrySlot },
    owns: { sources: manifestSourcesCollection },
    fires: [afterRegistryChange],
    setup({ hooks }) {
      changed = () => hooks.fire(afterRegistryChange, { enabled: [...enabled.values()] })
      const verifyNow = async (id: string): Promise<EnabledConnector> => {
        const found = enabled.get(id)
        if (!found) throw new Error(`${id} is not enabled`)
        return found
      }
      return {
        registry: {
          enabled: () => [...enabled.values()],
          list: async () => [],
          get: async () => undefined,
          verifyNow,
        },
      }
    },
  })
  const plugins = options.plugins ?? []
  const replaced = new Set(
    [...OWN, ...plugins].map(({ manifest }) => manifest.id).concat('cloned.registry', 'cloned.trust'),
  )
  const kept = builtIns.filter(({ manifest }) => !replaced.has(manifest.id))
  const log: Logger = { debug: note, info: note, warn: note, error: note }
  function note(message: string): void {
    logged.push(message)
  }
  const kernel = createKernel(
    defineDistribution({ ...defaultDistribution(), plugins: [...kept, ...OWN, registry, ...plugins] }),
    {
      now: () => Date.now() + ahead,
      log: () => log,
      osUser: 'ann',
      config: {
        'cloned.workspace': { root },
        'cloned.audit': { thread: 'inline' },
        'cloned.connectors': options.connectors ?? {},
        ...options.config,
      },
    },
  )
  await kernel.start()
  return {
    root,
    kernel,
    logged,
    advance(ms) {
      ahead += ms
    },
    enable(source) {
      const connector = written(sources, source)
      enabled.set(source.id, connector)
      changed()
      return connector
    },
    disable(id) {
      enabled.delete(id)
      changed()
    },
    call: (tool, input = {}, more) => kernel.call({ tool: `connector.${tool}`, input, actor: 'agent:tester' }, more),
    records: async (callId) => {
      const found = await kernel.service(auditSlot).find(callId)
      return found.map(({ record }) => record as Record<string, unknown>)
    },
    async close() {
      await kernel.stop()
      mustFitSchema(join(root, '.cloned', 'audit.log'))
      rmSync(root, { recursive: true, force: true })
      rmSync(sources, { recursive: true, force: true })
    },
  }
}

let count = 0

function written(sources: string, { id, files, command, tools, manifest }: Source): EnabledConnector {
  const directory = join(sources, String(++count))
  mkdirSync(directory)
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(join(directory, name), content)
    chmodSync(join(directory, name), 0o755)
  }
  const digest = count.toString(16).padStart(64, '0')
  const publisher = id.split('.')[0] ?? id
  return {
    id,
    version: '1.0.0',
    publisher,
    digest,
    directory,
    manifest: {
      schema: 'cloned.package/v1',
      id,
      version: '1.0.0',
      publisher_id: publisher,
      title: id,
      description: '',
      created_at: '2026-01-01T00:00:00Z',
      runtime: command ? { kind: 'command', command } : { kind: 'node', entry: 'main.mjs' },
      protocol: 1,
      files: [],
      tools: (tools ?? [{ id: `${id}.do@v1` }]).map(packageTool),
      provides_capabilities: [],
      requires_capabilities: [],
      ...manifest,
    },
  }
}
