// Asks every operation of a document for what its schemas allow, and for what they do not; judges every answer alike.

import { gateSlot, type JsonObject } from 'cloned/kernel'
import fc from 'fast-check'
import { Pool } from 'undici'
import { toolId } from '../fixtures/runs-tools.js'
import { type Found, type OpenApi, operations, wrongs } from './api-document.js'
import { type ApiWorld, PIPELINE, RISKY_PIPELINE } from './api-fixture.js'
import { type ApiVendor, installed, PACK, packInstalled } from './api-vendor.js'

/** One request, in the words of a client. */
interface Shot {
  readonly found: Found
  readonly path: string
  readonly body: string | undefined
  readonly headers: Readonly<Record<string, string>>
}

const NASTY = fc.constantFrom(
  '',
  ' ',
  '..',
  '../../etc/passwd',
  '%',
  '\0',
  "' or 1=1 --",
  '\u0024{vault:x}',
  '<script>',
  '__proto__',
  'constructor',
  '\u202e',
  '🦆',
  'a'.repeat(3000),
  '-1',
  '1e999',
  'null',
)
const JUNK: fc.Arbitrary<unknown> = fc.oneof(NASTY, fc.jsonValue({ maxDepth: 3 }), fc.integer(), fc.double())

/** Values as the schema describes them, and now and then anything at all. */
function anyOf(schema: JsonObject, document: OpenApi): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 12, arbitrary: fitting(schema, document) }, { weight: 1, arbitrary: JUNK })
}

function fitting(given: JsonObject, document: OpenApi): fc.Arbitrary<unknown> {
  const examples = (given['examples'] ?? given['enum'] ?? []) as readonly unknown[]
  const made = shaped(given, document)
  return examples.length === 0 ? made : fc.oneof(fc.constantFrom(...examples), made)
}

function shaped(given: JsonObject, document: OpenApi): fc.Arbitrary<unknown> {
  const [, name = ''] = /^#\/components\/schemas\/(\w+)$/.exec(String(given['$ref'] ?? '')) ?? []
  const schema = document.components.schemas[name] ?? given
  switch (schema['type']) {
    case 'object': {
      const properties = (schema['properties'] ?? {}) as Readonly<Record<string, JsonObject>>
      const required = (schema['required'] ?? []) as string[]
      if (schema['additionalProperties'] === false && Object.keys(properties).length === 0) return fc.constant({})
      if (Object.keys(properties).length === 0) return fc.dictionary(fc.string(), JUNK, { maxKeys: 3 })
      const known = Object.fromEntries(Object.entries(properties).map(([key, one]) => [key, anyOf(one, document)]))
      return fc.record(known, { requiredKeys: required.filter((key) => key in known) })
    }
    case 'array':
      return fc.array(anyOf((schema['items'] ?? {}) as JsonObject, document), { maxLength: 3 })
    case 'integer':
    case 'number':
      return fc.oneof(
        fc.integer({ min: Number(schema['minimum'] ?? -5), max: Number(schema['maximum'] ?? 1000) }),
        fc.maxSafeInteger(),
      )
    case 'boolean':
      return fc.boolean()
    case 'string':
      return fc.oneof(fc.string(), NASTY)
    default:
      return schema['enum'] ? NASTY : JUNK
  }
}

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  'idempotency-key': ['a', 'b', 'c', ' ', 'x'.repeat(300), '"quoted"'],
  prefer: ['wait=0', 'wait=-1', 'wait=x', 'respond-async', 'wait=0, wait=0'],
  accept: ['text/html', 'application/json', '*/*', 'x'],
  'if-none-match': ['*', '"x"', 'W/"x"', '"'.repeat(50)],
  range: ['bytes=0-', 'bytes=5-1', 'bytes=-1', 'bytes=0-0,1-1', 'lines=1', `bytes=${'9'.repeat(40)}-`],
  'content-type': ['application/json; charset=utf-8', 'text/plain', 'x/y', ''],
  'content-encoding': ['gzip', 'identity'],
  'transfer-encoding': ['chunked'],
  'last-event-id': ['0', '-1', 'x'],
  dpop: ['x', 'a.b.c'],
}

/** None, mostly; else one or two. */
const HEADERS = fc
  .array(
    fc.oneof(
      ...Object.entries(CHOICES).map(([name, values]) => fc.tuple(fc.constant(name), fc.constantFrom(...values))),
    ),
    {
      maxLength: 2,
      size: 'xsmall',
    },
  )
  .map((pairs) => Object.fromEntries(pairs))

function shots(document: OpenApi, ids: Known): fc.Arbitrary<Shot> {
  const of = (found: Found): fc.Arbitrary<Shot> => {
    const { operation, path } = found
    const parameters = operation.parameters ?? []
    // Earlier rounds may have removed every one there was.
    const named = ids[path.split('/')[1] ?? ''] ?? []
    const there = named.length > 0 ? named : ['x']
    const values = (where: 'path' | 'query') =>
      fc.record(
        Object.fromEntries(
          parameters
            .filter((one) => one.in === where)
            .map((one) => [
              one.name,
              where === 'path'
                ? fc.oneof(
                    { weight: 1, arbitrary: anyOf(one.schema, document) },
                    { weight: 4, arbitrary: fc.constantFrom(...there) },
                  )
                : anyOf(one.schema, document),
            ]),
        ),
        { requiredKeys: where === 'path' ? parameters.filter((one) => one.in === 'path').map((one) => one.name) : [] },
      )
    const media = operation.requestBody?.content['application/json']
    const body = media
      ? fc.oneof(
          { weight: 14, arbitrary: anyOf(media.schema, document) },
          { weight: 6, arbitrary: fc.constant(media.example) },
          { weight: 1, arbitrary: JUNK },
        )
      : fc.constant(undefined)
    return fc
      .record({
        inPath: values('path'),
        inQuery: fc.oneof({ weight: 3, arbitrary: values('query') }, { weight: 1, arbitrary: fc.constant({}) }),
        body,
        headers: HEADERS,
        extra: fc.nat({ max: 9 }),
      })
      .map((one) => {
        const where = path.replace(/\{(\w+)\}/g, (_, name: string) =>
          text((one.inPath as Record<string, unknown>)[name]),
        )
        const query = Object.entries(one.inQuery).map(([key, value]) => `${key}=${text(value)}`)
        const search = [...query, ...(one.extra === 0 ? ['more=1'] : [])].join('&')
        return {
          found,
          path: `/v1${where}${search === '' ? '' : `?${search}`}`,
          body: one.body === undefined ? undefined : JSON.stringify(one.body),
          headers: one.headers,
        }
      })
  }
  return fc.oneof(...operations(document).map(of))
}

function text(value: unknown): string {
  const word = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  return encodeURIComponent(word.toWellFormed())
}

/** Take what nobody guesses: something signed, the name of what is not there, the code of a device, many right values at once. */
const BY_LUCK = new Set([
  'proveAuditConsistency',
  'revokeGrant',
  'proposeEgress',
  'verifyPackage',
  'installSkillPack',
  'addPublisher',
  'replaceRevocations',
  'requestPairing',
  'createToken',
  'getPairing',
  'approvePairing',
  'revokePairing',
  'addWebhook',
  'listDeadLetters',
  'removeWebhook',
  'replayWebhook',
  'testWebhook',
])

/** Names of things that are there, by the first word of a path. */
type Known = Readonly<Record<string, readonly string[]>>

/** Worlds with packages in them. What an earlier round has removed or revoked there stays so. */
const prepared = new WeakSet<ApiWorld>()

async function known(world: ApiWorld, acme: ApiVendor): Promise<Known> {
  const { get, post, kernel } = world
  if (!prepared.has(world)) {
    await installed(world, acme, 'enabled')
    await packInstalled(world, acme, 'enabled')
    prepared.add(world)
  }
  const tools = kernel
    .service(gateSlot)
    .tools()
    .map(({ id }) => id)
  for (let i = 0; i < 20; i++) await post('/v1/runs', { pipeline: RISKY_PIPELINE })
  await post('/v1/runs', { pipeline: PIPELINE })
  await post('/v1/tools/cloned.internal.artifact.save@v1/call', { input: { filename: 'a.md', content: 'hello' } })
  await post(`/v1/tools/${toolId('risky')}/call`, { input: {} })
  await post('/v1/audit/checkpoint')
  const ids = async (list: string): Promise<string[]> =>
    (await get(`/v1/${list}?limit=500`)).body[list].map(({ id }: { id: string }) => id)
  return {
    tools: [...tools, toolId('risky'), toolId('risky')],
    runs: await ids('runs'),
    artifacts: await ids('artifacts'),
    approvals: await ids('approvals'),
    connectors: await ids('connectors'),
    skills: [PACK],
    trust: ['acme'],
    audit: ['1', '2', '1000000'],
  }
}

/** What was wrong with the answers to so many requests; nothing when the server kept its rules. */
export async function fuzz(
  world: ApiWorld,
  acme: ApiVendor,
  count: number,
  { seed = 7, secrets = [] as readonly string[] } = {},
): Promise<string[]> {
  const document = (await world.api.document()) as unknown as OpenApi
  const ids = await known(world, acme)
  const pool = new Pool(world.address, { connections: 16, pipelining: 1, headersTimeout: 60_000 })
  const wrong: string[] = []
  const statuses = new Map<number, number>()
  const all = fc.sample(shots(document, ids), { numRuns: count, seed })
  let next = 0
  const lane = async () => {
    for (let shot = all[next++]; shot; shot = all[next++]) {
      const { found, path, body, headers } = shot
      const { 'transfer-encoding': chunked, ...plain } = headers
      const asked = pool.request({
        method: found.method as 'GET',
        path,
        headers: {
          authorization: `Bearer ${world.token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...plain,
        },
        body: body === undefined ? null : chunked ? ([body] as never) : body,
      })
      const response = await asked.catch((error: unknown) => {
        throw new Error(`no answer to ${found.method} ${path.slice(0, 200)} ${(body ?? '').slice(0, 300)}`, {
          cause: error,
        })
      })
      const heard = await response.body.text()
      const at = `${found.method} ${path.slice(0, 200)} ${JSON.stringify(headers)} ${(body ?? '').slice(0, 300)}: ${response.statusCode} ${heard.slice(0, 300)}`
      statuses.set(response.statusCode, (statuses.get(response.statusCode) ?? 0) + 1)
      if (response.statusCode >= 500) wrong.push(at)
      if ([world.token, ...secrets].some((secret) => heard.includes(secret))) wrong.push(`a secret in ${at}`)
      const isJson = /json/.test(String(response.headers['content-type']))
      const answer = {
        status: response.statusCode,
        headers: response.headers,
        text: heard,
        body: isJson && heard !== '' ? JSON.parse(heard) : heard,
      }
      // A path of odd values may be that of another route, or of none.
      if (response.statusCode < 300) wrong.push(...wrongs(document, found, answer).map((one) => `${one} in ${at}`))
    }
  }
  await Promise.all(Array.from({ length: 16 }, lane))
  await pool.close()
  // Requests that are all refused at the door would prove nothing.
  const reached = await reachedOperations(world)
  for (const { operation } of operations(document))
    if (!reached.has(operation.operationId) && !BY_LUCK.has(operation.operationId))
      wrong.push(`${operation.operationId} was never brought to a success`)
  for (const status of [200, 400, 404, 415])
    if (!statuses.has(status)) wrong.push(`nothing was answered with ${status}`)
  return wrong
}

async function reachedOperations({ get }: ApiWorld): Promise<Set<string>> {
  const { text: metrics } = await get('/v1/metrics')
  return new Set([...metrics.matchAll(/operation="(\w+)",status="2\d\d"/g)].map(([, id = '']) => id))
}
