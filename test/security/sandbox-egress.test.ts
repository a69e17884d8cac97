// What connectors in the real sandbox reach through the real proxy and firewall: the host that both their manifest and the
// rules name, and nothing else, whatever they are written in.
import { approvalsSlot } from 'cloned/kernel'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { vaultSlot } from '../../plugins/vault/slot.js'
import { testFirewall } from '../plugins/connectors-egress-fixture.js'
import {
  type ConnectorsWorld,
  canConfine,
  connectorsWorld,
  NO_SANDBOX,
  type Source,
} from '../plugins/connectors-fixture.js'
import { certificate, tlsServer } from '../plugins/egress-proxy-fixture.js'
import { type FakeDns, fakeDns, httpServer, LOOPBACK, type LoopbackServer } from '../plugins/firewall-fixture.js'

const NAMES = ['good.test', 'undeclared.test', 'unruled.test']
const HELLO = (id: string) =>
  `{"jsonrpc":"2.0","id":"initialize","result":{"protocol":1,"connector":{"id":"${id}","version":"1.0.0"},"tools":["${id}.get@v1"]}}`

/** Answers the body of the page, or what went wrong, for `{"url": …, "direct": …}`. */
const PROGRAMS: Readonly<Record<string, { files: Record<string, string>; command: readonly string[] }>> = {
  curl: {
    command: ['sh', '{dir}/main.sh'],
    files: {
      'main.sh': `
read -r line
echo '${HELLO('acme.curl')}'
while read -r line; do
  id=$(printf %s "$line" | sed 's/.*"id":"\\([^"]*\\)".*/\\1/')
  url=$(printf %s "$line" | sed 's/.*"url":"\\([^"]*\\)".*/\\1/')
  case $line in *'"direct":true'*) way='--noproxy *' ;; *) way='' ;; esac
  set -f
  body=$(curl -sS --fail -m 10 --cacert ca.pem $way "$url" 2>&1 | head -n 1 | tr -d '"\\\\')
  echo '{"jsonrpc":"2.0","id":"'$id'","result":{"output":"'$body'"}}'
done
`,
    },
  },
  python: {
    command: ['python3', '{dir}/main.py'],
    files: {
      'main.py': `
import json, ssl, sys, urllib.request
sys.stdin.readline()
print('${HELLO('acme.python')}', flush=True)
for line in sys.stdin:
    call = json.loads(line)
    given = call["params"]["input"]
    handler = urllib.request.ProxyHandler({} if given["direct"] else None)
    tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile="ca.pem"))
    try: output = urllib.request.build_opener(handler, tls).open(given["url"], timeout=10).read().decode()
    except Exception as error: output = repr(error)
    print(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": {"output": output}}), flush=True)
`,
    },
  },
  node: {
    command: ['node', './main.mjs'],
    files: {
      'main.mjs': `
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { get } from 'node:https'
import { createInterface } from 'node:readline'
const ca = readFileSync('ca.pem')
const fetched = (url, socket) => new Promise((resolve) => {
  const way = socket ? { createConnection: undefined, agent: false, socket } : {}
  get(url, { ca, timeout: 10000, ...way }, (response) => {
    let text = ''
    response.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text))
  }).on('error', (error) => resolve(String(error)))
})
const throughProxy = (url) => new Promise((resolve) => {
  const { host } = new URL(url)
  const { hostname, port } = new URL(process.env.https_proxy)
  request({ hostname, port, method: 'CONNECT', path: host, headers: { host } })
    .on('connect', (response, socket) => {
      if (response.statusCode !== 200) return resolve('refused ' + response.statusCode)
      resolve(fetched(url, socket))
    })
    .on('error', (error) => resolve(String(error)))
    .end()
})
let first = true
for await (const line of createInterface({ input: process.stdin })) {
  if (first) { first = false; console.log('${HELLO('acme.node')}'); continue }
  const { id, params: { input: { url, direct } } } = JSON.parse(line)
  const output = await (direct || !process.env.https_proxy ? fetched(url) : throughProxy(url))
  console.log(JSON.stringify({ jsonrpc: '2.0', id, result: { output } }))
}
`,
    },
  },
}

const SDK = `
import { defineConnector, defineTool, serve } from 'cloned/connector'
serve(defineConnector({ id: 'acme.sdk', version: '1.0.0', publisher: 'acme', title: '', description: '', tools: [
  defineTool({ id: 'acme.sdk.get', version: 1, title: '', description: '', input: { type: 'object' }, output: {},
    risk: 'low', capability: 'test',
    async run({ url, auth, crash }, { fetch }) {
      if (crash) { console.error('leaked ' + crash.join('')); process.exit(9) }
      try {
        const response = await fetch(url, { auth: auth ?? [] })
        const [status, echo, text] = [response.status, response.headers.get('x-echo'), await response.text()]
        return { status, text, ...(echo && { echo: [...echo].join(' ') + [...text].join(' ') }) }
      } catch (error) { return { refused: error.code } }
    } }) ] }))`

describe.skipIf(!canConfine)(`a confined connector (skipped only where ${NO_SANDBOX})`, () => {
  const cert = certificate(...NAMES)
  let world: ConnectorsWorld
  let server: LoopbackServer
  let plain: LoopbackServer
  let dns: FakeDns
  let headers: (string | undefined)[] = []

  const source = (name: string, hosts: readonly string[]): Source => ({
    id: `acme.${name}`,
    files: { ...PROGRAMS[name]?.files, 'ca.pem': cert.cert },
    command: PROGRAMS[name]?.command ?? [],
    tools: [{ id: `acme.${name}.get@v1`, egress_hosts: hosts }],
  })

  beforeAll(async () => {
    dns = await fakeDns(Object.fromEntries(NAMES.map((name) => [name, [['127.0.0.1']]])))
    server = await tlsServer(cert, (request, response) => {
      const { authorization } = request.headers
      headers.push(authorization)
      if (request.url !== '/echo') return response.end(`page ${request.url}`)
      response.setHeader('x-echo', String(authorization))
      response.end(Buffer.concat([Buffer.from([0xff]), Buffer.from(`${authorization} ${btoa(String(authorization))}`)]))
    })
    plain = await httpServer((request, response) => response.end(`plain ${request.url}`))
    const rule = (host: string) => ({ host, addresses: LOOPBACK, ports: [server.port, plain.port] })
    world = await connectorsWorld({
      plugins: [
        testFirewall({ names: dns.address, ca: cert.cert, allow: [rule('good.test'), rule('undeclared.test')] }),
      ],
    })
    const declared = [`good.test:${server.port}`, `unruled.test:${server.port}`]
    for (const name of Object.keys(PROGRAMS)) world.enable(source(name, declared))
    world.enable({
      id: 'acme.sdk',
      files: { 'main.mjs': SDK },
      tools: [
        {
          id: 'acme.sdk.get@v1',
          egress_hosts: declared,
          auth: [
            {
              name: 'token',
              kind: 'static',
              secret: 'pat',
              place: 'header:authorization',
              format: 'Bearer {secret}',
              hosts: [`good.test:${server.port}`],
            },
          ],
        },
      ],
    })
  })
  afterAll(async () => {
    await world.close()
    await Promise.all([server.close(), plain.close(), dns.close()])
  })

  const got = async (name: string, url: string, more: object = {}) => {
    const outcome = await world.call(`acme.${name}.get@v1`, { url, direct: false, ...more })
    if (outcome.status !== 'done') throw new Error(JSON.stringify(outcome))
    return outcome.output
  }

  describe.each(Object.keys(PROGRAMS))('of %s', (name) => {
    it('reaches the host that its manifest and the rules name, over TLS to its own certificate', async () => {
      expect(await got(name, `https://good.test:${server.port}/x`)).toBe('page /x')
      expect(await got(name, `https://good.test:${server.port}/y`)).toBe('page /y')
    })

    it.each<[string, (port: number, plainPort: number) => string, boolean]>([
      ['that it does not declare', (port) => `https://undeclared.test:${port}/`, false],
      ['that no rule names', (port) => `https://unruled.test:${port}/`, false],
      ['by its address', (port) => `https://127.0.0.1:${port}/`, false],
      ['by another port', (_, port) => `https://good.test:${port}/`, false],
      ['past the proxy', (port) => `https://good.test:${port}/`, true],
      ['by its address past the proxy', (port) => `https://127.0.0.1:${port}/`, true],
    ])('reaches no host %s', async (_, url, direct) => {
      const [tls, http] = [server.connections(), plain.connections()]
      const output = String(await got(name, url(server.port, plain.port), { direct }))
      expect(output).not.toContain('page')
      expect(output).toMatch(/40\d|refused|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|[Rr]esolv|[Cc]onnect|gaierror/)
      expect([server.connections(), plain.connections()]).toEqual([tls, http])
    })
  })

  it('without a host in its manifest has no proxy at all', async () => {
    world.enable(source('node', []))
    const output = await got('node', `https://good.test:${server.port}/`)
    expect(output).toMatch(/ENOTFOUND|EAI_AGAIN/)
    world.enable(source('node', [`good.test:${server.port}`]))
    expect(await got('node', `https://good.test:${server.port}/z`)).toBe('page /z')
  })

  describe('that uses the SDK', () => {
    const SECRET = 'correct-horse-battery-staple'
    beforeAll(async () => {
      const outcome = await world.kernel.service(vaultSlot).put('pat', Buffer.from(SECRET), {
        hosts: [`good.test:${server.port}`],
        tools: ['connector.acme.sdk.*'],
        slots: ['header:authorization'],
      })
      if (outcome.status !== 'pending') throw new Error(outcome.status)
      const { approval } = outcome
      await world.kernel.service(approvalsSlot).decide(approval.id, { verdict: 'approve', by: approval.action.actor })
    })

    it('fetches with a secret that the host puts in and the log does not know', async () => {
      headers = []
      const url = `https://good.test:${server.port}/secret`
      const outcome = await world.call('acme.sdk.get@v1', { url, auth: ['token'] })
      expect(outcome).toMatchObject({ status: 'done', output: { status: 200, text: 'page /secret' } })
      expect(headers).toEqual([`Bearer ${SECRET}`])
      const records = JSON.stringify(await world.records(outcome.callId))
      expect(records).toContain('secret')
      expect(records).not.toContain(SECRET)
    })

    it('does not get the secret back from a server that repeats it, in whatever form', async () => {
      const outcome = await world.call('acme.sdk.get@v1', {
        url: `https://good.test:${server.port}/echo`,
        auth: ['token'],
      })
      if (outcome.status !== 'done') throw new Error(JSON.stringify(outcome))
      // Spelt out letter by letter, so that nothing on its way out would find it either.
      const { echo } = outcome.output as { echo: string }
      expect(headers.at(-1)).toBe(`Bearer ${SECRET}`)
      expect(echo.replaceAll(' ', '')).toContain('[REDACTED:vault:pat]')
      expect(echo.replaceAll(' ', '')).not.toContain(SECRET.slice(3, 12))
      expect(echo.replaceAll(' ', '')).not.toContain(btoa(SECRET).slice(4, 16))
      const hits = (await world.records(outcome.callId)).filter(({ type }) => type === 'redaction.hit')
      expect(new Set(hits.map(({ name, sink }) => `${name} ${sink}`))).toEqual(new Set(['pat connector']))
    })

    it('does not get a secret that it has by other ways into the diagnostics or the words of a failure', async () => {
      const outcome = await world.call('acme.sdk.get@v1', { crash: [...SECRET] })
      expect(outcome).toMatchObject({ status: 'failed', code: 'CONNECTOR_PROTOCOL' })
      expect(JSON.stringify(outcome)).toContain('[REDACTED:vault:pat]')
      expect(world.logged.join('\n')).toContain('leaked [REDACTED:vault:pat]')
      expect(JSON.stringify([outcome, world.logged])).not.toContain(SECRET)
    })

    it.each<[string, (port: number) => string]>([
      ['that it does not declare', (port) => `https://undeclared.test:${port}/`],
      ['that no rule names', (port) => `https://unruled.test:${port}/`],
    ])('reaches no host %s', async (_, url) => {
      const before = server.connections()
      expect(await got('sdk', url(server.port))).toEqual({ refused: 'EGRESS_DENIED' })
      expect(server.connections()).toBe(before)
    })
  })
})
