// Pairs a device with a server and keeps its access token fresh; a token is held in memory and never written anywhere.
import { comparisonCode, type DeviceKey, prove } from './device.js'
import type { Authorize } from './index.js'
import type { Problem } from './problem.js'
import type { components } from './schema.js'

/** The device, and the server that it is or wants to be paired with. */
export interface DeviceOptions {
  /** As for the client. */
  readonly url: string
  readonly key: DeviceKey
  readonly fetch?: typeof fetch
}

export type Pairing = components['schemas']['Pairing']

/** The server did not let the device in; `problem` says why and what to do. */
export class PairingError extends Error {
  override readonly name = 'PairingError'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(`${problem.detail} ${problem.help}`)
    this.problem = problem
  }
}

/**
 * Asks to be paired, with the code of an invitation (`cloned pairings invite`). Show `code` of the answer: the person who
 * approves compares it. It is computed from the key, whatever the server answers, so that nobody in between can have
 * another key let in. Keep `id` with the key. Throws {@link PairingError}.
 */
export async function pair(
  options: DeviceOptions,
  invitation: string,
  wish: components['schemas']['PairingRequest'],
): Promise<Pairing & { readonly code: string }> {
  const pairing = await post<Pairing>(options, '/v1/pairings', `Pairing ${invitation}`, wish)
  return { ...pairing, code: await comparisonCode(options.key, pairing.id) }
}

/** Before a token is too old to be used for a request that is on its way. */
const EARLY_MS = 30_000

/** Authorizes requests as the paired device `id`. A request throws {@link PairingError} where no token is given. */
export function device(options: DeviceOptions, id: string): Authorize {
  let held: { readonly token: Promise<string>; until: number } | undefined
  const fetchToken = async (mine: { until: number }): Promise<string> => {
    const access = await post<components['schemas']['AccessToken']>(options, '/v1/token', `Device ${id}`, {})
    mine.until = Date.now() + access.expires_in * 1000 - EARLY_MS
    return access.access_token
  }
  const fresh = (): Promise<string> => {
    if (held && Date.now() < held.until) return held.token
    const next = { until: Number.POSITIVE_INFINITY, token: Promise.resolve('') }
    next.token = fetchToken(next)
    // What failed is asked for again by the next request.
    next.token.catch(() => {
      next.until = 0
    })
    held = next
    return next.token
  }
  return async (request) => prove(options.key, request, `DPoP ${await fresh()}`)
}

async function post<T>(
  { url, key, fetch: send = fetch }: DeviceOptions,
  path: string,
  authorization: string,
  body: object,
): Promise<T> {
  const request = new Request(new URL(path, url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const response = await send(await prove(key, request, authorization))
  const answer: unknown = await response.json()
  if (!response.ok) throw new PairingError(answer as Problem)
  return answer as T
}
