// Builds a kernel from a distribution and carries it from planned to stopped; makes no decision about an action itself.
import { randomUUID } from 'node:crypto'
import { currentOsUser, makeActor } from './actor.js'
import type { AttemptRequest } from './attempt.js'
import {
  type Approvals,
  type AuditLog,
  approvalsSlot,
  auditSlot,
  type CallOptions,
  type Gate,
  type Instances,
  instancesSlot,
} from './contracts.js'
import { DEFAULT_LIMITS, type Distribution, type Limits } from './distribution.js'
import { enter } from './enter.js'
import { ClonedError, describeThrown } from './errors.js'
import { GatePath } from './gate.js'
import { HookTable } from './hook-table.js'
import { type Hook, onReady } from './hooks.js'
import type { Kernel, KernelRuntime, KernelState } from './kernel-contract.js'
import { toolCall } from './kinds.js'
import { drainAll, startAll, stopAll } from './lifecycle.js'
import { consoleLogger, safeLoggers } from './log.js'
import type { Outcome } from './outcome.js'
import { type BootPlan, bootPlan, type PlanReport, planFailed } from './plan.js'
import { KERNEL_ID } from './plan-layers.js'
import type { Logger } from './plugin.js'
import { type Recovered, recover } from './recover.js'
import { Runnables } from './registry.js'
import { editRequest, resumeRequest } from './resume.js'
import { scrubbed } from './scrubbed-audit.js'
import { scrubberSlot } from './scrubber.js'
import { Settlements } from './settlements.js'
import { type Registry, setupAll } from './setup.js'
import type { Slot } from './token.js'
import { Tracked } from './tracked.js'
import { Words } from './words.js'

/**
 * Plans, checks every configuration and runs every setup. No input or output happens before `start`.
 * Throws `PLAN_FAILED` with every problem before any plugin code runs, or the error of the first setup that failed.
 */
export function createKernel(distribution: Distribution, runtime: KernelRuntime = {}): Kernel {
  const boot = bootPlan(distribution, runtime.config, runtime.off)
  if (boot.report.problems.length > 0) throw planFailed(boot.report)
  return new RunningKernel(distribution, boot, runtime)
}

class RunningKernel implements Kernel {
  state: KernelState = 'planned'
  instance = ''
  recovered: readonly Recovered[] = []
  readonly #report: PlanReport
  readonly #limits: Limits
  readonly #registry: Registry
  readonly #words = new Words(() => this.#optional(scrubberSlot))
  readonly #runnables: Runnables
  readonly #hooks: HookTable
  readonly #now: () => number
  readonly #osUser: string
  readonly #log: Logger
  readonly #settlements: Settlements
  readonly #tracked = new Tracked()
  #leave: (() => Promise<void>) | undefined
  #path: GatePath | undefined
  #unrecovered: ClonedError | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  constructor(distribution: Distribution, boot: BootPlan, runtime: KernelRuntime) {
    const log = safeLoggers(runtime.log ?? consoleLogger)
    const logger = (plugin: string) => this.#words.logger(log(plugin))
    this.#report = boot.report
    this.#limits = Object.freeze({ ...DEFAULT_LIMITS, ...distribution.limits })
    this.#now = runtime.now ?? Date.now
    this.#osUser = runtime.osUser ?? currentOsUser()
    this.#log = logger('cloned.kernel')
    const { call, act, explain, resume, edit, tools, plan, onApproval, actor } = this
    this.#registry = setupAll(boot, {
      // Not the kernel itself: that has every service and could be stopped.
      gate: Object.freeze({ call, act, explain, resume, edit, tools, plan, onApproval, actor }),
      now: this.#now,
      log: logger,
      service: (slot, given) => scrubbed(slot, given, this.#words),
      fire: (hook, subject) => this.#fire(hook, subject),
    })
    this.#runnables = new Runnables(this.#registry, boot.plugins)
    this.#hooks = new HookTable(this.#registry, this.#limits)
    this.#settlements = new Settlements(this.#log)
    for (const { message, help } of this.#report.warnings) this.#log.warn(`${message} ${help}`)
  }

  async start(): Promise<void> {
    if (this.state !== 'planned') throw new ClonedError('KERNEL_STATE', { action: 'start', state: this.state })
    this.state = 'starting'
    this.#starting = this.#startUp()
    await this.#starting
  }

  stop(): Promise<void> {
    // A kernel that is told to stop while it starts would otherwise go on starting what has just been stopped.
    this.#stopping ??= (this.#starting ?? Promise.resolve()).then(
      () => this.#stop(),
      () => this.#stop(),
    )
    return this.#stopping
  }

  async #startUp(): Promise<void> {
    try {
      await startAll(this.#registry.starts, this.#registry.stops, this.#limits)
    } catch (error) {
      this.state = 'stopped'
      throw error
    }
    try {
      await this.#enter()
    } catch (error) {
      await this.#stop().catch((also: unknown) => this.#log.error(describeThrown(also)))
      throw error
    }
    this.state = 'started'
    this.#fire(onReady, { instance: this.instance })
  }

  service<T>(slot: Slot<T>): T {
    const service = this.#registry.service(slot)
    if (service === undefined)
      throw new ClonedError('SLOT_MISSING', { slot: slot.id, needers: 'the host', omitted: '' })
    return service as T
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  call: Gate['call'] = (request, options = {}) =>
    this.#start(() => {
      const { tool, input, actor } = request
      return { kind: toolCall.id, target: tool, input, actor, options }
    })

  act: Gate['act'] = (kind, request, options = {}) =>
    this.#start(() => {
      const { target, input, actor, about } = request
      return { kind: kind.id, started: kind, target, input, actor, options, ...(about ? { about } : {}) }
    }) as never

  explain: Gate['explain'] = (request) => this.call(request, { dryRun: true })

  resume = async (approvalId: string, options: CallOptions = {}): Promise<Outcome> => {
    const wanted = await resumeRequest(this.#optional(approvalsSlot), approvalId, this.#limits.approvalsMs)
    return 'status' in wanted ? wanted : this.#start(() => ({ ...wanted, options }))
  }

  edit: Gate['edit'] = async (approvalId, input) => {
    const wanted = await editRequest(this.#optional(approvalsSlot), approvalId, input, this.#limits.approvalsMs)
    return 'status' in wanted ? wanted : this.#start(() => ({ ...wanted, options: {} }))
  }

  tools: Gate['tools'] = () => this.#runnables.tools()

  plan: Gate['plan'] = () => this.#report

  onApproval: Gate['onApproval'] = (kind) => this.#runnables.kind(kind)?.onApproval ?? 'caller'

  actor: Gate['actor'] = (input) => makeActor(input, this.#osUser)

  /** Handlers of a starting kernel may call; after `stop` has begun only what is already running may go on. */
  #start(make: () => AttemptRequest): Promise<Outcome> {
    if (!this.#path) {
      return denied(
        this.#unrecovered ?? new ClonedError('KERNEL_STATE', { action: 'run an action', state: this.state }),
      )
    }
    let request: AttemptRequest
    try {
      request = make()
    } catch (cause) {
      return denied(new ClonedError('GATE_FAULT', { cause: describeThrown(cause) }))
    }
    const running = this.#path.start(request)
    this.#tracked.add(running)
    return running
  }

  async #enter(): Promise<void> {
    const instances = this.#optional<Instances>(instancesSlot)
    const owner = this.#report.owners[instancesSlot.id] ?? instancesSlot.id
    const entered = instances ? await enter(instances, owner, this.#limits.startMs) : undefined
    this.instance = entered?.id ?? randomUUID()
    this.#leave = entered?.leave
    const audit = this.#optional<AuditLog>(auditSlot)
    const approvals = this.#optional<Approvals>(approvalsSlot)
    if (instances && audit && !(await this.#recover(instances, audit, approvals))) return
    this.#path = new GatePath({
      audit,
      approver: {
        approvals,
        hooks: this.#hooks,
        ms: this.#limits.approvalsMs,
        now: this.#now,
        instance: this.instance,
      },
      judge: {
        hooks: this.#hooks,
        limits: this.#limits,
        mayAllow: new Set(this.#report.mayAllow),
        required: this.#report.requiredGuards,
        now: this.#now,
        words: this.#words,
      },
      hooks: this.#hooks,
      limits: this.#limits,
      runnables: this.#runnables,
      instance: this.instance,
      now: this.#now,
      actor: ({ resume, edits, actor }) => (resume ?? edits)?.actor ?? makeActor(actor, this.#osUser),
      callId: randomUUID,
      fire: (hook, subject) => this.#fire(hook, subject),
      settlements: this.#settlements,
      track: (work) => this.#tracked.add(work),
    })
  }

  /** A kernel that cannot recover starts for reading, so that people can look; every action is denied. */
  async #recover(instances: Instances, audit: AuditLog, approvals: Approvals | undefined): Promise<boolean> {
    const reserves = this.#hooks.takers(this.#runnables.kinds())
    try {
      const { instance } = this
      this.recovered = await recover({
        instances,
        audit,
        approvals,
        reserves,
        instance,
        limits: this.#limits,
        now: this.#now,
      })
      for (const found of this.recovered) this.#log.info('recovered an instance that had died', { ...found })
      return true
    } catch (error) {
      this.#unrecovered = new ClonedError('RECOVERY_FAILED', { cause: describeThrown(error) }, { cause: error })
      this.#log.error(this.#unrecovered.message)
      return false
    }
  }

  async #stop(): Promise<void> {
    const wasStarted = this.state === 'started' || this.#path !== undefined
    this.state = 'stopping'
    const problems = wasStarted ? await drainAll(this.#registry.drains, this.#limits) : []
    this.#path = undefined
    // Actions, and observers, which may start more of them.
    await this.#tracked.ended()
    const clean = await this.#settlements.retry(this.#limits.reserveMs)
    problems.push(...(await stopAll(this.#registry.stops, this.#limits)))
    // What could not be settled is left to recovery: the instance stays behind as a dead one.
    const leave = clean ? this.#leave : undefined
    this.#leave = undefined
    if (leave) problems.push(...(await stopAll([{ plugin: KERNEL_ID, run: leave }], this.#limits)))
    this.state = 'stopped'
    if (problems.length === 0) return
    const lines = problems.map(({ code, message }) => `  ${code}: ${message}`).join('\n')
    throw new ClonedError('STOP_FAILED', { count: problems.length, problems: lines })
  }

  #fire(hook: Hook, subject: unknown): void {
    try {
      const telling = this.#hooks.event(hook).tell(subject, (plugin, answer) => {
        if (!answer.ok) this.#log.warn(`observer of ${hook.id} failed`, { plugin, cause: describeThrown(answer.error) })
      })
      if (telling) this.#tracked.add(telling)
    } catch (error) {
      this.#log.error(`hook ${hook.id} could not be fired`, { cause: describeThrown(error) })
    }
  }

  #optional<T>(slot: Slot<T>): T | undefined {
    // Plugins log while they are set up, before there is a registry.
    return this.#registry?.service(slot) as T | undefined
  }
}

function denied({ code, message: reason, help }: ClonedError): Promise<Outcome> {
  return Promise.resolve({ status: 'denied', callId: '', ballot: [], code, reason, help })
}
