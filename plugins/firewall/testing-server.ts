// A server on this machine that the cases of the firewall talk to; it remembers what reached it.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'

export interface TestServer {
  readonly port: number
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** `METHOD path` of everything that came. */
  readonly seen: readonly string[]
  /** Resolves with the first request. */
  readonly next: Promise<void>
  connections(): number
  close(): Promise<void>
}

const BOTH = ['location', '/echo', 'location', '/circle']
const LARGE = Buffer.alloc(200_000, 'a')

/**
 * `/echo` answers what it got, `/to?URL` leads there, `/both` to two places and `/circle` to itself, `/large` and `/bomb` are
 * 200,000 bytes, the second one compressed, and `/never` is not answered.
 */
export async function loopbackServer(): Promise<TestServer> {
  const seen: string[] = []
  let connections = 0
  let first = (): void => undefined
  const next = new Promise<void>((resolve) => {
    first = resolve
  })
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    first()
    answer(request, response)
  })
  server.on('connection', () => {
    connections++
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    seen,
    next,
    connections: () => connections,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://127.0.0.1')
  if (pathname === '/never') return
  if (pathname === '/large') return void response.end(LARGE)
  if (pathname === '/bomb') return void response.setHeader('content-encoding', 'gzip').end(gzipSync(LARGE))
  if (pathname === '/circle') return void response.writeHead(302, { location: '/circle' }).end()
  if (pathname === '/both') return void response.writeHead(302, BOTH).end()
  if (pathname === '/to') return void response.writeHead(302, { location: search.slice(1) }).end()
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8')
    const { host } = request.headers
    response.end(JSON.stringify({ path: request.url, host, test: request.headers['x-test'] ?? null, body }))
  })
}
