// Runs inside a new sandbox before the program does: tries to get out, and lets nothing start when it can.
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { networkInterfaces } from 'node:os'
import { ESCAPED, type Inside, PROOF_FD, PROXY_PORT, VARIABLE } from './agreed.js'

/** The listing of the directory of descriptors is one of them. */
const OWN_DESCRIPTORS = /^(?:anon_inode:|closed$|\/dev\/null$|\/proc\/|\/app\/)/
// biome-ignore lint/style/noProcessEnv: it is what is on trial here
const variablesHere = process.env

const given = variablesHere[VARIABLE]
delete variablesHere[VARIABLE]
// Threads and forks of the program come by here too, when there is nothing left to try.
if (given !== undefined) await trial(JSON.parse(given))

async function trial(inside: Inside): Promise<void> {
  const { nonce, listen } = inside
  const found = [namespaces(inside), rights(), files(inside), descriptors(inside), variables(inside), await network()]
  const escaped = found.flat()
  writeSync(PROOF_FD, `${JSON.stringify({ nonce, escaped })}\n`)
  closeSync(PROOF_FD)
  if (escaped.length > 0) process.exit(ESCAPED)
  if (listen) await handOver(nonce)
}

/** Every namespace is another one than the host's. */
function namespaces({ host }: Inside): string[] {
  return Object.entries(host)
    .filter(([name, id]) => readlinkSync(`/proc/self/ns/${name}`) === id)
    .map(([name]) => `shares the ${name} namespace of the host`)
}

/** No capability, none to be had, and the filter is on. */
function rights(): string[] {
  const status = new Map(
    readFileSync('/proc/self/status', 'utf8')
      .split('\n')
      .map((line) => line.split(':\t') as [string, string]),
  )
  const wrong: string[] = []
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
    if (!/^0+$/.test(status.get(set) ?? '')) wrong.push(`holds capabilities (${set})`)
  }
  if (status.get('NoNewPrivs') !== '1') wrong.push('can gain privileges')
  if (status.get('Seccomp') !== '2') wrong.push('has no system call filter')
  return wrong
}

/** The root holds what was mounted and nothing else, and none of it can be written. */
function files({ nonce, root, environment, sealed, hidden }: Inside): string[] {
  const wrong = readdirSync('/')
    .filter((name) => !root.includes(name))
    .map((name) => `sees /${name} of the host`)
  for (const directory of ['/', '/usr', '/app', '/app/connector', '/etc', '/proc', '/dev', ...sealed, ...hidden]) {
    if (succeeds(() => mkdirSync(`${directory}/cloned-${nonce}`))) wrong.push(`can write into ${directory}`)
  }
  for (const path of hidden) {
    if ((attempt(() => readdirSync(path)) ?? []).length > 0 || attempt(() => readFileSync(path).length))
      wrong.push(`sees into ${path}`)
  }
  // To root of the host its files are open even without capabilities, and core_pattern names a program that the host runs.
  if (succeeds(() => openSync('/proc/sys/kernel/core_pattern', 'r+'))) wrong.push('can set kernel parameters')
  const others = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const environ = others.flatMap((pid) => attempt(() => readFileSync(`/proc/${pid}/environ`, 'utf8')) ?? [])
  const names = environ.flatMap((text) => text.split('\0')).map((pair) => pair.split('=')[0] ?? '')
  if (strangers(names, environment).length > 0) {
    wrong.push('reads the environment of the host')
  }
  return wrong
}

/** Nothing is open but the streams, the proof, the channel to the host while there is one, and what Node makes itself. */
function descriptors({ listen }: Inside): string[] {
  const open = readdirSync('/proc/self/fd').map(
    (fd) => [Number(fd), attempt(() => readlinkSync(`/proc/self/fd/${fd}`)) ?? 'closed'] as const,
  )
  const ends = new Map<string, number>()
  for (const [, target] of open) ends.set(target, (ends.get(target) ?? 0) + 1)
  return (
    open
      .filter(([fd]) => fd > (listen ? PROOF_FD + 1 : PROOF_FD))
      // Node wakes itself by pipes: of those both ends are here.
      .filter(([, target]) => !OWN_DESCRIPTORS.test(target) && !(target.startsWith('pipe:') && ends.get(target) === 2))
      .map(([fd, target]) => `inherited the descriptor ${fd} (${target})`)
  )
}

function variables({ environment }: Inside): string[] {
  return strangers(Object.keys(variablesHere), environment).map((name) => `inherited the variable ${name}`)
}

function strangers(names: readonly string[], known: readonly string[]): string[] {
  return names.filter((name) => name !== '' && !known.includes(name))
}

/** No way to another machine, to the host, or to a socket file. */
async function network(): Promise<string[]> {
  const wrong: string[] = []
  const outward = Object.entries(networkInterfaces()).filter(([, all]) => all?.some(({ internal }) => !internal))
  for (const [name] of outward) wrong.push(`has the network interface ${name}`)
  // TEST-NET-1 and the unspecified address: no route answers at once, a route would take its time.
  if ((await refusal({ host: '192.0.2.1', port: 443 })) !== 'ENETUNREACH') wrong.push('has a route to other machines')
  if ((await refusal({ path: '/dev/null' })) !== 'EAFNOSUPPORT') wrong.push('can make Unix sockets')
  return wrong
}

function refusal(to: { host: string; port: number } | { path: string }): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(to)
    const ended = (code: string) => {
      socket.destroy()
      resolve(code)
    }
    socket.setTimeout(500, () => ended('ETIMEDOUT'))
    socket.once('connect', () => ended('connected'))
    socket.once('error', (error: NodeJS.ErrnoException) => ended(error.code ?? 'unknown'))
  })
}

/** Gives the host the socket of the proxy: it keeps the namespace that it was made in, and the host accepts on it. */
async function handOver(nonce: string): Promise<void> {
  const server: Server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(PROXY_PORT, '127.0.0.1', resolve)
  })
  await new Promise<void>((resolve, reject) => {
    process.send?.({ nonce }, server, {}, (error) => (error ? reject(error) : resolve()))
  })
  // The host answers once it holds the socket.
  await new Promise<void>((resolve) => process.once('message', () => resolve()))
  process.disconnect()
  server.close()
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    // A refusal is what is hoped for.
    return undefined
  }
}

function succeeds(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}
