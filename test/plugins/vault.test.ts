// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets look like that
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inspect } from 'node:util'
import { snapshot } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Opened, SCOPE, VALUE, vaultWorld, type World } from './vault-fixture.js'

let world: World
let opened: Opened

beforeEach(async () => {
  world = await vaultWorld()
  opened = await world.open()
})
afterEach(() => world.close())

const everyFile = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? everyFile(join(directory, entry.name)) : [join(directory, entry.name)],
  )

describe('a secret', () => {
  it('is what was stored, for this process and the next', async () => {
    await opened.put('github')
    const again = await world.open()
    for (const { vault, context } of [opened, again]) {
      const secret = await vault.resolve('github', context())
      expect(secret.reveal().toString()).toBe(VALUE)
      expect([secret.name, secret.version]).toEqual(['github', '1'])
    }
  })

  it('stands nowhere in clear on the disk, and its buffer is wiped', async () => {
    const value = Buffer.from(VALUE)
    await opened.vault.put('github', value, SCOPE)
    expect(value.every((byte) => byte === 0)).toBe(true)
    await opened.vault.resolve('github', opened.context())
    const files = everyFile(dirname(world.root))
    expect(files.length).toBeGreaterThan(5)
    for (const file of files) {
      const bytes = readFileSync(file)
      for (const form of ['utf8', 'base64', 'hex'] as const) {
        const text = form === 'utf8' ? VALUE : Buffer.from(VALUE).toString(form)
        expect([file, bytes.includes(text)]).toEqual([file, false])
      }
    }
  })

  it('has a file for its owner alone', async () => {
    await opened.put('github')
    await opened.put('gitlab')
    expect(statSync(dirname(world.file)).mode & 0o777).toBe(0o700)
    for (const file of everyFile(dirname(world.file)))
      expect([file, statSync(file).mode & 0o777]).toEqual([file, 0o600])
    expect(existsSync(`${world.file}.prev`)).toBe(true)
  })

  it('shows its name and nothing else, however it is looked at', async () => {
    await opened.put('github')
    const secret = await opened.vault.resolve('github', opened.context())
    const shown = [
      String(secret),
      `${secret}`,
      // biome-ignore lint/style/useTemplate: joining by + is one of the ways
      'x' + secret,
      JSON.stringify(secret),
      JSON.stringify({ deep: [secret] }),
      inspect(secret),
      inspect({ secret }, { depth: 9, showHidden: true }),
      inspect(secret, { customInspect: false, showHidden: true }),
      Object.entries({ ...secret }).join(),
      new Error(`it failed: ${secret}`).stack ?? '',
      secret.reveal.toString(),
    ]
    for (const text of shown) expect(text).not.toContain(VALUE)
    expect(shown.slice(0, 4)).toEqual(['[secret:github]', '[secret:github]', 'x[secret:github]', '"[secret:github]"'])
    expect(() => structuredClone(secret)).toThrow(/could not be cloned/)
    expect(() => structuredClone({ secret })).toThrow(/could not be cloned/)
    expect(() => snapshot({ secret })).toThrow()
    expect(Object.isFrozen(secret)).toBe(true)
  })

  it('is heard of by listeners before its user has it, and kept back when one of them fails', async () => {
    await opened.put('github')
    await opened.vault.resolve('github', opened.context())
    await opened.vault.resolve('github', opened.context())
    expect(opened.heard.map((secret) => secret.reveal().toString())).toEqual([VALUE])
  })

  it('gives no value any more once the vault is closed', async () => {
    await opened.put('github')
    const secret = await opened.vault.resolve('github', opened.context())
    const bytes = secret.reveal()
    await opened.kernel.stop()
    expect(bytes.every((byte) => byte === 0)).toBe(true)
    expect(() => secret.reveal()).toThrow(expect.objectContaining({ code: 'VAULT_CLOSED' }))
    await expect(opened.vault.resolve('github', opened.context())).rejects.toMatchObject({ code: 'VAULT_CLOSED' })
  })
})

describe('changes', () => {
  it('rotate keeps the scope, raises the version, and every process sees it', async () => {
    await opened.put('github')
    const other = await world.open({ now: steps() })
    await other.vault.resolve('github', other.context())
    const outcome = await opened.vault.rotate('github', Buffer.from('another-value-9876'))
    expect(outcome).toMatchObject({ status: 'done', output: { name: 'github', version: '2', generation: 2 } })
    const secret = await other.vault.resolve('github', other.context())
    expect([secret.reveal().toString(), secret.version]).toEqual(['another-value-9876', '2'])
    expect(await other.vault.info('github')).toMatchObject({ scope: SCOPE, state: 'current' })
  })

  it('disable keeps the secret and gives it to nobody; storing it again brings it back', async () => {
    await opened.put('github')
    await opened.vault.disable('github')
    expect(await opened.vault.info('github')).toMatchObject({ state: 'disabled' })
    await denied('github')
    await opened.put('github', 'a-new-value-12345')
    expect((await opened.vault.resolve('github', opened.context())).reveal().toString()).toBe('a-new-value-12345')
  })

  it('remove removes it', async () => {
    await opened.put('github')
    await opened.put('gitlab')
    await opened.vault.remove('github')
    expect((await opened.vault.list()).map(({ name }) => name)).toEqual(['gitlab'])
    await denied('github')
  })

  it.each([
    ['rotate', () => opened.vault.rotate('nothing', Buffer.from('a-value-12345'))],
    ['disable', () => opened.vault.disable('nothing')],
    ['remove', () => opened.vault.remove('nothing')],
  ])('%s of a secret that is not there fails without effect', async (_, change) => {
    expect(await change()).toMatchObject({ status: 'failed', effect: 'none', code: 'VAULT_UNKNOWN' })
    expect(existsSync(world.file)).toBe(false)
  })

  it('a dry run changes and keeps nothing', async () => {
    const outcome = await opened.vault.put('github', Buffer.from(VALUE), SCOPE, { dryRun: true })
    expect(outcome).toMatchObject({ status: 'dry-run', verdict: 'allow' })
    expect(existsSync(dirname(world.file))).toBe(false)
  })

  it('names that objects know anyway are names like any other', async () => {
    for (const name of ['constructor', 'tostring', 'valueof', '0']) {
      await denied(name)
      await opened.put(name, `value-of-${name}`)
      expect((await opened.vault.resolve(name, opened.context())).reveal().toString()).toBe(`value-of-${name}`)
    }
    expect((await opened.vault.list()).map(({ name }) => name)).toEqual(['0', 'constructor', 'tostring', 'valueof'])
  })

  it('take and give back any bytes', async () => {
    for (const value of [
      'aB3$eF7!',
      "$&$1$$$`$'pass",
      '-----BEGIN KEY-----\nabcd\n-----END KEY-----\n',
      '${vault:github}',
      Buffer.from([0, 1, 2, 3, 250, 251, 252, 253, 254, 255]).toString('latin1'),
    ]) {
      await opened.put('odd', value)
      expect((await opened.vault.resolve('odd', opened.context())).reveal().toString()).toBe(value)
    }
  })

  it('that are refused leave nothing behind and wipe what they were given', async () => {
    const value = Buffer.from(VALUE)
    await expect(opened.vault.put('No Name', value, SCOPE)).rejects.toMatchObject({ code: 'VAULT_NAME_INVALID' })
    expect(value.every((byte) => byte === 0)).toBe(true)
    const short = opened.vault.put('github', Buffer.from('1234567'), SCOPE)
    await expect(short).rejects.toMatchObject({ code: 'VAULT_VALUE_REFUSED' })
    const nowhere = opened.vault.put('github', Buffer.from(VALUE), { ...SCOPE, hosts: [] })
    await expect(nowhere).rejects.toMatchObject({ code: 'VAULT_SCOPE_INVALID' })
    expect(existsSync(dirname(world.file))).toBe(false)
  })

  it('bring a scope into canonical form', async () => {
    await opened.put('github', VALUE, {
      hosts: ['API.Example.com:443', 'bücher.example:8443', '*.Example.com', 'api.example.com'],
      tools: ['test.api.*', 'test.api.*'],
      slots: ['header:Authorization'],
    })
    expect((await opened.vault.info('github'))?.scope).toEqual({
      hosts: ['*.example.com', 'api.example.com', 'xn--bcher-kva.example:8443'],
      tools: ['test.api.*'],
      slots: ['header:authorization'],
    })
  })
})

describe('the audit log', () => {
  it('knows every write with generation and tag, and never a value', async () => {
    await opened.put('github')
    await opened.vault.rotate('github', Buffer.from('another-value-9876'))
    const last = await opened.audit.latest('vault.write')
    const file = JSON.parse(readFileSync(world.file, 'utf8'))
    expect(last?.record).toMatchObject({
      op: 'rotate',
      provider: 'file',
      name: 'github',
      version: '2',
      vault: file.vault_id,
      generation: 2,
      mac: file.mac,
    })
  })
})

/** Another clock, far enough on at every look that nothing is taken from memory unchecked. */
function steps(): () => number {
  let at = Date.now()
  return () => {
    at += 1_000
    return at
  }
}

async function denied(name: string, change: Parameters<Opened['context']>[0] = {}): Promise<void> {
  await expect(opened.vault.resolve(name, opened.context(change))).rejects.toMatchObject({ code: 'SECRET_DENIED' })
}
