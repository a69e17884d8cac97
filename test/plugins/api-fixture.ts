// Serves a temporary workspace with the default distribution and a few tools, and asks it as a client would.
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace, open } from 'cloned'
import type { Json, Kernel, Plugin } from 'cloned/kernel'
import { type Api, apiSlot, type Listening, type ListenOptions } from 'cloned/plugins/api'
import { type Effect, TOOLS, toolId, toolsPlugin } from '../fixtures/runs-tools.js'

/** What came back. `body` is the parsed JSON, or the text. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any
}

export interface Ask {
  /** A value to send as JSON, or a text to send as it is. */
  readonly body?: Json
  readonly raw?: string
  readonly headers?: Readonly<Record<string, string>>
  /** `null`: none. Default: the local token. */
  readonly token?: string | null
}

export interface ApiWorld {
  readonly root: string
  readonly kernel: Kernel
  readonly api: Api
  readonly address: string
  readonly token: string
  now: number
  /** What the tools do; answers its input when not set. */
  effect: Effect
  /** Names of the tools that ran, in order. */
  readonly effects: string[]
  /** Lines that the plugins logged. */
  readonly logged: string[]
  ask(method: string, path: string, ask?: Ask): Promise<Answer>
  get(path: string, ask?: Ask): Promise<Answer>
  post(path: string, body?: Json, ask?: Ask): Promise<Answer>
  close(): Promise<void>
}

export interface WorldOptions {
  readonly plugins?: readonly Plugin[]
  readonly listen?: ListenOptions
  readonly config?: Readonly<Record<string, Json>>
  /** The workspace of another world; it is then left alone at the end. */
  readonly root?: string
  readonly type?: 'personal' | 'shared'
}

export const PIPELINE = 'test.pack/echo'
export const RISKY_PIPELINE = 'test.pack/risky'

export async function apiWorld(options: WorldOptions = {}): Promise<ApiWorld> {
  const { plugins = [], config = {}, type = 'personal' } = options
  const root = options.root ?? realpathSync(mkdtempSync(join(tmpdir(), 'cloned-api-')))
  if (options.root === undefined) {
    initWorkspace(root, { type, now: Date.now })
    writePack(root)
    writeFileSync(join(root, 'note.md'), '# A note\n')
  }
  const remove = () => {
    if (options.root === undefined) rmSync(root, { recursive: true, force: true })
  }
  const refused = (error: unknown) => {
    remove()
    throw error
  }
  const effects: string[] = []
  const logged: string[] = []
  const world = { now: Date.now(), effect: ((_, input) => input) as Effect }
  const note = (message: string) => void logged.push(message)
  const tools = toolsPlugin((name, input, ctx) => {
    effects.push(name)
    return world.effect(name, input, ctx)
  })
  const kernel = await open({
    root,
    plugins: [tools, ...plugins],
    now: () => world.now,
    log: () => ({ debug() {}, info() {}, warn: note, error: note }),
    config: { 'cloned.api': { per_minute: 1_000_000 }, 'cloned.audit': { thread: 'inline' }, ...config },
  }).catch(refused)
  const api = kernel.service(apiSlot)
  const listening: Listening = await api.listen(options.listen ?? {}).catch(async (error: unknown) => {
    await kernel.stop()
    return refused(error)
  })
  const { address } = listening
  const token = readFileSync(join(root, '.cloned/api/token'), 'utf8').trim()
  const ask: ApiWorld['ask'] = (method, path, given = {}) =>
    send(address, method, path, { ...given, token: given.token === undefined ? token : given.token })
  return Object.assign(world, {
    root,
    kernel,
    api,
    address,
    token,
    effects,
    logged,
    ask,
    get: (path: string, given?: Ask) => ask('GET', path, given),
    post: (path: string, body: Json = {}, given?: Ask) => ask('POST', path, { body, ...given }),
    async close() {
      await kernel.stop()
      remove()
    },
  })
}

/** One request over a connection of its own, with exactly these headers. */
export function send(address: string, method: string, path: string, given: Ask = {}): Promise<Answer> {
  const payload = given.raw ?? (given.body === undefined ? undefined : JSON.stringify(given.body))
  const headers = {
    ...(given.token ? { authorization: `Bearer ${given.token}` } : {}),
    ...(payload === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
    ...given.headers,
  }
  const target = address.startsWith('unix:')
    ? { socketPath: address.slice(5) }
    : { host: new URL(address).hostname, port: new URL(address).port }
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...target, method, path, headers, agent: false }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(pieces).toString()
        const isJson = /json/.test(String(response.headers['content-type'])) && text !== ''
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          body: isJson ? JSON.parse(text) : text,
        })
      })
    })
    request.on('error', reject)
    request.end(payload)
  })
}

function writePack(root: string): void {
  const pack = join(root, '.cloned/skills/test')
  mkdirSync(join(pack, 'pipelines'), { recursive: true })
  const about = { format: 1, title: 'Test', description: 'For tests.', allowed_tools: TOOLS.map(toolId) }
  writeFileSync(join(pack, 'pack.yaml'), JSON.stringify({ ...about, id: 'test.pack', version: '1.0.0' }))
  for (const tool of ['echo', 'risky'] as const) {
    const pipeline = {
      ...about,
      id: `test.pack/${tool}`,
      inputs: { type: 'object' },
      steps: [{ id: 'only', tool: toolId(tool), input: { said: 'hello' } }],
    }
    writeFileSync(join(pack, 'pipelines', `${tool}.yaml`), JSON.stringify(pipeline))
  }
}
