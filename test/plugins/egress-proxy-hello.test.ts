// Reading the name out of a ClientHello: as real clients write it, however it is cut, and never out of anything else.
import { Duplex } from 'node:stream'
import { connect } from 'node:tls'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_HELLO_BYTES, readHello } from '../../plugins/egress-proxy/client-hello.js'
import { clientHello, inRecords, number, vector } from './client-hello-fixture.js'

const read = (name: string | undefined) => ({ state: 'read', name })
const plain = inRecords(clientHello({ names: ['a.test'] }))

/** What Node's own client says first. */
async function spoken(servername: string | undefined, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<Buffer> {
  return await new Promise((resolve) => {
    const wire = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _, done) => {
        resolve(chunk)
        done()
      },
    })
    const name = servername === undefined ? {} : { servername }
    connect({ socket: wire, ...name, maxVersion }).on('error', () => undefined)
  })
}

describe('a ClientHello', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('of a %s client is read, with a name and without one', async (version) => {
    expect(readHello(await spoken('a.test', version))).toEqual(read('a.test'))
    expect(readHello(await spoken(undefined, version))).toEqual(read(undefined))
  })

  it('is read however it is cut into records and segments, and not before it is whole', () => {
    const message = clientHello({ names: ['A.Test'], extensions: [[21, Buffer.alloc(300)]] })
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 12 }), (sizes) => {
        const bytes = inRecords(message, ...sizes)
        for (let end = 0; end < bytes.length; end++) {
          if (readHello(bytes.subarray(0, end)).state !== 'more') return false
        }
        return readHello(bytes).state === 'read'
      }),
      { numRuns: 30 },
    )
    expect(readHello(inRecords(message, 1, 1, 1, 1, 1))).toEqual(read('a.test'))
  })

  it('is read whatever follows in another record', () => {
    expect(readHello(Buffer.concat([plain, Buffer.from([23, 3, 3, 0, 1, 0])]))).toEqual(read('a.test'))
  })

  const sni = (list: Buffer) => ({ serverName: vector(2, list) })
  const entry = (type: number, name: string) =>
    Buffer.concat([Buffer.from([type]), vector(2, Buffer.from(name, 'latin1'))])
  const ech = (type: number) => ({ names: ['a.test'], extensions: [[type, Buffer.alloc(8)]] as const })
  it.each<[string, Buffer]>([
    ['two names', clientHello({ names: ['a.test', 'evil.test'] })],
    ['the name twice', clientHello({ names: ['a.test'], extensions: [[0, vector(2, entry(0, 'evil.test'))]] })],
    [
      'any extension twice',
      clientHello({
        names: ['a.test'],
        extensions: [
          [5, Buffer.alloc(0)],
          [5, Buffer.alloc(0)],
        ],
      }),
    ],
    ['a name of another type', clientHello(sni(entry(1, 'a.test')))],
    ['an empty name', clientHello(sni(entry(0, '')))],
    ['an empty list of names', clientHello(sni(Buffer.alloc(0)))],
    ['a name with a NUL', clientHello({ names: ['a.test\0.evil.test'] })],
    ['a name with a trailing dot', clientHello({ names: ['a.test.'] })],
    ['a name with a port', clientHello({ names: ['a.test:443'] })],
    ['a name with a percent sign', clientHello({ names: ['a%2etest'] })],
    ['a name that is not ASCII', clientHello({ names: ['\u00e4.test'] })],
    ['a wildcard', clientHello({ names: ['*.test'] })],
    [
      'bytes behind the list of names',
      clientHello({ serverName: Buffer.concat([vector(2, entry(0, 'a.test')), Buffer.from([0])]) }),
    ],
    ['bytes behind its extensions', clientHello({ names: ['a.test'], trailing: Buffer.from([1]) })],
    ['an encrypted ClientHello', clientHello(ech(0xfe0d))],
    ['an encrypted ClientHello of a draft', clientHello(ech(0xfe0a))],
    ['an encrypted name', clientHello(ech(0xffce))],
    [
      'another message in the same record',
      Buffer.concat([clientHello({ names: ['a.test'] }), clientHello({ names: ['b.test'] })]),
    ],
    ['another message first', Buffer.concat([Buffer.from([2]), vector(3, Buffer.alloc(40))])],
    ['a length of 16 MB', Buffer.concat([Buffer.from([1]), number(3, 0xffffff), Buffer.alloc(50)])],
  ])('with %s is refused', (_, message) => {
    expect(readHello(inRecords(message)).state).toBe('refused')
  })

  it('that says nothing of names has none', () => {
    expect(readHello(inRecords(clientHello({})))).toEqual(read(undefined))
  })

  it('with another message behind it in a record that is still coming is not read', () => {
    const both = inRecords(Buffer.concat([clientHello({ names: ['a.test'] }), clientHello({ names: ['b.test'] })]))
    const first = clientHello({ names: ['a.test'] }).length + 5
    expect(readHello(both.subarray(0, first))).toEqual({ state: 'more' })
    expect(readHello(both).state).toBe('refused')
  })
})

describe('anything else', () => {
  it.each<[string, Buffer]>([
    ['SSH', Buffer.from('SSH-2.0-x\r\n')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['HTTP/2 in clear', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
    ['DNS over TCP', Buffer.from([0, 29, 0, 1, 1, 0])],
    ['SSL 2', Buffer.from([0x80, 0x2e, 1, 3, 1, 0, 0x15])],
    ['an alert', Buffer.from([21, 3, 3, 0, 2, 1, 0])],
    ['application data', Buffer.from([23, 3, 3, 0, 1, 0])],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0])],
    ['a record that is too long', Buffer.from([22, 3, 1, 0x40, 1])],
  ])('%s is refused at once', (_, bytes) => {
    expect(readHello(bytes).state).toBe('refused')
  })

  it('is refused once it is longer than a first message may be', () => {
    const endless = inRecords(
      Buffer.concat([Buffer.from([1]), number(3, MAX_HELLO_BYTES - 4), Buffer.alloc(MAX_HELLO_BYTES)]),
      ...Array(5_000).fill(1),
    )
    expect(readHello(endless.subarray(0, MAX_HELLO_BYTES)).state).toBe('refused')
  })

  it('random bytes, and right ones with a byte changed, end in an answer and never in a name that was not there', () => {
    const message = inRecords(clientHello({ names: ['a.test'], extensions: [[16, Buffer.alloc(6)]] }))
    fc.assert(
      fc.property(fc.nat({ max: message.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
        const changed = Buffer.from(message)
        changed[at] = value
        const found = readHello(changed)
        return (
          found.state !== 'read' ||
          found.name === undefined ||
          changed.toString('latin1').toLowerCase().includes(found.name)
        )
      }),
      { numRuns: 2_000 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => readHello(Buffer.from(bytes)).state !== 'read'),
      { numRuns: 1_000 },
    )
  })
})
