// Names every built-in plugin: the default distribution, and the way to open a workspace with it; decides nothing else.
import {
  createKernel,
  type Distribution,
  defineDistribution,
  type Kernel,
  type KernelRuntime,
  type Plugin,
} from 'cloned/kernel'
import { apiPlugin } from './api/plugin.js'
import { approvalsPlugin } from './approvals/index.js'
import { approvalsCommandPlugin } from './approvals-command/index.js'
import { artifactsPlugin } from './artifacts/index.js'
import { auditPlugin } from './audit/index.js'
import { budgetsPlugin } from './budgets/index.js'
import { builderPlugin } from './builder/index.js'
import { cliPlugin } from './cli/index.js'
import { connectorsPlugin } from './connectors/index.js'
import { doctorPlugin } from './doctor/index.js'
import { egressProxyPlugin } from './egress-proxy/index.js'
import { eventsPlugin } from './events/index.js'
import { firewallPlugin } from './firewall/index.js'
import { fsPlugin } from './fs/index.js'
import { keysPlugin } from './keys/index.js'
import { mcpPlugin } from './mcp/index.js'
import { mcpClientsPlugin } from './mcp-clients/index.js'
import { mcpUpstreamPlugin } from './mcp-upstream/index.js'
import { outboundPlugin } from './outbound/index.js'
import { packagePlugin } from './package/index.js'
import { pairingPlugin } from './pairing/index.js'
import { pluginKitPlugin } from './plugin-kit/index.js'
import { policyPlugin } from './policy/index.js'
import { quickstartPlugin } from './quickstart/index.js'
import { registryPlugin } from './registry/index.js'
import { runsPlugin } from './runs/index.js'
import { sandboxPlugin } from './sandbox/index.js'
import { sandboxBubblewrapPlugin } from './sandbox-bubblewrap/index.js'
import { sandboxRuntimePlugin } from './sandbox-runtime/index.js'
import { scrubPlugin } from './scrub/index.js'
import { skillsPlugin } from './skills/index.js'
import { storePlugin } from './store/index.js'
import { storeGuardPlugin } from './store-guard/index.js'
import { trustPlugin } from './trust/index.js'
import { vaultPlugin } from './vault/index.js'
import { vaultAzurePlugin } from './vault-azure/index.js'
import { vaultCommandPlugin } from './vault-command/index.js'
import { vaultEnvPlugin } from './vault-env/index.js'
import { vaultFilePlugin } from './vault-file/index.js'
import { vaultKeychainPlugin } from './vault-keychain/index.js'
import { vaultOpenbaoPlugin } from './vault-openbao/index.js'
import { webhooksPlugin } from './webhooks/index.js'
import { workspacePlugin } from './workspace/index.js'

/** The built-in plugins, in the order in which ties are broken. */
export const builtIns: readonly Plugin[] = [
  workspacePlugin,
  storePlugin,
  keysPlugin,
  auditPlugin,
  storeGuardPlugin,
  policyPlugin,
  approvalsPlugin,
  approvalsCommandPlugin,
  budgetsPlugin,
  firewallPlugin,
  egressProxyPlugin,
  scrubPlugin,
  outboundPlugin,
  vaultPlugin,
  vaultFilePlugin,
  vaultEnvPlugin,
  vaultCommandPlugin,
  vaultOpenbaoPlugin,
  vaultKeychainPlugin,
  vaultAzurePlugin,
  fsPlugin,
  artifactsPlugin,
  packagePlugin,
  trustPlugin,
  registryPlugin,
  sandboxPlugin,
  sandboxBubblewrapPlugin,
  sandboxRuntimePlugin,
  connectorsPlugin,
  skillsPlugin,
  eventsPlugin,
  webhooksPlugin,
  runsPlugin,
  mcpUpstreamPlugin,
  mcpPlugin,
  mcpClientsPlugin,
  doctorPlugin,
  apiPlugin,
  pairingPlugin,
  cliPlugin,
  builderPlugin,
  pluginKitPlugin,
  quickstartPlugin,
]

/** What can be changed in the default distribution. */
export type Composition = Partial<
  Pick<Distribution, 'plugins' | 'replace' | 'wrap' | 'omit' | 'requireGuards' | 'mayAllow' | 'limits'>
>

/**
 * The policy must vote on everything, the firewall on its rules, the store must be the known one, secrets must be looked for,
 * and budgets must be taken; else the kernel does not start.
 */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  beforeToolCall: ['cloned.policy'],
  onPolicyWrite: ['cloned.policy', 'cloned.firewall'],
  beforeAction: ['cloned.policy', 'cloned.store-guard', 'cloned.scrubber'],
  reserveToolCall: ['cloned.budgets', 'cloned.store-guard'],
}

/**
 * The default distribution, with more plugins after the built-in ones. `requireGuards` adds to what is required anyway,
 * `limits` replaces single limits; a distribution that wants to require less is made with `defineDistribution`.
 */
export function defaultDistribution(more: Composition = {}): Distribution {
  const { plugins = [], requireGuards = {}, limits, ...rest } = more
  const hooks = new Set([...Object.keys(REQUIRED), ...Object.keys(requireGuards)])
  return defineDistribution({
    name: 'cloned',
    version: '0.1.0',
    plugins: [...builtIns, ...plugins],
    requireGuards: Object.fromEntries(
      [...hooks].map((hook) => [hook, [...new Set([...(REQUIRED[hook] ?? []), ...(requireGuards[hook] ?? [])])]]),
    ),
    mayAllow: ['cloned.policy', 'cloned.firewall'],
    // Room for what the file and artifact tools say that they take.
    limits: { input: { depth: 64, bytes: 20 * 1024 * 1024 }, ...limits },
    ...rest,
  })
}

/** How to open a workspace. */
export interface OpenOptions extends KernelRuntime, Composition {
  /** A directory in or under the workspace. Default: the current directory. */
  readonly root?: string
}

/** Opens the workspace at `root` with the default distribution, started. Stop it with `kernel.stop()`. */
export async function open({ root, config, off, now, log, osUser, ...composition }: OpenOptions = {}): Promise<Kernel> {
  const workspace = root === undefined ? {} : { 'cloned.workspace': { root } }
  const kernel = createKernel(defaultDistribution(composition), {
    ...(off ? { off } : {}),
    ...(now ? { now } : {}),
    ...(log ? { log } : {}),
    ...(osUser === undefined ? {} : { osUser }),
    config: { ...workspace, ...config },
  })
  await kernel.start()
  return kernel
}

export { initWorkspace } from './workspace/index.js'
