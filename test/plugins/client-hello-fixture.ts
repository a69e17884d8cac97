// Builds first messages of TLS clients, right and wrong ones, and cuts them into records.

export interface HelloParts {
  /** Host names of the server_name extension; none for no extension. */
  readonly names?: readonly string[]
  /** Further extensions: type and content. */
  readonly extensions?: readonly (readonly [type: number, content: Buffer])[]
  /** In the place of the whole server_name content. */
  readonly serverName?: Buffer
  readonly sessionId?: Buffer
  /** Bytes behind the last extension, inside the message. */
  readonly trailing?: Buffer
}

/** One handshake message without a record around it. */
export function clientHello({ names = [], extensions = [], serverName, sessionId, trailing }: HelloParts): Buffer {
  const list = Buffer.concat(
    names.map((name) => Buffer.concat([Buffer.from([0]), vector(2, Buffer.from(name, 'latin1'))])),
  )
  const named: (readonly [number, Buffer])[] = serverName
    ? [[0, serverName]]
    : names.length > 0
      ? [[0, vector(2, list)]]
      : []
  const all = Buffer.concat(
    [...named, ...extensions].map(([type, content]) => Buffer.concat([number(2, type), vector(2, content)])),
  )
  const body = Buffer.concat([
    number(2, 0x0303),
    Buffer.alloc(32, 7),
    vector(1, sessionId ?? Buffer.alloc(32, 1)),
    vector(2, Buffer.from([0x13, 0x01, 0x13, 0x02])),
    vector(1, Buffer.from([0])),
    vector(2, all),
    trailing ?? Buffer.alloc(0),
  ])
  return Buffer.concat([Buffer.from([1]), vector(3, body)])
}

/** Puts a message into records of these sizes; the last record has the rest. */
export function inRecords(message: Buffer, ...sizes: number[]): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (const size of [...sizes, message.length]) {
    const part = message.subarray(at, at + size)
    at += part.length
    if (part.length > 0) parts.push(Buffer.from([22, 3, 1]), vector(2, part))
  }
  return Buffer.concat(parts)
}

export function vector(size: number, content: Buffer): Buffer {
  return Buffer.concat([number(size, content.length), content])
}

export function number(size: number, value: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeUIntBE(value, 0, size)
  return bytes
}
