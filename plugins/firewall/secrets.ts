// Puts the values of secrets into the slots of a request that is about to be sent; must never show one to anybody else.
import { ClonedError } from 'cloned/kernel'
import { type Outgoing, outgoingHeaders } from './request.js'
import type { FetchInit, SecretSlot } from './slot.js'
import type { Target } from './target.js'

/** A request with its secrets; it goes to the wire and nowhere else. */
export interface Bound extends Outgoing {
  readonly path: string
}

/** Binds every slot. Throws what `bind` throws, and `EGRESS_REQUEST` for a slot that the request does not have. */
export async function bindSecrets(
  request: Outgoing,
  target: Target,
  { secrets = [], bind }: FetchInit,
): Promise<Bound> {
  let bound: Bound = { ...request, path: target.path }
  for (const slot of secrets) {
    if (!bind) throw refused(target, `nothing binds the secret "${slot.secret}"`, 'give "bind" with "secrets"')
    const { method } = request
    const value = await bind(slot, { method, url: target.href, host: target.host.text })
    if (typeof value !== 'string') throw refused(target, `the secret "${slot.secret}" is not a text`, 'bind a text')
    bound = put(bound, slot, value, target)
  }
  return bound
}

function put(bound: Bound, { in: place, name, secret }: SecretSlot, value: string, target: Target): Bound {
  switch (place) {
    case 'header':
      return { ...bound, headers: { ...bound.headers, ...outgoingHeaders({ [name]: value }, target.host.text) } }
    case 'query': {
      const pair = `${encodeURIComponent(name)}=${encodeURIComponent(value)}`
      return { ...bound, path: `${bound.path}${bound.path.includes('?') ? '&' : '?'}${pair}` }
    }
    case 'body':
      return { ...bound, body: putIntoBody(bound, name, value, target) }
    default:
      throw refused(target, `the secret "${secret}" has no slot`, 'bind it into a header, the query or the body')
  }
}

function putIntoBody({ headers, body }: Bound, name: string, value: string, target: Target): Buffer {
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim()
  const text = body?.toString('utf8') ?? ''
  if (type === 'application/x-www-form-urlencoded') {
    return Buffer.from(`${text}${text === '' ? '' : '&'}${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
  }
  const members = type === 'application/json' ? parsed(text) : undefined
  if (!members)
    throw refused(target, 'a secret is for the body, which is no JSON object and no form', 'send one of those')
  return Buffer.from(JSON.stringify({ ...members, [name]: value }))
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function refused({ host }: Target, problem: string, next: string): ClonedError {
  return new ClonedError('EGRESS_REQUEST', { host: host.text, problem, next })
}
