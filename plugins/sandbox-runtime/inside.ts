// Runs inside before the program does: tries to get out, and lets nothing start when it can; knows nothing of how it is confined.
import { mkdirSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { register } from 'node:module'
import { connect } from 'node:net'
import { ESCAPED, type Inside, PROOF_FD, VARIABLE } from './agreed.js'

/** Without a way to it the system answers at once; everything else means that it was let try. */
const NO_ROUTE = ['EPERM', 'EACCES', 'ENETUNREACH']
/** Seatbelt, on macOS, shares the loopback and refuses each connection; a namespace has one of its own. */
const OWN_LOOPBACK = process.platform === 'darwin' ? [] : ['ECONNREFUSED']
const RESOLVE = `
let modules = {}
export const initialize = (data) => { modules = data }
export const resolve = (name, context, next) => modules[name] ? { url: modules[name], shortCircuit: true } : next(name, context)`

// biome-ignore lint/style/noProcessEnv: it is what is on trial here
const variablesHere = process.env

const given = variablesHere[VARIABLE]
delete variablesHere[VARIABLE]
// Threads and forks of the program come by here too, when there is nothing left to try.
if (given !== undefined) await trial(JSON.parse(given))

async function trial(inside: Inside): Promise<void> {
  const escaped = [...files(inside), ...processes(inside), ...variables(inside), ...(await network())]
  writeSync(PROOF_FD, `${JSON.stringify({ nonce: inside.nonce, escaped })}\n`)
  if (escaped.length > 0) process.exit(ESCAPED)
  register(`data:text/javascript,${encodeURIComponent(RESOLVE)}`, { data: inside.modules })
}

function files({ canary, home, nonce }: Inside): string[] {
  return [
    ...(succeeds(() => readFileSync(canary)) ? ['reads files of the host'] : []),
    ...(succeeds(() => writeFileSync(`${canary}-${nonce}`, '')) ? ['writes files of the host'] : []),
    ...(succeeds(() => mkdirSync(`cloned-${nonce}`)) ? ['writes into its own package'] : []),
    ...(succeeds(() => readdirSync(home)) ? ['sees the home directory'] : []),
  ]
}

function processes({ host }: Inside): string[] {
  return succeeds(() => process.kill(host, 0)) ? ['can send signals to the host'] : []
}

function variables({ environment }: Inside): string[] {
  return Object.keys(variablesHere)
    .filter((name) => !environment.includes(name))
    .map((name) => `inherited the variable ${name}`)
}

async function network(): Promise<string[]> {
  const ways: readonly (readonly [string, { host: string; port: number } | { path: string }, readonly string[]])[] = [
    ['has a route to other machines', { host: '192.0.2.1', port: 443 }, NO_ROUTE],
    ['reaches the loopback of the host', { host: '127.0.0.1', port: 9 }, [...NO_ROUTE, ...OWN_LOOPBACK]],
    ['reaches the resolver of the system', { path: '/var/run/mDNSResponder' }, ['ENOENT', 'EPERM', 'EACCES']],
  ]
  const answers = await Promise.all(ways.map(([, to]) => refusal(to)))
  return ways.flatMap(([way, , refused], i) => (refused.includes(answers[i] ?? '') ? [] : [way]))
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

function succeeds(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    // A refusal is what is hoped for.
    return false
  }
}
