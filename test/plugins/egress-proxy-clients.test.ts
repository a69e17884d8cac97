// The clients that connectors are made of, through HTTPS_PROXY as they come: curl and the standard library of Python.
import { spawn, spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Certificate, certificate, type ProxyWorld, proxyWorld, tlsServer } from './egress-proxy-fixture.js'
import { httpServer, LOOPBACK, type LoopbackServer } from './firewall-fixture.js'

const PYTHON = `
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile=sys.argv[2])
opener = urllib.request.build_opener(urllib.request.ProxyHandler(), urllib.request.HTTPSHandler(context=context))
try:
    print(opener.open(sys.argv[1], timeout=20).read().decode())
except Exception as error:
    print(repr(error), file=sys.stderr)
    sys.exit(1)
`

/** How each client fetches a URL, trusting a certificate. */
const CLIENTS: Readonly<Record<string, (url: string, ca: string) => string[]>> = {
  curl: (url, ca) => ['-sS', '--fail', '--max-time', '20', '--cacert', ca, url],
  python3: (url, ca) => ['-c', PYTHON, url, ca],
}

let cert: Certificate
let w: ProxyWorld
let secure: LoopbackServer
let plain: LoopbackServer
let proxy = ''
beforeAll(async () => {
  cert = certificate('a.test')
  w = await proxyWorld({ zone: { 'a.test': [['127.0.0.1']] } })
  secure = await tlsServer(cert, (request, response) => response.end(`tls ${request.url}`))
  plain = await httpServer((request, response) => response.end(`plain ${request.url}`))
  const local = { host: 'a.test', addresses: LOOPBACK }
  w.allow({ ...local, ports: [secure.port] }, { ...local, ports: [plain.port], schemes: ['http'] })
  proxy = `http://127.0.0.1:${(await w.open()).port}`
})
afterAll(async () => {
  await w.close()
  await Promise.all([secure.close(), plain.close()])
})

interface Run {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

function run(client: string, url: string): Promise<Run> {
  const env = { PATH: process.env['PATH'], HTTPS_PROXY: proxy, HTTP_PROXY: proxy, http_proxy: proxy, NO_PROXY: '' }
  const child = spawn(client, CLIENTS[client]?.(url, cert.path) ?? [], { env })
  return new Promise((resolve) => {
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk) => (out += chunk))
    child.stderr.on('data', (chunk) => (err += chunk))
    child.on('close', (status) => resolve({ status, out: out.trim(), err }))
  })
}

for (const client of Object.keys(CLIENTS)) {
  const missing = spawnSync(client, ['--version']).status !== 0
  // In CI a client that is not installed is a failure, not a silence.
  const skipped = missing && process.env['CI'] !== 'true'
  describe.skipIf(skipped)(skipped ? `${client} (not installed)` : client, () => {
    it('reaches an allowed host over https, its certificate checked against the host’s own', async () => {
      expect(await run(client, `https://a.test:${secure.port}/x`)).toMatchObject({ status: 0, out: 'tls /x' })
    })

    it('reaches an allowed host over http', async () => {
      expect(await run(client, `http://a.test:${plain.port}/y?z=1`)).toMatchObject({ status: 0, out: 'plain /y?z=1' })
    })

    it('is told of a host that is not allowed, and of one that does not answer', async () => {
      const denied = await run(client, 'https://evil.test/')
      expect(denied.status).not.toBe(0)
      expect(denied.err).toContain('403')
      expect((await run(client, 'http://evil.test/')).err).toContain('403')
      expect(w.dns.asked).not.toContain('evil.test A')
    })
  })
}
