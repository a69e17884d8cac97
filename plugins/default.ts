// Names every built-in plugin: the default distribution, and the way to open a workspace with it; decides nothing else.
import {
  createKernel,
  type Distribution,
  defineDistribution,
  type Kernel,
  type KernelRuntime,
  type Plugin,
} from 'cloned/kernel'
import { approvalsPlugin } from './approvals/index.js'
import { artifactsPlugin } from './artifacts/index.js'
import { auditPlugin } from './audit/index.js'
import { budgetsPlugin } from './budgets/index.js'
import { cliPlugin } from './cli/index.js'
import { doctorPlugin } from './doctor/index.js'
import { fsPlugin } from './fs/index.js'
import { keysPlugin } from './keys/index.js'
import { outboundPlugin } from './outbound/index.js'
import { policyPlugin } from './policy/index.js'
import { quickstartPlugin } from './quickstart/index.js'
import { runsPlugin } from './runs/index.js'
import { scrubPlugin } from './scrub/index.js'
import { skillsPlugin } from './skills/index.js'
import { storePlugin } from './store/index.js'
import { vaultPlugin } from './vault/index.js'
import { vaultAzurePlugin } from './vault-azure/index.js'
import { vaultCommandPlugin } from './vault-command/index.js'
import { vaultEnvPlugin } from './vault-env/index.js'
import { vaultFilePlugin } from './vault-file/index.js'
import { vaultKeychainPlugin } from './vault-keychain/index.js'
import { vaultOpenbaoPlugin } from './vault-openbao/index.js'
import { workspacePlugin } from './workspace/index.js'

/** The built-in plugins, in the order in which ties are broken. */
export const builtIns: readonly Plugin[] = [
  workspacePlugin,
  storePlugin,
  keysPlugin,
  auditPlugin,
  policyPlugin,
  approvalsPlugin,
  budgetsPlugin,
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
  skillsPlugin,
  runsPlugin,
  doctorPlugin,
  cliPlugin,
  quickstartPlugin,
]

/**
 * The default distribution, with more plugins after the built-in ones. Policy must vote on every tool call and on every
 * policy write; without it the kernel does not start.
 */
export function defaultDistribution(
  more: Partial<Pick<Distribution, 'plugins' | 'replace' | 'omit'>> = {},
): Distribution {
  const { plugins = [], ...rest } = more
  return defineDistribution({
    name: 'cloned',
    version: '0.1.0',
    plugins: [...builtIns, ...plugins],
    requireGuards: {
      beforeToolCall: ['cloned.policy'],
      onPolicyWrite: ['cloned.policy'],
      beforeAction: ['cloned.policy'],
    },
    ...rest,
  })
}

/** How to open a workspace. */
export interface OpenOptions extends KernelRuntime, Partial<Pick<Distribution, 'plugins' | 'replace' | 'omit'>> {
  /** A directory in or under the workspace. Default: the current directory. */
  readonly root?: string
}

/** Opens the workspace at `root` with the default distribution, started. Stop it with `kernel.stop()`. */
export async function open({ root, plugins, replace, omit, config, ...runtime }: OpenOptions = {}): Promise<Kernel> {
  const more = { ...(plugins ? { plugins } : {}), ...(replace ? { replace } : {}), ...(omit ? { omit } : {}) }
  const workspace = root === undefined ? {} : { 'cloned.workspace': { root } }
  const kernel = createKernel(defaultDistribution(more), { ...runtime, config: { ...workspace, ...config } })
  await kernel.start()
  return kernel
}

export { initWorkspace } from './workspace/index.js'
