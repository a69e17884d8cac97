// Carries each request over a connection of its own; dials no address that was not vetted, and holds no more than was asked for.
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { ClonedError, describeThrown, isClonedError } from 'cloned/kernel'
import { type Carried, type Carrier, type Dialling, type Received, type Sending, vet } from 'cloned/plugins/firewall'

export class PlainCarrier implements Carrier {
  readonly #dialling: Dialling
  readonly #open = new Set<Carried>()

  constructor(dialling: Dialling) {
    this.#dialling = dialling
  }

  async load(): Promise<void> {}

  carry(sending: Sending): Carried {
    const life = new AbortController()
    const carried: Carried = {
      received: this.#exchange(sending, life.signal).finally(() => this.#open.delete(carried)),
      abort: (error) => life.abort(error),
    }
    this.#open.add(carried)
    return carried
  }

  async close(): Promise<void> {
    for (const { abort } of this.#open) abort(new ClonedError('EGRESS_CANCELLED', { host: 'every host' }))
  }

  async #exchange(sending: Sending, signal: AbortSignal): Promise<Received> {
    const { host } = sending.target
    try {
      const address = await alive(signal, this.#address(sending))
      return await exchange(sending, address, signal)
    } catch (error) {
      if (signal.aborted) throw signal.reason
      if (isClonedError(error)) throw error
      const cause = (error as NodeJS.ErrnoException).code ?? describeThrown(error)
      throw new ClonedError('EGRESS_FAILED', { host: host.text, cause }, { cause: error })
    }
  }

  /** Resolved once; what was vetted is what is dialled. */
  async #address({ target: { host }, addresses }: Sending): Promise<string> {
    const { resolve, own } = this.#dialling
    const found = host.address ? [host.text.replace(/^\[|\]$/g, '')] : await resolve(host.text)
    const [vetted] = vet(found, addresses, own()) ?? []
    if (vetted === undefined) throw new ClonedError('EGRESS_ADDRESS', { host: host.text })
    return vetted
  }
}

function exchange({ target, bound, maxBytes, onData }: Sending, address: string, signal: AbortSignal) {
  const { scheme, host, port } = target
  const { method, path, headers, body } = bound
  const refused = (problem: string) => new ClonedError('EGRESS_RESPONSE', { host: host.text, problem })
  const usual = port === (scheme === 'https' ? 443 : 80)
  return new Promise<Received>((resolve, reject) => {
    const request = (scheme === 'https' ? httpsRequest : httpRequest)({
      ...{ host: address, port, method, path, signal },
      headers: { ...headers, host: usual ? host.text : `${host.text}:${port}` },
      // The name that the certificate has to have; an address is no name.
      servername: host.address ? '' : host.text,
      // No connection serves a second grant.
      agent: false,
    })
    const end = (error: unknown) => {
      reject(error)
      request.destroy()
    }
    request.on('error', end)
    request.on('upgrade', () => end(refused('it changes the protocol')))
    request.on('response', (response) => {
      const { statusCode: status = 0 } = response
      // `response.headers` shows the first of two locations as if it were the only one.
      const received = Object.fromEntries(
        Object.entries(response.headersDistinct).map(([name, values = []]) => [
          name,
          values.length > 1 ? values : values[0],
        ]),
      )
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBytes) return end(refused(`it is larger than ${maxBytes} bytes`))
        chunks.push(chunk)
        if (!onData || received['content-encoding'] !== undefined) return
        try {
          onData(chunk, { status, type: response.headers['content-type'] ?? '' })
        } catch (error) {
          end(refused(describeThrown(error)))
        }
      })
      response.on('error', end)
      response.on('end', () => {
        if (response.complete) resolve({ status, headers: received, body: Buffer.concat(chunks) })
        else end(new Error('the response was cut short'))
      })
    })
    request.end(body)
  })
}

/** Waits for others no longer than the request lives. */
async function alive<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  return await Promise.race([ended, work])
}
