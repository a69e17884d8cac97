// The rules that every carrier of requests keeps, as cases for any test runner; must never rely on how one connects.
import assert from 'node:assert/strict'
import { type ContractCase, codeOf, contractCase } from 'cloned/testing'
import { parseCidr } from './address.js'
import type { Carrier, Sending } from './carrier.js'
import type { Dialling } from './egress.js'
import type { AddressPolicy } from './rule.js'
import { parseTarget } from './target.js'
import { loopbackServer, type TestServer } from './testing-server.js'

const PUBLIC: AddressPolicy = { id: '', grants: [] }
const HERE: AddressPolicy = {
  id: '127.0.0.1/32',
  grants: [parseCidr('127.0.0.1/32')].filter((one) => one !== undefined),
}

/** The contract of what `createEgress` sends requests with. `make` is called once per case. */
export function carrierSuite(make: (dialling: Dialling) => Carrier): readonly ContractCase[] {
  const rule = (
    name: string,
    found: readonly string[],
    check: (carrier: Carrier, server: TestServer) => Promise<void>,
  ) =>
    contractCase(
      name,
      async () => {
        const server = await loopbackServer()
        const carrier = make({ resolve: async () => found, own: () => new Set() })
        await carrier.load()
        const close = async () => {
          await carrier.close()
          await server.close()
        }
        return { carrier, server, close }
      },
      (subject) => check(subject.carrier, subject.server),
    )
  const dialled = (found: readonly string[], addresses: AddressPolicy) =>
    rule(`a name that leads to ${found.join(' and ')} is not dialled`, found, async (carrier, server) => {
      const work = () => carrier.carry(sending(server, '/echo', { addresses })).received
      assert.deepEqual([await codeOf(work), server.seen], ['EGRESS_ADDRESS', []])
    })
  return [
    dialled(['127.0.0.1'], PUBLIC),
    dialled(['127.0.0.1', '10.0.0.1'], HERE),
    dialled(['169.254.169.254'], HERE),
    rule(
      'a request goes to the address that is granted, in the name of its host',
      ['127.0.0.1'],
      async (carrier, server) => {
        const { status, body } = await carrier.carry(sending(server, '/echo')).received
        assert.deepEqual([status, JSON.parse(body.toString('utf8')).host], [200, `acme.test:${server.port}`])
        assert.deepEqual(server.seen, ['GET /echo'])
      },
    ),
    rule('a redirect is handed back, and both of its places', ['127.0.0.1'], async (carrier, server) => {
      const { status, headers } = await carrier.carry(sending(server, '/both')).received
      assert.deepEqual([status, headers.location, server.seen], [302, ['/echo', '/circle'], ['GET /both']])
    }),
    rule('no more of a response is held than was asked for', ['127.0.0.1'], async (carrier, server) => {
      const work = () => carrier.carry(sending(server, '/large', { maxBytes: 10_000 })).received
      assert.equal(await codeOf(work), 'EGRESS_RESPONSE')
    }),
    rule(
      'what is aborted ends with that, and what is open ends with the carrier',
      ['127.0.0.1'],
      async (carrier, server) => {
        const aborted = carrier.carry(sending(server, '/never'))
        const open = codeOf(() => carrier.carry(sending(server, '/never')).received)
        await server.next
        const error = new Error('enough')
        aborted.abort(error)
        aborted.abort(new Error('twice'))
        await assert.rejects(aborted.received, error)
        await carrier.close()
        assert.notEqual(await open, 'ok')
      },
    ),
  ]
}

function sending({ port }: TestServer, path: string, more: Partial<Sending> = {}): Sending {
  const target = parseTarget(`http://acme.test:${port}${path}`)
  if ('refused' in target) throw new TypeError(target.reason)
  const bound = { method: 'GET', path, headers: {}, body: undefined }
  return { target, bound, epoch: 1, addresses: HERE, maxBytes: 1_000_000, onData: undefined, ...more }
}
