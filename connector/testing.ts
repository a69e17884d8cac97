// Runs the tools of a connector against a host that a test plays; what a test did not provide is refused.
import { compileSchema, type JsonObject, snapshot, wordProblems } from 'cloned/kernel'
import { type Connector, type Schema, ToolError, toolId } from './define.js'
import { contextOf } from './host-services.js'
import { declares, hostOf } from './hosts.js'
import type { ArtifactParams, FetchParams, FetchResult, LogParams } from './protocol.js'

/** What a fake server answers. */
export interface FakeResponse {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Texts and bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown
}

/** A request that a tool made. `auth` names slots; there are no values to see. */
export type SentRequest = Omit<FetchParams, 'call_id'> & { readonly host: string }

export interface FakeHostOptions {
  /** Plays the network. Without it, and for `undefined`, a request is refused. */
  readonly fetch?: (request: SentRequest) => FakeResponse | undefined | Promise<FakeResponse | undefined>
  /** Cancels the call when it aborts. */
  readonly signal?: AbortSignal
}

/** What came of a call. */
export interface ToolRun {
  readonly output: unknown
  readonly requests: readonly SentRequest[]
  readonly progress: readonly unknown[]
  readonly logs: readonly LogParams[]
  readonly artifacts: readonly Omit<ArtifactParams, 'call_id'>[]
}

/**
 * Runs one tool (`acme.weather.today@v1`). A request to a host that the tool does not declare, or with an auth slot that
 * it does not have, is refused as the real host refuses it. Rejects with what the tool throws, and with a `TypeError` for an
 * input or an output that does not fit the schema of the tool.
 */
export async function runTool(
  connector: Connector,
  id: string,
  input: unknown,
  { fetch, signal = new AbortController().signal }: FakeHostOptions = {},
): Promise<ToolRun> {
  const tool = connector.tools.find((each) => toolId(each) === id)
  if (!tool) throw new TypeError(`the connector ${connector.id} has no tool ${id}`)
  mustFit('input', tool.input, input)
  const requests: SentRequest[] = []
  const progress: unknown[] = []
  const logs: LogParams[] = []
  const artifacts: Omit<ArtifactParams, 'call_id'>[] = []

  const answer = async ({ call_id: _, ...request }: FetchParams): Promise<FetchResult> => {
    const host = hostOf(request.url)
    if (!declares(tool.hosts ?? [], host)) {
      throw refused('EGRESS_DENIED', `the tool ${id} does not declare the host ${host}`)
    }
    for (const name of request.auth ?? []) {
      const slot = tool.auth?.find((each) => each.name === name)
      if (!slot) throw refused('CONNECTOR_AUTH', `the tool ${id} has no auth slot ${name}`)
      if (slot.hosts && !declares(slot.hosts, host)) {
        throw refused('CONNECTOR_AUTH', `the auth slot ${name} is not for ${host}`)
      }
    }
    const sent = { ...request, host }
    requests.push(sent)
    const response = await fetch?.(sent)
    if (!response) throw refused('EGRESS_FAILED', `the test has no answer for ${request.url}`)
    const { body = '' } = response
    return {
      status: response.status ?? 200,
      url: request.url,
      redirected: false,
      headers: Object.entries(response.headers ?? {}),
      ...(body instanceof Uint8Array
        ? { body: Buffer.from(body).toString('base64'), encoding: 'base64' }
        : { body: typeof body === 'string' ? body : JSON.stringify(body), encoding: 'utf8' }),
    }
  }

  const context = contextOf(
    'test',
    { signal },
    {
      notify(method, params) {
        if (method === 'progress') progress.push((params as { message: unknown }).message)
        else logs.push(params as LogParams)
      },
      async request(method, params) {
        if (method === 'fetch') return await answer(params as FetchParams)
        const { call_id: _, ...artifact } = params as ArtifactParams
        artifacts.push(artifact)
        return { id: `art_${artifacts.length}`, path: `artifacts/${artifact.filename}` }
      },
    },
  )
  const answered = await tool.run(structuredClone(input), context)
  // What cannot be written as JSON does not reach a host.
  const output: unknown = JSON.parse(JSON.stringify(answered ?? null))
  mustFit('output', tool.output, output)
  return { output, requests, progress, logs, artifacts }
}

function mustFit(what: 'input' | 'output', schema: Schema, value: unknown): void {
  const problems = compileSchema(schema as JsonObject)(snapshot(value))
  if (problems.length > 0) throw new TypeError(`the ${what} does not fit its schema: ${wordProblems(problems)}`)
}

function refused(code: string, message: string): ToolError {
  return new ToolError(message, { code, effect: 'none' })
}
