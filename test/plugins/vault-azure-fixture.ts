// A fake of Azure Key Vault and of its login behind `fetch`, answering with the statuses and shapes of its REST reference.

interface Stored {
  readonly version: string
  readonly value: string
  readonly attributes: { enabled: boolean; created: number; updated: number; exp?: number }
}

export interface FakeAzure {
  readonly fetch: typeof globalThis.fetch
  readonly secrets: Map<string, Stored>
  /** Every request, as it would go over the wire. */
  readonly requests: {
    readonly method: string
    readonly url: string
    readonly headers: Headers
    readonly body: string
  }[]
  /** Tokens that are taken; the login hands out the newest. */
  tokens: string[]
  down: boolean
  /** Where the list says that it goes on. */
  nextLink: string | undefined
}

export const AZURE_CONFIG = {
  vault: 'Contoso',
  tenant: '72f988bf-86f1-41af-91ab-2d7cd011db47',
  client_id: '11111111-2222-3333-4444-555555555555',
  credential: { secret_env: 'AZURE_CLIENT_SECRET' },
}
export const CLIENT_SECRET = 'client-secret-of-the-test'
const ORIGIN = 'https://contoso.vault.azure.net'

export function fakeAzure(now: () => number): FakeAzure {
  const fake: FakeAzure = {
    secrets: new Map(),
    requests: [],
    tokens: ['eyJ.first.token'],
    down: false,
    nextLink: undefined,
    fetch: async (input, init) => {
      const request = new Request(input, init as RequestInit)
      const body = await request.text()
      fake.requests.push({ method: request.method, url: request.url, headers: request.headers, body })
      if (fake.down) throw Object.assign(new TypeError('fetch failed'), { cause: { code: 'ECONNREFUSED' } })
      const url = new URL(request.url)
      if (url.hostname === 'login.microsoftonline.com') return login(fake, body)
      if (url.origin !== ORIGIN) throw new Error(`unexpected host ${url.host}`)
      const token = request.headers.get('authorization')?.replace(/^Bearer /, '') ?? ''
      if (!fake.tokens.includes(token)) return failure(401, 'Unauthorized')
      return vault(fake, request.method, url, body, Math.floor(now() / 1000))
    },
  }
  return fake
}

function login(fake: FakeAzure, body: string): Response {
  const form = new URLSearchParams(body)
  if (form.get('client_secret') !== CLIENT_SECRET) {
    return Response.json({ error: 'invalid_client', error_description: 'AADSTS7000215' }, { status: 401 })
  }
  return Response.json({ token_type: 'Bearer', expires_in: 3599, access_token: fake.tokens.at(-1) })
}

function vault(fake: FakeAzure, method: string, url: URL, body: string, seconds: number): Response {
  const [, , name = '', version] = url.pathname.split('/')
  if (url.searchParams.get('api-version') === null) return failure(400, 'BadParameter')
  if (name === '') {
    const value = [...fake.secrets].map(([id, { attributes }]) => ({ id: `${ORIGIN}/secrets/${id}`, attributes }))
    return Response.json({ value, nextLink: fake.nextLink ?? null })
  }
  const found = fake.secrets.get(name.toLowerCase())
  if (method === 'PUT') {
    const { value } = JSON.parse(body) as { value: string }
    const made = { enabled: true, created: seconds, updated: seconds }
    return stored(name, put(fake, name, value, made))
  }
  if (!found) return failure(404, 'SecretNotFound')
  if (method === 'DELETE') {
    fake.secrets.delete(name.toLowerCase())
    return stored(name, found)
  }
  if (method === 'PATCH') {
    if (version !== found.version) return failure(404, 'SecretNotFound')
    Object.assign(found.attributes, (JSON.parse(body) as { attributes: object }).attributes)
    return stored(name, found)
  }
  return found.attributes.enabled ? stored(name, found) : failure(403, 'Forbidden', 'SecretDisabled')
}

export function put(fake: FakeAzure, name: string, value: string, attributes: Stored['attributes']): Stored {
  const made = { version: `${fake.requests.length}${fake.secrets.size}`.padStart(32, '0'), value, attributes }
  const twin = fake.secrets.get(name.toLowerCase())?.version
  const fresh = { ...made, version: twin === made.version ? made.version.replace(/^0/, 'f') : made.version }
  fake.secrets.set(name.toLowerCase(), fresh)
  return fresh
}

function stored(name: string, { version, value, attributes }: Stored): Response {
  return Response.json({ value, id: `${ORIGIN}/secrets/${name}/${version}`, attributes })
}

function failure(status: number, code: string, inner?: string): Response {
  const error = {
    code,
    message: `${code}: something that quotes the request`,
    ...(inner ? { innererror: { code: inner } } : {}),
  }
  return Response.json({ error }, { status })
}
