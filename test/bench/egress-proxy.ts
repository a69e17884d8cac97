// Measures the egress proxy against direct connections: requests through a tunnel that stands, and tunnels that are new.
import { type ChildProcess, fork } from 'node:child_process'
import { createServer as createPlain } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { Agent, type Dispatcher, ProxyAgent } from 'undici'
import { certificate, proxyWorld } from '../plugins/egress-proxy-fixture.js'
import { flight, interleave, quantile, type Row, ratio } from './harness.js'

const SERVE = 'CLONED_BENCH_TLS'
const PROXY = 'CLONED_BENCH_PROXY'
const BARE = 'CLONED_BENCH_BARE'
const SMALL = Buffer.from('{"ok":true}')
const LARGE = Buffer.alloc(1024 * 1024, 'x')
const WIDTH = 16

// The server and the proxy are processes of their own: what they cost is not the client's time.
if (process.argv[2] === SERVE) {
  const { key, cert, path } = certificate('127.0.0.1')
  const server = createServer({ key, cert }, (request, response) => response.end(request.url === '/l' ? LARGE : SMALL))
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port, path, cert }))
} else if (process.argv[2] === PROXY) {
  const port = Number(process.argv[3])
  const world = await proxyWorld({ config: { perMinute: 1_000_000 } })
  world.allow({ host: '127.0.0.1', ports: [port] })
  process.once('SIGTERM', () => world.close().finally(() => process.exit()))
  process.send?.({ port: (await world.open()).port })
} else if (process.argv[2] === BARE) {
  // What any CONNECT proxy costs here: it asks nobody, looks at nothing and passes everything on.
  const server = createPlain().on('connect', (request, client: Socket) => {
    const upstream = connectTcp({ port: Number(request.url?.split(':')[1]), host: '127.0.0.1', noDelay: true }, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n')
      client.pipe(upstream).pipe(client)
    })
    upstream.on('error', () => client.destroy())
    client.on('error', () => upstream.destroy())
  })
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
}

export async function egressProxyBench(): Promise<Row[]> {
  const children: ChildProcess[] = []
  const child = async (...args: string[]) => {
    const made = fork(fileURLToPath(import.meta.url), args, { execArgv: [] })
    children.push(made)
    return await new Promise<{ port: number; cert: string }>((resolve) => made.once('message', resolve as never))
  }
  const { port, cert } = await child(SERVE)
  const { port: door } = await child(PROXY, String(port))
  const { port: bare } = await child(BARE)
  const tls = { ca: cert, checkServerIdentity: () => undefined }
  const through = (proxy: number) =>
    new ProxyAgent({ uri: `http://127.0.0.1:${proxy}`, requestTls: tls, connections: WIDTH, pipelining: 1 })
  const agents = {
    direct: new Agent({ connect: tls, connections: WIDTH, pipelining: 1 }),
    proxied: through(door),
    bare: through(bare),
  }
  try {
    return [
      ...(await standing(agents, port, '/s', 600, 'small bodies')),
      ...(await standing(agents, port, '/l', 32, '1 MB bodies')),
      ...(await fresh({ port, door, bare, ca: cert })),
    ]
  } finally {
    await Promise.all(Object.values(agents).map((agent) => agent.destroy()))
    for (const each of children) each.kill()
  }
}

/** Requests a second over connections that stand. */
async function standing(
  agents: Readonly<Record<'direct' | 'proxied' | 'bare', Dispatcher>>,
  port: number,
  path: string,
  n: number,
  what: string,
): Promise<Row[]> {
  const contenders = Object.entries(agents).map(([name, agent]) => ({
    name,
    run: (count: number) =>
      flight(count, WIDTH, async () => {
        const { body } = await agent.request({ origin: `https://127.0.0.1:${port}`, path, method: 'GET' })
        await body.dump({ limit: 2 * LARGE.length })
      }),
  }))
  const medians = await interleave(contenders, n, 13)
  const at = (name: string) => medians.get(name) ?? Number.NaN
  const row = (name: string, other: string) => `${Math.round(at(name))} µs vs ${Math.round(at(other))} µs`
  return [
    ratio(
      `standing tunnel vs direct, ${what}`,
      at('direct') / at('proxied'),
      { atLeast: 0.85 },
      row('proxied', 'direct'),
    ),
    {
      what: `standing tunnel vs that of a bare proxy, ${what}`,
      measured: `${(at('bare') / at('proxied')).toFixed(2)}×, ${row('proxied', 'bare')}`,
    },
  ]
}

/** One connection after another, in turns; each pays for TCP, TLS and one request. */
async function fresh(at: { port: number; door: number; bare: number; ca: string }): Promise<Row[]> {
  const once = async (dial: () => Promise<Socket>) => {
    const start = performance.now()
    const socket = await dial()
    await new Promise<void>((resolve, reject) => {
      const secure = connectTls({ socket, ca: at.ca, checkServerIdentity: () => undefined }, () =>
        secure.write('GET /s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'),
      )
      secure.on('error', reject).on('end', resolve).resume()
    })
    return performance.now() - start
  }
  const tunnelled = async (proxy: number) => {
    const socket = await dialled(proxy)
    socket.write(`CONNECT 127.0.0.1:${at.port} HTTP/1.1\r\nHost: 127.0.0.1:${at.port}\r\n\r\n`)
    const answer = await new Promise<Buffer>((resolve) => socket.once('data', resolve))
    if (!answer.toString('latin1').startsWith('HTTP/1.1 200')) throw new Error(answer.toString('latin1'))
    socket.pause()
    return socket
  }
  const ways = [() => dialled(at.port), () => tunnelled(at.door), () => tunnelled(at.bare)] as const
  const times: number[][] = [[], [], []]
  // A proxy that has just started interprets what it will compile after some thousand tunnels.
  for (const way of ways) await flight(2_000, 4, () => once(way))
  for (let i = 0; i < 400; i++) {
    for (let k = 0; k < ways.length; k++) {
      const which = (i + k) % ways.length
      times[which]?.push(await once(ways[which] ?? ways[0]))
    }
  }
  const [direct, proxied, bare] = times.map((each) => quantile(each, 0.5)) as [number, number, number]
  const more = Number((proxied - direct).toFixed(3))
  return [
    {
      what: 'new tunnel vs direct, more at p50',
      measured: `${proxied.toFixed(2)} ms vs ${direct.toFixed(2)} ms`,
      figure: more,
      target: '≤ +0.5 ms',
      met: more <= 0.5,
    },
    {
      what: 'new tunnel vs that of a bare proxy, more at p50',
      measured: `${(proxied - bare).toFixed(2)} ms, ${proxied.toFixed(2)} ms vs ${bare.toFixed(2)} ms`,
    },
  ]
}

function dialled(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket)).once('error', reject)
  })
}
