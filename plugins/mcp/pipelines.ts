// Offers pipelines as tools: a call starts a run and answers what it came to; each of its steps passes the gate for itself.
import { createHash } from 'node:crypto'
import {
  defineTool,
  fail,
  type HandlerContext,
  HandlerError,
  type Json,
  type JsonObject,
  type Tool,
  type ToolSource,
} from 'cloned/kernel'
import type { Run, Runs } from '../runs/slot.js'
import type { Pipeline, Skills } from '../skills/slot.js'

export const PIPELINE_PREFIX = 'pipeline.'
const TIMEOUT_MS = 600_000

/** Tools `pipeline.<id>@v1`, as of the last {@link PipelineTools.refresh}. */
export class PipelineTools implements ToolSource {
  readonly prefix = PIPELINE_PREFIX
  readonly #runs: Runs
  readonly #skills: Skills
  #tools = new Map<string, Tool>()
  #list: readonly Tool[] = Object.freeze([])

  constructor(runs: Runs, skills: Skills) {
    this.#runs = runs
    this.#skills = skills
  }

  list(): readonly Tool[] {
    return this.#list
  }

  async refresh(): Promise<void> {
    const pipelines = await this.#skills.pipelines()
    // The same tool for the same pipeline: what is in flight keeps its contract.
    this.#tools = new Map(pipelines.map((each) => [each.digest, this.#tools.get(each.digest) ?? this.#tool(each)]))
    this.#list = Object.freeze([...this.#tools.values()])
  }

  #tool(pipeline: Pipeline): Tool {
    const { id, title, description, inputs } = pipeline
    return defineTool<JsonObject>({
      id: `${PIPELINE_PREFIX}${wordsOf(id)}@v1`,
      title,
      description,
      input: { ...inputs, type: 'object' },
      output: { type: 'object' },
      // What it does is judged step by step.
      risk: 'low',
      capability: 'pipeline.run',
      timeoutMs: TIMEOUT_MS,
      handler: (input, ctx) => this.#run(id, input, ctx),
    })
  }

  async #run(pipeline: string, inputs: JsonObject, ctx: HandlerContext): Promise<Json> {
    const { id } = await this.#runs.start({ pipeline, inputs, actor: { id: ctx.actor.id, claimed: ctx.actor.claimed } })
    const cancel = () => void this.#runs.cancel(id).catch(() => undefined)
    ctx.signal.addEventListener('abort', cancel, { once: true })
    try {
      const run = await this.#runs.settled(id, ({ steps }) => {
        const done = steps.filter(({ state }) => state === 'done').length
        ctx.progress({ progress: done, total: steps.length })
      })
      return answerOf(run)
    } finally {
      ctx.signal.removeEventListener('abort', cancel)
    }
  }
}

function answerOf(run: Run): Json {
  if (run.state === 'done') return { run: run.id, state: run.state, output: run.output ?? null }
  if (run.state === 'waiting') {
    const waiting = run.steps.find(({ approval }) => approval !== undefined)
    return { run: run.id, state: run.state, approval: waiting?.approval ?? null, next: `cloned runs show ${run.id}` }
  }
  const { message, help, code, effect } = run.error ?? {
    message: `The run is ${run.state}`,
    help: '',
    code: 'RUN_FAILED',
  }
  if (effect === 'none') throw fail(message, { code, help })
  throw new HandlerError(message, { code, help, effect: effect ?? 'unknown' })
}

/** The id of a pipeline as part of the id of a tool; two never get the same. */
function wordsOf(id: string): string {
  const words = id
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '.')
    .replace(/[.-]*\.[.-]*/g, '.')
    .replace(/^[.-]+|[.-]+$/g, '')
  return words === id && !/-[0-9a-f]{8}$/.test(id)
    ? words
    : `${words}-${createHash('sha256').update(id).digest('hex').slice(0, 8)}`
}
