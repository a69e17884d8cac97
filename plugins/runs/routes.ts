// Runs over HTTP: start, look, pause, resume, cancel, start again; a client is told how a run stands and waits no longer than it said.
import { setTimeout as pause } from 'node:timers/promises'
import { ClonedError, type Json } from 'cloned/kernel'
import type { ApiPart, FastifyReply, FastifyRequest, PageQuery } from '../api/slot.js'
import { jsonOf } from './render.js'
import { EMPTY, ID, PREVIEW, RERUN, RESUME, RUN, START } from './route-schemas.js'
import type { Run, Runs } from './slot.js'

/** More than this are not looked back at; older runs are had by id. */
const LOOK_BACK = 10_000
/** As the query of every list has it. */
const LONGEST_PAGE = 500
/** How long a run that goes on is watched for a client who did not say; long enough to hear a refusal. */
const RESUME_MS = 2_000

type ById = { Params: { id: string } }
interface Resume {
  readonly retry?: boolean
  readonly happened?: { readonly step?: string; readonly output?: Json }
}

export function runsPart(runs: Runs): ApiPart {
  return {
    tag: 'runs',
    register(app, api) {
      /** The run once it has come to rest, or after as long as the client would wait. */
      const stands = async (id: string, request: FastifyRequest, reply: FastifyReply): Promise<Run> => {
        const run = await found(runs, id)
        const waitMs = api.waitMs(request)
        if (waitMs === 0 || run.state !== 'running') return run
        return runs.settled(id, { signal: AbortSignal.any([api.signal(reply), AbortSignal.timeout(waitMs)]) })
      }
      app.get<{ Querystring: PageQuery & { state?: Run['state'] } }>('/runs', {
        schema: {
          operationId: 'listRuns',
          summary: 'Runs, newest first',
          querystring: {
            type: 'object',
            additionalProperties: false,
            properties: { ...api.pageQuery, state: RUN.properties.state },
          },
          response: {
            200: {
              type: 'object',
              required: ['runs'],
              properties: { runs: { type: 'array', items: RUN }, next: { type: 'string' } },
            },
          },
        },
        config: { scope: 'runs:read' },
        handler: async ({ query }) => {
          // The first page, which is what most ask for, needs no look at the rest.
          const isFirst = query.state === undefined && query.cursor === undefined
          const all = await runs.list({ limit: isFirst ? LONGEST_PAGE + 1 : LOOK_BACK })
          const wanted = query.state === undefined ? all : all.filter(({ state }) => state === query.state)
          const { items, ...rest } = api.page(wanted, query, ({ id }) => id)
          return { runs: items.map(jsonOf), ...rest }
        },
      })
      app.post<{ Body: { pipeline: string; inputs?: unknown; dry_run?: boolean } }>('/runs', {
        schema: {
          operationId: 'startRun',
          summary: 'Starts a pipeline; with `Prefer: wait=N` answers when it has ended or waits for a person',
          body: START,
          response: { 200: PREVIEW, 201: RUN },
        },
        config: { scope: 'runs:write' },
        handler: async (request, reply) => {
          const { pipeline, inputs = {}, dry_run = false } = request.body
          const asked = { pipeline, inputs, actor: api.principal(request).actor }
          if (dry_run) return { pipeline, steps: (await runs.preview(asked)).map((step) => ({ ...step })) }
          const { id } = await runs.start(asked)
          const run = await stands(id, request, reply)
          return reply.code(201).header('location', `/v1/runs/${id}`).send(jsonOf(run))
        },
      })
      app.get<ById>('/runs/:id', {
        schema: {
          operationId: 'getRun',
          summary: 'One run with its steps; with `Prefer: wait=N` once it has ended or waits for a person',
          params: ID,
          response: { 200: RUN },
        },
        config: { scope: 'runs:read' },
        handler: async (request, reply) => jsonOf(await stands(request.params.id, request, reply)),
      })
      app.post<ById & { Body: Resume }>('/runs/:id/resume', {
        schema: {
          operationId: 'resumeRun',
          summary: 'Lets a run go on that is paused, waits, was interrupted or failed',
          params: ID,
          body: RESUME,
          response: { 200: RUN },
        },
        config: { scope: 'runs:write' },
        handler: async (request) => {
          const { id } = request.params
          const { retry = false, happened } = request.body
          const answer = happened && { ...happened, output: happened.output ?? null }
          const actor = api.principal(request).actor
          const resumed = runs.resume(id, { retry, actor, ...(answer ? { happened: answer } : {}) })
          // What keeps it from going on comes at once; how it goes on may take days.
          const waited = new AbortController()
          const waitMs = api.waitMs(request) || RESUME_MS
          await Promise.race([resumed, pause(waitMs, undefined, { signal: waited.signal })]).finally(() =>
            waited.abort(),
          )
          return jsonOf(await found(runs, id))
        },
      })
      app.post<ById & { Body: { from?: string } }>('/runs/:id/rerun', {
        schema: {
          operationId: 'rerunRun',
          summary: 'Starts a run again with the same inputs, from a step on',
          params: ID,
          body: RERUN,
          response: { 201: RUN },
        },
        config: { scope: 'runs:write' },
        handler: async (request, reply) => {
          const { from } = request.body
          const actor = api.principal(request).actor
          const { id } = await runs.rerun(request.params.id, { actor, ...(from === undefined ? {} : { from }) })
          const run = await stands(id, request, reply)
          return reply.code(201).header('location', `/v1/runs/${id}`).send(jsonOf(run))
        },
      })
      app.post<ById>('/runs/:id/pause', {
        schema: {
          operationId: 'pauseRun',
          summary: 'Begins no further step of a run; what is under way comes to its end',
          params: ID,
          body: EMPTY,
          response: { 200: RUN },
        },
        config: { scope: 'runs:write' },
        handler: async (request) =>
          jsonOf(await runs.pause(request.params.id, { actor: api.principal(request).actor })),
      })
      app.post<ById>('/runs/:id/cancel', {
        schema: { operationId: 'cancelRun', summary: 'Ends a run', params: ID, body: EMPTY, response: { 200: RUN } },
        config: { scope: 'runs:write' },
        handler: async (request) =>
          jsonOf(await runs.cancel(request.params.id, { actor: api.principal(request).actor })),
      })
    },
  }
}

async function found(runs: Runs, id: string): Promise<Run> {
  const run = await runs.get(id)
  if (!run) throw new ClonedError('RUN_UNKNOWN', { run: id })
  return run
}
