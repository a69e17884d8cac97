// Opens kernels with runs over one temporary workspace, whose tools do what the test says.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Approvals, approvalsSlot, createKernel, type Json, type JsonObject, type Kernel } from 'cloned/kernel'
import { initWorkspace } from 'cloned/plugins/workspace'
import { type Runs, type RunsPluginConfig, runsSlot } from '../../plugins/runs/index.js'
import { type Effect, runsDistribution, TOOLS, toolId } from '../fixtures/runs-tools.js'

/** One step of a test pipeline: as in its file, with the short name of its tool. */
export type TestStep = JsonObject & { readonly id: string; readonly tool?: (typeof TOOLS)[number] }

/** One process of a workspace, as far as it can be played inside one. */
export interface Process {
  readonly kernel: Kernel
  readonly runs: Runs
  readonly approvals: Approvals
  stop(): Promise<void>
}

export interface RunsWorld {
  readonly root: string
  now: number
  /** What the tools do; answers its input when not set. */
  effect: Effect
  /** Names of the tools that ran, in order. */
  readonly effects: string[]
  open(options?: { omit?: readonly string[] } & RunsPluginConfig): Promise<Process>
  pipeline(name: string, steps: readonly TestStep[], more?: JsonObject): string
  /** Records of the audit log. */
  log(): JsonObject[]
  close(): Promise<void>
}

export async function runsWorld(type: 'personal' | 'shared' = 'personal'): Promise<RunsWorld> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-runs-'))
  initWorkspace(root, { type, now: Date.now })
  const pack = join(root, '.cloned/skills/test')
  mkdirSync(join(pack, 'pipelines'), { recursive: true })
  const about = { format: 1, title: 'Test', description: 'For tests.', allowed_tools: TOOLS.map(toolId) }
  writeFileSync(join(pack, 'pack.yaml'), JSON.stringify({ ...about, id: 'test.pack', version: '1.0.0' }))
  const opened: Process[] = []
  const world: RunsWorld = {
    root,
    now: 1_900_000_000_000,
    effect: (_, input) => input,
    effects: [],
    async open({ omit = [], ...own } = {}) {
      const effect: Effect = (name, input, ctx) => {
        world.effects.push(name)
        return world.effect(name, input, ctx)
      }
      const config: Record<string, Json> = { 'cloned.workspace': { root } }
      if (!omit.includes('cloned.runs')) config['cloned.runs'] = { patienceMs: 10_000, ...own }
      const kernel = createKernel(runsDistribution(effect, omit), { config, now: () => world.now, log })
      await kernel.start()
      const process: Process = {
        kernel,
        get runs() {
          return kernel.service(runsSlot)
        },
        approvals: kernel.service(approvalsSlot),
        stop: () => kernel.stop(),
      }
      opened.push(process)
      return process
    },
    pipeline(name, steps, more = {}) {
      const id = `test.pack/${name}`
      const content = {
        ...about,
        id,
        inputs: { type: 'object' },
        steps: steps.map(({ tool, ...step }) => (tool === undefined ? step : { ...step, tool: toolId(tool) })),
        ...more,
      }
      writeFileSync(join(pack, 'pipelines', `${name}.yaml`), JSON.stringify(content))
      return id
    },
    log() {
      const path = join(root, '.cloned/audit.log')
      if (!existsSync(path)) return []
      const lines = readFileSync(path, 'utf8').trim().split('\n')
      return lines.map((line) => JSON.parse(line) as JsonObject)
    },
    async close() {
      for (const process of opened.reverse()) await process.stop()
      rmSync(root, { recursive: true, force: true })
    },
  }
  return world
}

const log = () => ({ debug() {}, info() {}, warn() {}, error: console.error })

/** A promise with its ends in hand. */
export function gatePromise(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}
