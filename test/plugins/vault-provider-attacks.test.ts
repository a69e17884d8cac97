import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileSchema, isClonedError, type JsonObject } from 'cloned/kernel'
import { afterEach, describe, expect, it } from 'vitest'
import type { VaultProvider } from '../../plugins/vault/slot.js'
import { azureProvider } from '../../plugins/vault-azure/index.js'
import { commandProvider } from '../../plugins/vault-command/index.js'
import { envProvider } from '../../plugins/vault-env/index.js'
import { keychainProvider } from '../../plugins/vault-keychain/index.js'
import { openbaoProvider } from '../../plugins/vault-openbao/index.js'
import { playedOutbound, realOutbound } from './outbound-fixture.js'
import { AZURE_CONFIG, CLIENT_SECRET, type FakeAzure, fakeAzure, put } from './vault-azure-fixture.js'
import { memoryKeyring } from './vault-keychain-fixture.js'
import { fakeOpenbao } from './vault-openbao-fixture.js'

const CONTEXT = { tool: 't', host: 'h', slot: 's', callId: 'c', workspace: 'w' }
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  while (cleanups.length > 0) await cleanups.pop()?.()
})

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cloned-providers-'))
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const problems = (provider: VaultProvider, config: JsonObject) => compileSchema(provider.config)(config)

/** What was thrown, as everybody may see it. */
async function failure(work: Promise<unknown>): Promise<string> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!isClonedError(thrown)) throw new Error(`no error of the table: ${String(thrown)}`)
  return `${thrown.code} ${thrown.message} ${thrown.help} ${thrown.cause ?? ''} ${thrown.stack ?? ''}`
}

describe('env', () => {
  it('reads no variable but those that the configuration names, at no other time than when asked', async () => {
    const read: string[] = []
    const provider = envProvider((name) => {
      read.push(name)
      return 'value-of-it'
    })
    const open = await provider.open({ variables: { a: 'TEST_A' } })
    await open.resolve('PATH', CONTEXT)
    await open.resolve('test_a', CONTEXT)
    expect(read).toEqual([])
    await open.resolve('a', CONTEXT)
    expect(read).toEqual(['TEST_A'])
  })

  it.each([
    [{}],
    [{ variables: { A: 'X' } }],
    [{ variables: { a: 'X=Y' } }],
    [{ variables: { a: '' } }],
    [{ variables: {}, more: 1 }],
  ])('refuses the configuration %j', (config) => {
    expect(
      problems(
        envProvider(() => undefined),
        config as unknown as JsonObject,
      ),
    ).not.toEqual([])
  })
})

describe('command', () => {
  /** A provider over a program of Node, which gets the reference as its only argument. */
  const running = (script: string, more: JsonObject = {}, env: Record<string, string> = {}) =>
    commandProvider((name) => env[name]).open({
      command: [process.execPath, '-e', script, '{ref}'],
      secrets: { a: 'ref-of-a' },
      ...more,
    })
  const value = async (script: string, more: JsonObject = {}, env: Record<string, string> = {}) =>
    (await (await running(script, more, env)).resolve('a', CONTEXT))?.value.toString()

  it.each(['$(touch pwned)', '; touch pwned', '`id`', '"quoted" \'twice\'', '$& $1 $` $$', '%PATH% *', 'a b'])(
    'hands the reference %j over as it is: there is no shell and no pattern',
    async (reference) => {
      expect(await value('process.stdout.write(process.argv[1])', { secrets: { a: reference } })).toBe(reference)
      expect(existsSync('pwned')).toBe(false)
    },
  )

  it.each([
    ['nothing to cut', 'ab', 'all', 'ab'],
    ['one line feed', 'ab\n', 'all', 'ab'],
    ['one line end of Windows', 'ab\r\n', 'all', 'ab'],
    ['only one of two', 'ab\n\n', 'all', 'ab\n'],
    ['not those inside', 'a\nb\n', 'all', 'a\nb'],
    ['no other space', ' ab \n', 'all', ' ab '],
    ['the first line', 'ab\nuser: x\n', 'first-line', 'ab'],
    ['the first line of Windows', 'ab\r\nuser: x\r\n', 'first-line', 'ab'],
    ['the only line', 'ab', 'first-line', 'ab'],
  ])('cuts %s', async (_, output, take, expected) => {
    expect(await value(`process.stdout.write(${JSON.stringify(output)})`, { take })).toBe(expected)
  })

  it('keeps bytes that are no text', async () => {
    const open = await running("process.stdout.write(Buffer.from('ff00fe0d', 'hex'))")
    expect((await open.resolve('a', CONTEXT))?.value.toString('hex')).toBe('ff00fe0d')
  })

  it.each([
    ['fails', 'console.log("S3CRET"); console.error("S3CRET"); process.exit(3)', 'ended with code 3'],
    ['throws', 'throw new Error("S3CRET")', 'ended with code 1'],
    ['is killed', 'console.log("S3CRET"); process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1e6)', 'SIGTERM'],
    ['prints nothing', '', 'printed nothing'],
    ['prints an empty line', 'console.log()', 'printed nothing'],
    ['prints without end', 'for (;;) require("fs").writeSync(1, "S3CRET".repeat(1e4))', 'more than 65536 bytes'],
  ])('says what happened, and nothing of what was printed, when the program %s', async (_, script, expected) => {
    const text = await failure((await running(script)).resolve('a', CONTEXT))
    expect(text).toContain('VAULT_PROVIDER_FAILED')
    expect(text).toContain(expected)
    expect(text).not.toContain('S3CRET')
  })

  it('gives up on a program that hangs, and ends it', async () => {
    const directory = temporary()
    const marker = join(directory, 'pid')
    const script = `require('fs').writeFileSync(${JSON.stringify(marker)}, String(process.pid)); setInterval(() => {}, 1e6)`
    const open = await running(script, { timeout_ms: 1500 })
    expect(await failure(open.resolve('a', CONTEXT))).toContain('did not end within 1500 ms')
    const { readFileSync } = await import('node:fs')
    const pid = Number(readFileSync(marker, 'utf8'))
    await expect.poll(() => isAlive(pid)).toBe(false)
  })

  it('gives up on a program that has ended and left another one holding its output', async () => {
    const sleeper = 'setTimeout(() => {}, 5000)'
    const script = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(sleeper)}], { stdio: ['ignore', 'inherit', 'ignore'], detached: true }).unref()`
    expect(await failure((await running(script, { timeout_ms: 1500 })).resolve('a', CONTEXT))).toContain('did not end')
  })

  it('gives the program no variable but the usual ones and those that are named', async () => {
    const env = { PATH: '/bin', HOME: '/home/x', AWS_SECRET_ACCESS_KEY: 'no', OP_TOKEN: 'yes' }
    const names = 'process.stdout.write(Object.keys(process.env).sort().join())'
    expect(await value(names, {}, env)).toBe('HOME,PATH')
    expect(await value(names, { environment: ['OP_TOKEN'] }, env)).toBe('HOME,OP_TOKEN,PATH')
  })

  it('says that there is no such program', async () => {
    const provider = commandProvider(() => undefined)
    const open = await provider.open({ command: ['/nonexistent/pass', '{ref}'], secrets: { a: 'x' } })
    expect(await failure(open.resolve('a', CONTEXT))).toContain('could not be started (ENOENT)')
    expect(await open.health()).toMatchObject({ ok: false })
  })

  it.each([
    ['a reference that programs would take for an option', { command: ['pass', '{ref}'], secrets: { a: '--help' } }],
    ['a reference with a NUL', { command: ['pass', '{ref}'], secrets: { a: 'a\0b' } }],
    ['no place for the reference', { command: ['pass', 'show'], secrets: { a: 'x' } }],
    ['a command as one text', { command: 'pass show {ref}', secrets: { a: 'x' } }],
    ['a time without end', { command: ['pass', '{ref}'], secrets: {}, timeout_ms: 1e9 }],
  ])('refuses %s', (_, config) => {
    expect(
      problems(
        commandProvider(() => undefined),
        config as JsonObject,
      ),
    ).not.toEqual([])
  })

  it('refuses a program that the reference would choose', async () => {
    const open = commandProvider(() => undefined).open({ command: ['{ref}'], secrets: { a: '/bin/echo' } })
    expect(await failure(open)).toContain('must not hold {ref}')
  })
})

describe('openbao', () => {
  const world = async (config: JsonObject = {}, token?: string) => {
    const fake = await fakeOpenbao()
    cleanups.push(() => fake.close())
    const known: string[] = []
    const outbound = realOutbound()
    cleanups.push(() => outbound.close())
    const provider = openbaoProvider({
      outbound,
      environment: () => token ?? fake.token,
      known: (name, value) => known.push(`${name}=${value}`),
    })
    const full: JsonObject = { address: fake.address, token: { env: 'BAO_TOKEN' }, ...config }
    expect(problems(provider, full)).toEqual([])
    fake.store.set('secret/cloned/a', [{ data: { value: 'S3CRET-of-a' }, deleted: false }])
    return { fake, known, open: await provider.open(full) }
  }

  it('tells the scrubber its token before it sends it', async () => {
    const { fake, known, open } = await world()
    fake.next = (response) => {
      expect(known).toEqual([`openbao-token=${fake.token}`])
      response.writeHead(503).end()
    }
    await failure(open.resolve('a', CONTEXT))
    expect(fake.requests[0]?.headers['x-vault-token']).toBe(fake.token)
  })

  it('asks for the path below its prefix, in its namespace', async () => {
    const { fake, open } = await world({ namespace: 'team-a', mount: 'kv/apps', prefix: 'x/y' })
    await open.resolve('a', CONTEXT)
    expect(fake.requests).toMatchObject([
      { line: 'GET /v1/kv/apps/data/x/y/a', headers: { 'x-vault-namespace': 'team-a' } },
    ])
  })

  it('reads a secret of others where the configuration says, and does not write it', async () => {
    const { fake, open } = await world({ secrets: { gh: { path: 'team/github', field: 'token' } } })
    fake.store.set('secret/team/github', [{ data: { token: 'S3CRET-of-gh', other: 1 }, deleted: false }])
    expect((await open.resolve('gh', CONTEXT))?.value.toString()).toBe('S3CRET-of-gh')
    const scope = { hosts: [], tools: [], slots: [] }
    expect(
      await failure(open.put?.('gh', Buffer.from('x'), scope, async () => undefined) ?? Promise.resolve()),
    ).toContain('only read')
    expect(fake.store.get('secret/team/github')?.length).toBe(1)
  })

  it('does not overwrite what somebody else wrote in between', async () => {
    const { fake, open } = await world()
    const versions = fake.store.get('secret/cloned/a') ?? []
    fake.next = (response) => {
      response.end(JSON.stringify({ data: { current_version: versions.length } }))
      fake.store.set('secret/cloned/a', [...versions, { data: { value: 'theirs' }, deleted: false }])
    }
    const recorded: unknown[] = []
    const putting = open.put?.('a', Buffer.from('ours'), undefined, async (written) => void recorded.push(written))
    expect(await failure(putting ?? Promise.resolve())).toContain('refused the write')
    expect(recorded).toEqual([])
    expect((await open.resolve('a', CONTEXT))?.value.toString()).toBe('theirs')
  })

  it.each<[string, RequestListener, string]>([
    [
      'redirects to another host',
      (_, response) => response.writeHead(307, { location: 'http://127.0.0.1:9/' }).end(),
      'redirect',
    ],
    ['refuses the token', (_, response) => response.writeHead(403).end('{"errors":["S3CRET"]}'), 'refuses the token'],
    ['is sealed', (_, response) => response.writeHead(503).end('{"errors":["S3CRET"]}'), 'sealed'],
    ['answers no JSON', (_, response) => response.writeHead(200).end('S3CRET<html>'), 'not JSON'],
    [
      'answers another shape',
      (_, response) => response.writeHead(200).end('{"data":{"value":"S3CRET"}}'),
      'not that of a KV engine',
    ],
    [
      'answers a number',
      (_, response) => response.writeHead(200).end('{"data":{"data":{"value":1},"metadata":{"version":1}}}'),
      'is not a text',
    ],
    ['answers without end', (_, response) => response.writeHead(200).end('S3CRET'.repeat(400_000)), 'larger than'],
    ['breaks off', (_, response) => response.writeHead(200, { 'content-length': 100 }).destroy(), 'came to no answer'],
    ['says nothing', () => undefined, 'given up after 500 ms'],
    [
      'begins and says no more',
      (_, response) => response.writeHead(200).write('{"data":"S3CRET'),
      'given up after 500 ms',
    ],
  ])('says why, and nothing else, when the server %s', async (_, listener, expected) => {
    const { fake, open } = await world({ timeout_ms: 500 })
    fake.next = (response) => void listener({} as never, response as never)
    const text = await failure(open.resolve('a', CONTEXT))
    expect(text).toContain(expected)
    expect(text).not.toContain('S3CRET')
    expect(text).not.toContain(fake.token)
  })

  it.each([
    ['is not set', '', 'BAO_TOKEN'],
    ['holds a header of its own', 's.x\r\nx-evil: 1', 'something else than a token'],
  ])('sends nothing when the variable of the token %s', async (_, token, expected) => {
    const { fake, open } = await world({}, token)
    expect(await failure(open.resolve('a', CONTEXT))).toContain(expected)
    expect(fake.requests).toEqual([])
  })

  it('reads the token from a file that only its owner can read, each time', async () => {
    const file = join(temporary(), 'token')
    const { fake, open } = await world({ token: { file } })
    expect(await failure(open.resolve('a', CONTEXT))).toContain('there is no token file')
    writeFileSync(file, `${fake.token}\n`, { mode: 0o600 })
    expect((await open.resolve('a', CONTEXT))?.value.toString()).toBe('S3CRET-of-a')
    chmodSync(file, 0o644)
    expect(await failure(open.resolve('a', CONTEXT))).toContain('FILE_UNSAFE')
  })

  it.each([
    ['an address with credentials', { address: 'https://u:p@bao.test' }],
    ['an address with a path', { address: 'https://bao.test/v1/../x' }],
    ['a prefix that climbs', { prefix: 'a/../b' }],
    ['a path that climbs', { secrets: { a: { path: '../x' } } }],
    ['a path with a query', { secrets: { a: { path: 'x?list=true' } } }],
    ['a token in the file itself', { token: 's.xxxx' }],
  ])('refuses %s', (_, config) => {
    const parts = { outbound: realOutbound(), environment: () => '', known: () => undefined }
    const full = { address: 'https://bao.test', token: { env: 'T' }, ...config }
    expect(problems(openbaoProvider(parts), full as JsonObject)).not.toEqual([])
  })

  it('sends no token over an open wire', async () => {
    expect(await failure(world({ address: 'http://bao.example.com:8200' }))).toContain('OUTBOUND_REFUSED')
  })
})

describe('azure', () => {
  const NOW = 1_900_000_000_000
  const world = async (config: JsonObject = {}) => {
    const clock = { now: NOW }
    const fake = fakeAzure(() => clock.now)
    const known: string[] = []
    const provider = azureProvider({
      outbound: playedOutbound(fake.fetch),
      environment: () => CLIENT_SECRET,
      known: (name, value) => known.push(`${name}=${value}`),
      now: () => clock.now,
    })
    expect(problems(provider, { ...AZURE_CONFIG, ...config })).toEqual([])
    put(fake, 'a', 'S3CRET-of-a', { enabled: true, created: 1, updated: 1 })
    return { clock, fake, known, open: await provider.open({ ...AZURE_CONFIG, ...config }) }
  }
  const logins = (fake: FakeAzure) =>
    fake.requests.filter(({ url }) => url.includes('login.microsoftonline.com')).length

  it('sends its credential to the login alone, and its token to the vault alone', async () => {
    const { fake, known, open } = await world()
    await open.resolve('a', CONTEXT)
    const wire = fake.requests.map(({ method, url, headers, body }) => [
      method,
      url,
      headers.get('authorization'),
      body,
    ])
    expect(wire).toEqual([
      [
        'POST',
        `https://login.microsoftonline.com/${AZURE_CONFIG.tenant}/oauth2/v2.0/token`,
        null,
        expect.stringContaining(CLIENT_SECRET),
      ],
      ['GET', 'https://contoso.vault.azure.net/secrets/a?api-version=7.4', 'Bearer eyJ.first.token', ''],
    ])
    expect(known).toEqual([`azure-credential=${CLIENT_SECRET}`, 'azure-token=eyJ.first.token'])
  })

  it('logs in once for as long as the token is good', async () => {
    const { clock, fake, open } = await world()
    await open.resolve('a', CONTEXT)
    clock.now += 3_530_000
    await open.resolve('a', CONTEXT)
    expect(logins(fake)).toBe(1)
    clock.now += 20_000
    await open.resolve('a', CONTEXT)
    expect(logins(fake)).toBe(2)
  })

  it('logs in again, once, when its token is refused before its time', async () => {
    const { fake, open } = await world()
    await open.resolve('a', CONTEXT)
    fake.tokens = ['eyJ.second.token']
    expect((await open.resolve('a', CONTEXT))?.value.toString()).toBe('S3CRET-of-a')
    fake.tokens = []
    await failure(open.resolve('a', CONTEXT))
    expect(logins(fake)).toBe(3)
  })

  it('does not follow a list to another host', async () => {
    const { fake, open } = await world()
    fake.nextLink = 'https://evil.test/secrets?api-version=7.4'
    expect(await failure(open.list?.() ?? Promise.resolve())).toContain('goes on at another host')
    expect(fake.requests.some(({ url }) => url.includes('evil'))).toBe(false)
  })

  it('does not follow a list without end', async () => {
    const { fake, open } = await world()
    fake.nextLink = 'https://contoso.vault.azure.net/secrets?api-version=7.4&$skiptoken=x'
    expect(await failure(open.list?.() ?? Promise.resolve())).toContain('more than 100 pages')
  })

  it.each([
    ['disabled', { enabled: false, created: 1, updated: 1 }],
    ['expired', { enabled: true, created: 1, updated: 1, exp: NOW / 1000 }],
  ])('does not resolve a secret that is %s, and lists it so', async (state, attributes) => {
    const { fake, open } = await world()
    put(fake, 'a', 'S3CRET-of-a', attributes)
    expect(await open.resolve('a', CONTEXT)).toBeUndefined()
    expect(await open.list?.()).toMatchObject([{ name: 'a', state }])
  })

  it('is asked again when a secret expires', async () => {
    const { fake, open } = await world()
    put(fake, 'a', 'S3CRET-of-a', { enabled: true, created: 1, updated: 1, exp: NOW / 1000 + 7 })
    expect((await open.resolve('a', CONTEXT))?.until).toBe(NOW + 7000)
  })

  it('never takes two names for one secret', async () => {
    const { fake, open } = await world({ names: { 'a.b_c': 'A', other: 'Other-Name' } })
    expect((await open.resolve('a.b_c', CONTEXT))?.value.toString()).toBe('S3CRET-of-a')
    // "a" would be the same secret there, whatever the case.
    expect(await open.resolve('a', CONTEXT)).toBeUndefined()
    expect(await open.resolve('x.y', CONTEXT)).toBeUndefined()
    expect((await open.list?.())?.map(({ name }) => name)).toEqual(['a.b_c'])
    expect(fake.requests.filter(({ url }) => url.includes('/secrets/'))).toHaveLength(1)
  })

  it('says nothing of what the service said', async () => {
    const { fake, open } = await world()
    fake.tokens = ['x']
    const refused = azureProvider({
      outbound: playedOutbound(fake.fetch),
      environment: () => 'wrong-S3CRET',
      known: () => undefined,
      now: () => NOW,
    })
    const text = await failure((await refused.open(AZURE_CONFIG)).resolve('a', CONTEXT))
    expect(text).toContain('the login was refused with status 401')
    expect(text).not.toMatch(/S3CRET|AADSTS/)
    expect(await open.health()).toMatchObject({ ok: true })
  })
})

describe('keychain', () => {
  it('asks for a store that outlives a reboot, always', async () => {
    const { keyring, stores } = memoryKeyring()
    const open = await keychainProvider(async () => keyring).open({})
    await open.resolve('a', CONTEXT)
    await open.list?.()
    await open.health()
    expect(new Set(stores)).toEqual(new Set(['secret-service']))
  })

  it('does not take a locked keychain for an empty one', async () => {
    const { keyring, state } = memoryKeyring()
    state.locked = true
    const open = await keychainProvider(async () => keyring).open({})
    expect(await failure(open.list?.() ?? Promise.resolve())).toContain('the keychain refused')
    expect(await open.health()).toMatchObject({ ok: false })
  })

  it('says which package to install', async () => {
    const provider = keychainProvider(async () => {
      throw new Error('Cannot find package')
    })
    expect(await failure(provider.open({}))).toContain('npm install @napi-rs/keyring')
  })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
