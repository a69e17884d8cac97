// Opens a changed default distribution in a workspace that is thrown away; holds no rule, and must not touch another one.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { type Composition, defaultDistribution, initWorkspace } from 'cloned'
import { createKernel, type Json, type Kernel, type Logger, plan, use } from 'cloned/kernel'
import { type RunOptions, runCli } from 'cloned/plugins/cli'
import type { WorkspaceConfig } from './workspace/slot.js'

/** What the workspace and its distribution are. */
export interface TestWorkspaceOptions extends Composition {
  /** Default: `personal`. */
  readonly type?: WorkspaceConfig['type']
  /** Configuration by plugin id. */
  readonly config?: Readonly<Record<string, Json>>
  /** Default: the user of the process. */
  readonly osUser?: string
  /** Runs with the directory of the new workspace before the first start: to put files there. */
  readonly prepare?: (root: string) => void
  /** Where diagnostics go. Default: nowhere. */
  readonly log?: (plugin: string) => Logger
  /** What runs a command line. Default: that of `cloned/plugins/cli`. */
  readonly cli?: (options: RunOptions) => Promise<number>
}

/** What one command line left behind. */
export interface CommandRun {
  readonly exit: number
  readonly out: string
  readonly err: string
}

/** A workspace of its own with a kernel that has started. */
export interface TestWorkspace {
  /** The kernel that is open now. */
  readonly kernel: Kernel
  /** The directory that holds `.cloned`. */
  readonly root: string
  /** What the clock of its kernels shows, milliseconds since 1970; it moves by `advance` only. */
  now(): number
  advance(ms: number): void
  /** Stops the kernel and starts another one in the same workspace. */
  reopen(): Promise<Kernel>
  /** A second kernel in the same workspace, started: as near to another process as one process gets. */
  beside(): Promise<Kernel>
  /** Runs a command line in the workspace, as another process would, with nobody at its terminal. */
  run(...argv: readonly string[]): Promise<CommandRun>
  /** Stops every kernel and removes the workspace. */
  close(): Promise<void>
}

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Makes the workspace and starts the default distribution in it, so changed. */
export async function openTestWorkspace(options: TestWorkspaceOptions = {}): Promise<TestWorkspace> {
  const { type = 'personal', config, osUser, prepare, log = () => quiet, cli = runCli, ...composition } = options
  const directory = mkdtempSync(join(tmpdir(), 'cloned-test-'))
  let clock = Date.now()
  const now = () => clock
  const { root } = initWorkspace(join(directory, 'work'), { type, now })
  prepare?.(root)
  const distribution = defaultDistribution(composition)
  const isListed = (id: string) => plan(distribution).plugins.some((plugin) => plugin.id === id)
  const elsewhere = { 'cloned.workspace': { root }, 'cloned.keys': { home: join(directory, 'home') } }
  const places = Object.fromEntries(Object.entries(elsewhere).filter(([id]) => isListed(id)))

  // What runs a command line configures its kernel itself: for that one it stands in the distribution.
  const configOf = new Map(Object.entries<Json>({ ...places, ...config }))
  const configured = {
    ...distribution,
    plugins: distribution.plugins.map((entry) => {
      const plugin = 'plugin' in entry ? entry.plugin : entry
      const given = configOf.get(plugin.manifest.id)
      return given === undefined ? entry : use(plugin, given)
    }),
  }

  const remove = () => rmSync(directory, { recursive: true, force: true })

  const opened: Kernel[] = []
  async function start(): Promise<Kernel> {
    const started = createKernel(distribution, {
      config: { ...places, ...config },
      now,
      log,
      ...(osUser === undefined ? {} : { osUser }),
    })
    await started.start()
    opened.push(started)
    return started
  }

  let kernel = await start().catch((error: unknown) => {
    remove()
    throw error
  })
  return {
    get kernel() {
      return kernel
    },
    root,
    now,
    advance(ms) {
      clock += ms
    },
    async reopen() {
      await kernel.stop()
      kernel = await start()
      return kernel
    },
    beside: start,
    async run(...argv) {
      const [stdout, stderr] = [new PassThrough(), new PassThrough()]
      const io = { stdin: new PassThrough().end(), stdout, stderr, onInterrupt: () => () => undefined }
      const exit = await cli({ distribution: configured, argv, io, cwd: root })
      return { exit, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
    },
    async close() {
      for (const one of opened.reverse()) await one.stop()
      remove()
    },
  }
}
