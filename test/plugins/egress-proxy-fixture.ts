// A small world for the egress proxy: a kernel with real firewall parts, a fake DNS, TLS servers, and doors of connectors.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingHttpHeaders, RequestListener } from 'node:http'
import { createServer as createTls } from 'node:https'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import {
  type Action,
  allow,
  auditSlot,
  beforeAction,
  beforeEgress,
  createKernel,
  type Distribution,
  defineDistribution,
  definePlugin,
  deny,
  type GuardAnswer,
  type Json,
  type JsonObject,
  type Kernel,
  type Plugin,
  toolOf,
} from 'cloned/kernel'
import { type DoorOptions, type EgressDoor, egressProxyPlugin, egressProxySlot } from 'cloned/plugins/egress-proxy'
import { type Firewall, firewallSlot } from 'cloned/plugins/firewall'
import { type MemoryAudit, memoryAudit } from 'cloned/testing'
import { compileEgress } from '../../plugins/firewall/decide.js'
import { callerOf, createFirewall } from '../../plugins/firewall/firewall.js'
import { createResolver } from '../../plugins/firewall/resolve.js'
import { SafeFetch } from '../../plugins/firewall/safe-fetch.js'
import { type TunnelParts, Tunnels } from '../../plugins/firewall/tunnels.js'
import type { EgressLists, EgressRule } from '../../plugins/policy/slot.js'
import { type FakeDns, fakeDns, type LoopbackServer, listening, type Zone } from './firewall-fixture.js'

export const CONNECTOR = 'mail'

export interface Certificate {
  readonly key: string
  readonly cert: string
  /** Of `cert`, which is its own authority. */
  readonly path: string
}

/** A certificate for these names, good for a day. */
export function certificate(...names: string[]): Certificate {
  const dir = mkdtempSync(join(tmpdir(), 'cloned-cert-'))
  const [key, path] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const san = names.map((name) => `${/^[\d.]+$/.test(name) ? 'IP' : 'DNS'}:${name}`).join(',')
  const made = spawnSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'].concat([
      '-subj',
      '/CN=cloned test',
      '-addext',
      `subjectAltName=${san}`,
      '-keyout',
      key,
      '-out',
      path,
    ]),
    { encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr || made.error}`)
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(path, 'utf8'), path }
}

/** An https server on the loopback. */
export async function tlsServer({ key, cert }: Certificate, listener: RequestListener): Promise<LoopbackServer> {
  const requests: string[] = []
  const server = createTls({ key, cert }, (request, response) => {
    requests.push(`${request.method} ${request.headers.host} ${request.url}`)
    listener(request, response)
  })
  return await listening(server, requests, '127.0.0.1')
}

type Rule = Omit<EgressRule, 'at'>

export interface ProxyWorld {
  readonly kernel: Kernel
  readonly audit: MemoryAudit
  readonly dns: FakeDns
  /** Replaces the rules of the connector: another epoch. */
  allow(...rules: Rule[]): void
  rules(lists: { deny?: Rule[]; allow?: Rule[]; tools?: Record<string, Rule[]> }): void
  open(options?: Partial<DoorOptions>): Promise<EgressDoor>
  /** Records of these types so far. */
  records(...types: string[]): JsonObject[]
  close(): Promise<void>
}

export interface WorldOptions {
  readonly zone?: Zone
  /** Other parts of the firewall. */
  readonly parts?: Partial<TunnelParts>
  /** In the place of the firewall's own vote. */
  readonly vote?: () => GuardAnswer | Promise<GuardAnswer>
  /** In the place of an allow for every action. */
  readonly gate?: (action: Action) => GuardAnswer
  /** Replaces methods of the audit log. */
  readonly log?: (real: MemoryAudit) => Partial<MemoryAudit>
  /** Replaces methods of the firewall. */
  readonly firewall?: (real: Firewall) => Partial<Firewall>
  readonly config?: Json
  readonly plugins?: readonly Plugin[]
  readonly limits?: Distribution['limits']
}

export async function proxyWorld(options: WorldOptions = {}): Promise<ProxyWorld> {
  const dns = await fakeDns(options.zone ?? {})
  const audit = memoryAudit()
  let epoch = 0
  const none: EgressLists = { deny: [], allow: [] }
  const compile = (connectors: Record<string, EgressLists>, tools: Record<string, EgressLists> = {}) => ({
    epoch: ++epoch,
    decide: compileEgress({ global: none, connectors, tools }),
  })
  let rules = compile({})
  const placed = (given: readonly Rule[]) => given.map((rule, i) => ({ ...rule, at: `rule ${i}` }))
  const parts: TunnelParts = {
    rules: () => rules,
    resolve: createResolver([dns.address]),
    own: () => new Set(),
    now: () => performance.now(),
    log: { warn: () => undefined },
    ...options.parts,
  }
  const auditPlugin = definePlugin({
    id: 'test.audit',
    version: '1.0.0',
    kernel: '*',
    provides: { audit: auditSlot },
    setup: () => ({ audit: { ...audit, ...options.log?.(audit) } }),
  })
  const firewallPlugin = definePlugin({
    id: 'test.firewall',
    version: '1.0.0',
    kernel: '*',
    provides: { firewall: firewallSlot },
    taps: [beforeEgress, beforeAction],
    setup({ hooks, onStop }) {
      const safe = new SafeFetch(parts)
      const tunnels = new Tunnels(parts)
      onStop(() => safe.close())
      onStop(() => tunnels.close())
      const firewall = createFirewall(parts.rules, safe, tunnels, { forPlugin: () => noPlugins() })
      hooks.guard(beforeAction, options.gate ?? (() => allow()))
      hooks.guard(
        beforeEgress,
        options.vote ??
          (({ action, subject }) => {
            const { decision, next } = firewall.explain(callerOf(toolOf(action), subject), subject.method, subject.url)
            return decision.allowed
              ? allow(decision.rule)
              : deny(decision.reason, { code: 'EGRESS_DENIED', help: next })
          }),
      )
      return { firewall: { ...firewall, ...options.firewall?.(firewall) } }
    },
  })
  const kernel = createKernel(
    defineDistribution({
      name: 'test',
      version: '1.0.0',
      plugins: [auditPlugin, firewallPlugin, egressProxyPlugin, ...(options.plugins ?? [])],
      mayAllow: ['test.firewall'],
      ...(options.limits ? { limits: options.limits } : {}),
    }),
    {
      config: options.config === undefined ? {} : { 'cloned.egress-proxy': options.config },
      log: () => quiet,
      osUser: 'ann',
    },
  )
  await kernel.start()
  return {
    kernel,
    audit,
    dns,
    allow(...given) {
      rules = compile({ [CONNECTOR]: { deny: [], allow: placed(given) } })
    },
    rules({ deny: denied = [], allow: allowed = [], tools = {} }) {
      const ofTools = Object.entries(tools).map(([id, given]) => [id, { deny: [], allow: placed(given) }] as const)
      const own = { deny: placed(denied), allow: placed(allowed) }
      rules = compile({ [CONNECTOR]: own }, Object.fromEntries(ofTools))
    },
    open: (more = {}) => kernel.service(egressProxySlot).open({ connector: CONNECTOR, port: true, ...more }),
    records: (...types) =>
      audit
        .records()
        .map(({ record }) => record)
        .filter(({ type }) => types.includes(String(type))),
    async close() {
      await kernel.stop()
      await dns.close()
    },
  }
}

const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** A connection to a door. */
export function dialDoor({ port, socket }: EgressDoor): Socket {
  const made = port === undefined ? connect(socket ?? '') : connect(port, '127.0.0.1')
  made.on('error', () => undefined)
  return made
}

/** What a door answered, and whatever it sent behind it until it closed or the head was whole. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** Sends bytes and answers all that comes until the other side closes; status 0 for a close without an answer. */
export async function speak(door: EgressDoor, bytes: string | Buffer): Promise<Answer> {
  const socket = dialDoor(door)
  socket.write(bytes)
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    text += chunk
  })
  await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return parsed(text)
}

/** Asks for a tunnel; `socket` can be spoken through when the status is 200. */
export async function askTunnel(
  door: EgressDoor,
  authority: string,
  head = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`,
): Promise<Answer & { socket: Socket }> {
  const socket = dialDoor(door)
  socket.write(head)
  let text = ''
  const whole = () => {
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) return false
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
    return text.length >= end + 4 + length
  }
  await new Promise<void>((resolve) => {
    const take = (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (!whole()) return
      socket.off('data', take).off('close', resolve).pause()
      resolve()
    }
    socket.on('data', take).once('close', resolve)
  })
  return { ...parsed(text), socket }
}

function parsed(text: string): Answer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [first = '', ...lines] = head.split('\r\n')
  const headers: IncomingHttpHeaders = {}
  for (const line of lines) headers[line.slice(0, line.indexOf(':')).toLowerCase()] = line.slice(line.indexOf(':') + 2)
  return { status: Number(first.split(' ')[1] ?? 0), headers, text: rest.join('\r\n\r\n') }
}

/** TLS through a tunnel. */
export async function tlsThrough(
  socket: Socket,
  { servername, ca }: { servername?: string; ca: string },
): Promise<TLSSocket> {
  const name = servername === undefined ? {} : { servername }
  return await new Promise<TLSSocket>((resolve, reject) => {
    const secure = connectTls({ socket, ca, ...name, checkServerIdentity: () => undefined }, () => resolve(secure))
    secure.once('error', reject)
    socket.once('close', () => reject(new Error('the tunnel was closed')))
  })
}

/** One GET through a tunnel; answers the whole response as text. */
export async function getThrough(secure: TLSSocket, host: string, path = '/'): Promise<string> {
  secure.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of secure) text += chunk
  return text
}

function noPlugins(): never {
  throw new Error('no plugin asks for itself here')
}
