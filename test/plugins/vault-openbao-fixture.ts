// A fake of OpenBao's KV version 2 over real HTTP, answering with the statuses and shapes of its API documentation.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

interface Version {
  readonly data: object
  deleted: boolean
}

export interface FakeOpenbao {
  readonly address: string
  readonly token: string
  /** Versions by `mount/path`. */
  readonly store: Map<string, Version[]>
  /** Every request line with its headers, as it came over the wire. */
  readonly requests: { readonly line: string; readonly headers: IncomingMessage['headers'] }[]
  sealed: boolean
  /** Answers the next request instead of the server. */
  next: ((response: ServerResponse) => void) | undefined
  close(): Promise<void>
}

export async function fakeOpenbao(): Promise<FakeOpenbao> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      fake.requests.push({ line: `${request.method} ${request.url}`, headers: request.headers })
      const special = fake.next
      fake.next = undefined
      if (special) return special(response)
      const { status, body } = answer(fake, request, Buffer.concat(chunks).toString())
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(body === undefined ? undefined : JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const fake: FakeOpenbao = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: 's.fake-token-of-the-test',
    store: new Map(),
    requests: [],
    sealed: false,
    next: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return fake
}

function answer(fake: FakeOpenbao, request: IncomingMessage, body: string): { status: number; body?: object } {
  if (fake.sealed) return { status: 503, body: { errors: ['Vault is sealed'] } }
  if (request.headers['x-vault-token'] !== fake.token) return { status: 403, body: { errors: ['permission denied'] } }
  const url = new URL(request.url ?? '', 'http://fake')
  const [, mount = '', part = '', rest = ''] = /^\/v1\/([^/]+)\/(data|metadata)\/(.*)$/.exec(url.pathname) ?? []
  if (url.pathname === '/v1/auth/token/lookup-self') return ok({ id: fake.token, ttl: 3600 })
  if (part === '') return { status: 404, body: { errors: [] } }
  const path = `${mount}/${decodeURIComponent(rest)}`
  if (url.searchParams.get('list') === 'true') return list(fake, path)
  const versions = fake.store.get(path) ?? []
  if (part === 'metadata') return metadata(fake, request, path, versions)
  if (request.method === 'POST') return write(fake, path, versions, body)
  const last = versions.at(-1)
  if (request.method === 'DELETE') {
    if (last) last.deleted = true
    return { status: 204 }
  }
  if (!last) return { status: 404, body: { errors: [] } }
  const about = { created_time: '2026-01-01T00:00:00Z', deletion_time: '', destroyed: false, version: versions.length }
  if (!last.deleted) return ok({ data: last.data, metadata: about })
  const deleted = { ...about, deletion_time: '2026-01-02T00:00:00Z' }
  return { status: 404, body: { data: { data: null, metadata: deleted } } }
}

function metadata(fake: FakeOpenbao, request: IncomingMessage, path: string, versions: readonly Version[]) {
  if (request.method === 'DELETE') {
    fake.store.delete(path)
    return { status: 204 }
  }
  if (versions.length === 0) return { status: 404, body: { errors: [] } }
  return ok({ current_version: versions.length, max_versions: 0, cas_required: false })
}

function write(fake: FakeOpenbao, path: string, versions: readonly Version[], body: string) {
  const { options, data } = JSON.parse(body) as { options?: { cas?: number }; data: object }
  if (options?.cas !== undefined && options.cas !== versions.length) {
    const error = 'check-and-set parameter did not match the current version'
    return { status: 400, body: { errors: [error] } }
  }
  fake.store.set(path, [...versions, { data, deleted: false }])
  return ok({ created_time: '2026-01-01T00:00:00Z', deletion_time: '', destroyed: false, version: versions.length + 1 })
}

function list(fake: FakeOpenbao, path: string): { status: number; body?: object } {
  const below = [...fake.store.keys()].filter((key) => key.startsWith(path)).map((key) => key.slice(path.length))
  const keys = [...new Set(below.map((key) => (key.includes('/') ? key.slice(0, key.indexOf('/') + 1) : key)))]
  return keys.length === 0 ? { status: 404, body: { errors: [] } } : ok({ keys })
}

function ok(data: object) {
  const body = {
    request_id: 'r',
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data,
    wrap_info: null,
    warnings: null,
  }
  return { status: 200, body: { ...body, auth: null } }
}
