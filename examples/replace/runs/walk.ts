// Walks a run from step to step; a step that has ended is passed, and a call is written down before it is made.
import { type Approvals, ClonedError, type Gate, type Json, type Outcome } from 'cloned/kernel'
import {
  actorOf,
  errorOf,
  fitInputs,
  keyOf,
  type Node,
  type RunError,
  runAsk,
  type StoredRun,
} from 'cloned/plugins/runs'
import type { ApprovalStep, CallStep, Held, PipelinePart, PipelineStep, Scope, Skills } from 'cloned/plugins/skills'
import type { Hand, Walked } from './hands.js'

export interface WalkParts {
  readonly gate: Gate
  readonly skills: Skills
  readonly approvals: Pick<Approvals, 'get'> | undefined
  readonly now: () => number
}

/** Where a step stands. */
interface Place {
  readonly path: string
  readonly pipeline: PipelinePart
  readonly held: readonly Held[]
}

/** It goes no further now: a person is asked, or it was told to stop. */
class Stuck extends Error {
  readonly waits: boolean
  constructor(waits: boolean) {
    super()
    this.waits = waits
  }
}

class Failed extends Error {
  readonly error: RunError
  constructor(error: RunError) {
    super(error.message)
    this.error = error
  }
}

/** Carries a run as far as it goes now. */
export async function walkRun(run: StoredRun, hand: Hand, parts: WalkParts): Promise<Walked> {
  try {
    return { to: 'done', output: await new Walk(hand, parts).pipeline(run.definition, '', run.inputs, []) }
  } catch (thrown) {
    if (thrown instanceof Stuck) return { to: thrown.waits ? 'waiting' : 'left' }
    return { to: 'failed', error: thrown instanceof Failed ? thrown.error : errorOf(thrown) }
  }
}

class Walk {
  readonly #hand: Hand
  readonly #parts: WalkParts

  constructor(hand: Hand, parts: WalkParts) {
    this.#hand = hand
    this.#parts = parts
  }

  async pipeline(pipeline: PipelinePart, at: string, inputs: Json, around: readonly Held[]): Promise<Json> {
    const since = this.#hand.node(at)?.startedAt ?? this.#hand.run.createdAt
    const held = [...around, ...pipeline.constitutions.map((constitution) => ({ constitution, at, since }))]
    const steps: Record<string, { output: Json }> = {}
    for (const step of pipeline.steps) {
      const path = at === '' ? step.id : `${at}/${step.id}`
      steps[step.id] = { output: await this.#step(step, { path, pipeline, held }, { inputs, steps: { ...steps } }) }
    }
    return this.#parts.skills.fill(pipeline.output, { inputs, steps })
  }

  async #step(step: PipelineStep, around: Place, scope: Scope): Promise<Json> {
    const { path } = around
    const { skills, now } = this.#parts
    const known = this.#hand.node(path)
    if (known?.state === 'done') return known.output ?? null
    if (known?.state === 'skipped') return null
    if (!known && step.if !== undefined) {
      const goes = await this.#trying(path, () => mustBe('boolean', skills.fill(step.if ?? true, scope), path))
      if (!goes) return this.#ended(this.#begun(path), 'skipped')
    }
    const since = known?.startedAt ?? now()
    const place = { ...around, held: [...around.held, { constitution: step.constitution, at: path, since }] }
    const { forEach } = step
    if (!forEach) return this.#one(step, place, scope)
    const items = await this.#trying(path, () =>
      mustBe('list', skills.fill(forEach.items, scope), path, forEach.maxItems),
    )
    if (!known) await this.#hand.put({ ...this.#begun(path), state: 'running' })
    const outputs: Json[] = []
    for (const [index, item] of (items as Json[]).entries())
      outputs.push(await this.#one(step, { ...place, path: `${path}[${index}]` }, { ...scope, item, index }))
    return this.#ended(this.#begun(path), 'done', { output: outputs })
  }

  async #one(step: PipelineStep, place: Place, scope: Scope): Promise<Json> {
    const { path } = place
    const node = this.#hand.node(path)
    if (node?.state === 'done') return node.output ?? null
    if (node?.state === 'skipped') return null
    if (node?.error && node.state !== 'pending') throw new Failed(node.error)
    if (this.#hand.stopped) throw new Stuck(false)
    if (step.kind === 'pipeline') {
      const pipeline = this.#hand.run.definition.parts[step.pipeline]
      if (!pipeline) throw new ClonedError('RUN_PART_MISSING', { pipeline: step.pipeline, step: path })
      const inputs = await this.#trying(path, () => fitInputs(pipeline, this.#parts.skills.fill(step.inputs, scope)))
      if (!node) await this.#hand.put({ ...this.#begun(path), state: 'running' })
      const output = await this.pipeline(pipeline, path, inputs, place.held)
      return this.#ended(this.#begun(path), 'done', { output })
    }
    const answer = node?.state === 'waiting' ? await this.#decided(node) : undefined
    if (answer) return this.#denied(step, this.#begun(path), answer)
    return step.kind === 'call' ? this.#call(step, place, scope) : this.#ask(step, place, scope)
  }

  async #call(step: CallStep, place: Place, scope: Scope): Promise<Json> {
    const { gate, skills, approvals } = this.#parts
    const { id } = this.#hand.run
    const input = await this.#trying(place.path, () => skills.fill(step.input, scope))
    const { approval, ...begun } = this.#begun(place.path)
    const node: Node = { ...begun, state: 'running', attempts: begun.attempts + 1 }
    const options = {
      signal: this.#hand.signal,
      idempotencyKey: keyOf(id, place.path),
      ...(step.timeoutMs === undefined ? {} : { deadlineMs: step.timeoutMs }),
    }
    const edited = approval !== undefined && (await approvals?.get(approval))?.state === 'edited'
    // Before it is made: whoever finds this after a crash knows that it may have been.
    await this.#hand.put(node)
    if (this.#hand.stopped) {
      await this.#hand.put(begun)
      throw new Stuck(false)
    }
    return this.#held(step, place, node, options.idempotencyKey, () =>
      edited && approval !== undefined
        ? gate.resume(approval, options)
        : gate.call({ tool: step.tool, input, actor: actorOf(this.#hand.run) }, options),
    )
  }

  async #ask(step: ApprovalStep, place: Place, scope: Scope): Promise<Json> {
    const { gate, skills } = this.#parts
    const { id, definition } = this.#hand.run
    const { path } = place
    const said = await this.#trying(path, () => skills.fill({ message: step.message, show: step.show }, scope))
    const { message, show } = said as { message: Json; show: Json }
    const text = typeof message === 'string' ? message : JSON.stringify(message)
    const input = { run: id, step: path, about: 'approval' as const, message: text, show }
    const request = {
      target: `${definition.id}#${path}`,
      input,
      actor: actorOf(this.#hand.run),
      about: { question: text },
    }
    const key = keyOf(id, path, 'ask')
    const { approval: _, ...node } = this.#begun(path)
    const act = () => gate.act(runAsk, request, { signal: this.#hand.signal, idempotencyKey: key })
    return this.#held(step, place, node, key, act as () => Promise<Outcome>)
  }

  /** Makes a call that is held to the pipeline, and stores what became of it. */
  async #held(
    step: CallStep | ApprovalStep,
    { path, pipeline, held }: Place,
    begun: Node,
    key: string,
    make: () => Promise<Outcome>,
  ): Promise<Json> {
    const holding = { run: this.#hand.run.id, pipeline: pipeline.id, step: path, constitutions: held }
    const { release } = this.#parts.skills.hold(key, holding)
    let denial: { readonly code: string; readonly message: string; readonly help: string } | undefined
    const outcome = await make().finally(() => {
      denial = release()[0]
    })
    const node = outcome.callId === '' ? begun : { ...begun, calls: [...begun.calls, outcome.callId] }
    switch (outcome.status) {
      case 'done':
        if (denial) return this.#bad(node, 'failed', { ...denial, effect: 'happened' })
        return this.#ended(node, 'done', { output: outcome.output })
      case 'pending':
        await this.#hand.put({ ...node, state: 'waiting', attempts: 0, approval: outcome.approval.id })
        throw new Stuck(true)
      case 'denied': {
        const { code, reason: message, help } = outcome
        if (denial) return this.#bad(node, 'denied', { ...denial, effect: 'none' })
        return this.#denied(step, node, { code, message, help, effect: 'none' })
      }
      case 'failed': {
        const { code, reason: message, help, effect } = outcome
        if (this.#hand.signal.aborted && code === 'CANCELLED') {
          // What may have had its effect stays as it is: whoever takes the run next finds it under way.
          if (effect === 'none') await this.#hand.put({ ...node, state: 'pending', attempts: 0 })
          throw new Stuck(false)
        }
        return this.#bad(node, 'failed', { ...(denial ?? { code, message, help }), effect })
      }
      case 'dry-run':
        throw new TypeError('a step was judged instead of run')
    }
  }

  /** What a person said: nothing yet, yes (`undefined`), or no. */
  async #decided({ approval = '', path }: Node): Promise<RunError | undefined> {
    const request = await this.#parts.approvals?.get(approval)
    if (request?.state === 'pending') throw new Stuck(true)
    if (request?.state !== 'denied') return undefined
    const reason = request.reason === undefined ? '' : `: ${request.reason}`
    return { ...errorOf(new ClonedError('RUN_APPROVAL_DENIED', { approval, step: path, reason })), effect: 'none' }
  }

  #denied({ onDenied }: PipelineStep, node: Node, error: RunError): Promise<Json> {
    return onDenied === 'skip' ? this.#ended(node, 'skipped', { error }) : this.#bad(node, 'denied', error)
  }

  async #bad(node: Node, state: Node['state'], error: RunError): Promise<never> {
    await this.#ended(node, state, { error })
    throw new Failed(error)
  }

  async #ended(node: Node, state: Node['state'], what: Partial<Node> = {}): Promise<Json> {
    const { path, calls, attempts, startedAt } = node
    await this.#hand.put({ path, calls, attempts, startedAt, state, endedAt: this.#parts.now(), ...what })
    return what.output ?? null
  }

  #begun(path: string): Node {
    return this.#hand.node(path) ?? { path, state: 'pending', calls: [], attempts: 0, startedAt: this.#parts.now() }
  }

  /** A template or a value that does not fit fails its step. */
  async #trying<T>(path: string, work: () => T): Promise<T> {
    try {
      return work()
    } catch (thrown) {
      return this.#bad(this.#begun(path), 'failed', errorOf(thrown))
    }
  }
}

function mustBe(kind: 'boolean' | 'list', value: Json, step: string, limit = 0): Json {
  if (kind === 'boolean' && typeof value === 'boolean') return value
  if (kind === 'boolean') throw new ClonedError('RUN_CONDITION', { step, found: typeof value })
  if (Array.isArray(value) && value.length <= limit) return value
  throw new ClonedError('RUN_ITEMS', { step, problem: `they are no list of at most ${limit}` })
}
