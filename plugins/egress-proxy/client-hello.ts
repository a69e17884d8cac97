// Reads the name that a TLS client asks for out of its first message (RFC 8446, 6066); never guesses at what is not whole.

/** What the first bytes of a client are. `name` is in lower case, `undefined` when it asks for none. */
export type Hello =
  | { readonly state: 'more' }
  | { readonly state: 'refused'; readonly problem: string }
  | { readonly state: 'read'; readonly name: string | undefined }

/** The most that may come before the message is whole. With post-quantum keys it has about 2,000 bytes. */
export const MAX_HELLO_BYTES = 16 * 1024

const HANDSHAKE = 22
const CLIENT_HELLO = 1
const MAX_RECORD = 1 << 14
const SERVER_NAME = 0
/** Encrypted names: ECH (RFC 9849), its drafts, and the ESNI that came before. The name in clear is then a decoy. */
const ENCRYPTED = new Set([0xfe08, 0xfe09, 0xfe0a, 0xfe0d, 0xffce])
// Letters, digits, hyphen, underscore and dot: whatever else a name may hold, no server is asked for it in clear.
const NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/

/** Reads as much as there is; asks for more until the message is whole. */
export function readHello(bytes: Buffer): Hello {
  try {
    const message = handshake(bytes)
    if (message) return { state: 'read', name: serverName(message) }
    return bytes.length < MAX_HELLO_BYTES ? { state: 'more' } : refused('its first message is too long')
  } catch (error) {
    if (error instanceof NotHello) return refused(error.message)
    throw error
  }
}

class NotHello extends Error {}

function refused(problem: string): Hello {
  return { state: 'refused', problem }
}

/** The body of the first handshake message, put together from its records; `undefined` while a part is missing. */
function handshake(bytes: Buffer): Buffer | undefined {
  const parts: Buffer[] = []
  let size = 0
  let wanted: number | undefined
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== HANDSHAKE || (bytes[at + 1] ?? 3) !== 3) throw new NotHello('it does not speak TLS')
    if (at + 5 > bytes.length) return undefined
    const length = bytes.readUInt16BE(at + 3)
    if (length === 0 || length > MAX_RECORD) throw new NotHello('its first record has no possible length')
    const part = bytes.subarray(at + 5, at + 5 + length)
    parts.push(part)
    size += part.length
    at += 5 + length
    wanted ??= lengthOf(parts, size)
    if (wanted === undefined) continue
    if (size > wanted) throw new NotHello('another message is packed behind its first')
    // A record that is not whole may still hold more than this message.
    if (size === wanted && part.length === length) return Buffer.concat(parts).subarray(4)
  }
  return undefined
}

/** How long the message is with its header, once that is there. */
function lengthOf(parts: readonly Buffer[], size: number): number | undefined {
  const [type = CLIENT_HELLO] = parts[0] ?? []
  if (type !== CLIENT_HELLO) throw new NotHello('its first message is no ClientHello')
  if (size < 4) return undefined
  const length = 4 + Buffer.concat(parts).readUIntBE(1, 3)
  if (length > MAX_HELLO_BYTES) throw new NotHello('its first message is too long')
  return length
}

/** The one name in the message. Every length must come out exactly. */
function serverName(message: Buffer): string | undefined {
  const body = new Reader(message)
  body.skip(2 + 32)
  body.vector(1)
  body.vector(2)
  body.vector(1)
  if (body.done) return undefined
  const extensions = body.vector(2)
  body.end()
  const seen = new Set<number>()
  let name: string | undefined
  while (!extensions.done) {
    const type = extensions.number(2)
    const content = extensions.vector(2)
    if (seen.has(type)) throw new NotHello('it has an extension twice')
    seen.add(type)
    if (ENCRYPTED.has(type)) throw new NotHello('the name it asks for is encrypted')
    if (type === SERVER_NAME) name = onlyName(content)
  }
  return name
}

function onlyName(content: Reader): string {
  const list = content.vector(2)
  content.end()
  if (list.number(1) !== 0) throw new NotHello('the name it asks for is no host name')
  const name = list.vector(2).text().toLowerCase()
  list.end()
  if (!NAME.test(name)) throw new NotHello('the name it asks for is not in its one spelling')
  return name
}

/** Reads a buffer from the front; what is missing is refused. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at === this.#bytes.length
  }

  skip(count: number): void {
    this.#take(count)
  }

  number(size: number): number {
    return this.#take(size).readUIntBE(0, size)
  }

  /** What a length of `size` bytes stands before. */
  vector(size: number): Reader {
    return new Reader(this.#take(this.number(size)))
  }

  text(): string {
    return this.#take(this.#bytes.length - this.#at).toString('latin1')
  }

  end(): void {
    if (!this.done) throw new NotHello('a length in its first message is wrong')
  }

  #take(count: number): Buffer {
    const end = this.#at + count
    if (end > this.#bytes.length) throw new NotHello('a length in its first message is wrong')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}
