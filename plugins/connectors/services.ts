// Does for a worker what it may ask of the host, in the name of the call it asks for; it must be a call of that worker.
import type { ArtifactParams, ArtifactResult, FetchParams, FetchResult } from 'cloned/connector'
import { ClonedError, type HandlerContext, isClonedError, type Json, type Scrubber } from 'cloned/kernel'
import { type FetchResponse, type Firewall, neverSent } from '../firewall/slot.js'
import type { PackageTool } from '../package/slot.js'
import { Refusal } from './channel.js'
import type { Credentials } from './credentials.js'
import type { ConnectorsConfig } from './limits.js'
import { MAX_FETCH_BYTES, validFromWorker } from './params.js'

const ARTIFACT_SAVE = 'cloned.internal.artifact.save@v1'
const FETCH_BYTES = 5 * 1000 * 1000
const SINK = 'connector'

/** A call that a worker is working on. */
export interface LiveCall {
  readonly connector: string
  readonly toolId: string
  readonly tool: PackageTool
  readonly ctx: HandlerContext
  /** What was done for it, or is under way, that the world may see: while there is any, its word that nothing happened is none. */
  reached: number
  /** Requests that it has asked for, refused ones included: each is in the audit log. */
  requests: number
}

export class Services {
  readonly #firewall: Firewall
  readonly #credentials: Credentials
  readonly #scrubber: Scrubber | undefined
  readonly #requests: number

  constructor(
    firewall: Firewall,
    credentials: Credentials,
    scrubber: Scrubber | undefined,
    { requests }: Pick<ConnectorsConfig, 'requests'>,
  ) {
    this.#requests = requests
    this.#firewall = firewall
    this.#credentials = credentials
    this.#scrubber = scrubber
  }

  /** Throws a {@link Refusal} for what is refused, any other error for what breaks the protocol. */
  async request(method: string, params: unknown, call: (id: string) => LiveCall | undefined): Promise<unknown> {
    if (method === 'fetch') {
      const valid = validFromWorker('fetch_params', params)
      return await this.#fetch(valid, live(call, valid.call_id))
    }
    if (method === 'artifact') {
      const valid = validFromWorker('artifact_params', params)
      return await this.#artifact(valid, live(call, valid.call_id))
    }
    throw new Error(`it asks for "${method.slice(0, 50)}", which the host does not do`)
  }

  async #fetch(params: FetchParams, call: LiveCall): Promise<FetchResult> {
    const { url, method, headers, body, encoding, auth = [], redirect, max_bytes = FETCH_BYTES, timeout_ms } = params
    // Refused without a word in the log: a worker that goes on asking must not fill it.
    if (++call.requests > this.#requests) {
      const { message, code, help } = new ClonedError('CONNECTOR_REQUESTS', {
        connector: call.connector,
        tool: call.toolId,
        limit: this.#requests,
      })
      throw new Refusal(message, { code, help, effect: 'none' })
    }
    call.reached++
    try {
      const response = await this.#firewall.fetch(call.ctx, url, {
        connector: call.connector,
        maxBytes: Math.min(max_bytes, MAX_FETCH_BYTES),
        ...(method === undefined ? {} : { method }),
        ...(headers === undefined ? {} : { headers }),
        ...(body === undefined ? {} : { body: encoding === 'base64' ? Buffer.from(body, 'base64') : body }),
        ...(redirect === undefined ? {} : { redirect }),
        ...(timeout_ms === undefined ? {} : { deadlineMs: timeout_ms }),
        ...this.#credentials.forRequest(call, auth),
      })
      return resultOf(response, this.#scrubber, call.ctx.callId)
    } catch (error) {
      if (!isClonedError(error)) throw error
      const { message, code, help } = error
      if (!neverSent(code)) throw new Refusal(message, { code, help })
      call.reached--
      throw new Refusal(message, { code, help, effect: 'none' })
    }
  }

  async #artifact({ filename, content, media_type }: ArtifactParams, call: LiveCall): Promise<ArtifactResult> {
    call.reached++
    const input = { filename, content, ...(media_type === undefined ? {} : { media_type }) }
    const outcome = await call.ctx.call(ARTIFACT_SAVE, input)
    if (outcome.status === 'done') {
      const { id, path } = outcome.output as { id: string; path: string }
      return { id, path }
    }
    if (outcome.status !== 'failed') call.reached--
    if (outcome.status === 'pending' || outcome.status === 'dry-run') {
      throw new Refusal('the artifact waits for a person', { code: 'APPROVAL_PENDING', effect: 'none' })
    }
    const effect = outcome.status === 'denied' ? 'none' : outcome.effect
    throw new Refusal(outcome.reason, { code: outcome.code, help: outcome.help, effect })
  }

  /** Passes progress on. Throws for what breaks the protocol; a call that is over has no progress. */
  progress(params: unknown, call: (id: string) => LiveCall | undefined): void {
    const { call_id, message } = validFromWorker('progress_params', params)
    call(call_id)?.ctx.progress(message as Json)
  }
}

function live(call: (id: string) => LiveCall | undefined, id: string): LiveCall {
  const found = call(id)
  if (!found) throw new Refusal('there is no such call any more', { code: 'CONNECTOR_CALL', effect: 'none' })
  return found
}

/** The answer as a worker gets it. Servers repeat what they were sent: a credential in it is for the host alone. */
function resultOf(response: FetchResponse, scrubber: Scrubber | undefined, callId: string): FetchResult {
  const scrubbed = (text: string) => scrubber?.text(text, SINK, callId) ?? text
  const bytes = Buffer.from(scrubber?.bytes(response.bytes(), SINK, callId) ?? response.bytes())
  const { status, url, redirected } = response
  const headers = [...response.headers]
    .filter(([name]) => name !== 'set-cookie')
    .map(([name, value]) => [name, scrubbed(value)] as const)
  const text = bytes.toString('utf8')
  const readable = Buffer.from(text).equals(bytes)
  const body = readable ? text : bytes.toString('base64')
  return { status, url: scrubbed(url), redirected, headers, body, encoding: readable ? 'utf8' : 'base64' }
}
