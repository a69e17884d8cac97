// The attack table of the vault: every row is done to real files and real kernels, and has to be noticed as it says.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets look like that
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { SecretContext, SecretUse } from 'cloned/plugins/vault'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type FileWorld, fileWorld, SCOPE, USE, WORKSPACE } from '../plugins/vault-file-fixture.js'
import { HOST, type Opened, SLOT, TOOL, VALUE, vaultWorld, type World } from '../plugins/vault-fixture.js'

describe('an edited vault file', () => {
  let world: FileWorld
  let whole: { readonly file: Buffer; readonly prev: Buffer; readonly last: FileWorld['last'] }
  beforeAll(async () => {
    world = fileWorld()
    const provider = world.open()
    await world.put(provider, 'github', 'value-of-github')
    await world.put(provider, 'gitlab', 'value-of-gitlab')
    await provider.keySlots?.add('scrypt', { secret: Buffer.from('a long passphrase') }, world.record)
    whole = { file: readFileSync(world.file), prev: readFileSync(`${world.file}.prev`), last: world.last }
  })
  beforeEach(() => {
    rmSync(world.directory, { recursive: true, force: true })
    rmSync(`${world.directory}.away`, { recursive: true, force: true })
    mkdirSync(world.directory, { mode: 0o700 })
    writeFileSync(world.file, whole.file, { mode: 0o600 })
    writeFileSync(`${world.file}.prev`, whole.prev, { mode: 0o600 })
    world.last = whole.last
  })
  afterAll(() => world.close())

  // biome-ignore lint/suspicious/noExplicitAny: attacks reach anywhere into the document
  type Document = any
  const edit = (change: (document: Document) => unknown) => () => {
    const document = JSON.parse(readFileSync(world.file, 'utf8'))
    writeFileSync(world.file, JSON.stringify(change(document) ?? document))
  }
  const flip = (text: string) => `${text[0] === 'A' ? 'B' : 'A'}${text.slice(1)}`
  const first = ({ secrets: { github } }: Document) => github.versions[github.current]
  const cut = (length: number) => () => writeFileSync(world.file, readFileSync(world.file).subarray(0, length))

  it.each<readonly [string, string, () => void | Promise<void>]>([
    [
      'another host is allowed',
      'VAULT_DAMAGED',
      edit((d) => {
        d.secrets.github.meta.allowed_hosts.push('evil.com')
      }),
    ],
    [
      'another tool is allowed',
      'VAULT_DAMAGED',
      edit((d) => {
        d.secrets.github.meta.allowed_tools = ['*']
      }),
    ],
    [
      'another slot is allowed',
      'VAULT_DAMAGED',
      edit((d) => {
        d.secrets.github.meta.allowed_slots.push('query:q')
      }),
    ],
    [
      'it ends later',
      'VAULT_DAMAGED',
      edit((d) => {
        d.secrets.github.meta.expires_at = 8e15
      }),
    ],
    [
      'two secrets are swapped',
      'VAULT_DAMAGED',
      edit((d) => {
        const { github, gitlab } = d.secrets
        d.secrets = { github: gitlab, gitlab: github }
      }),
    ],
    [
      'two ciphertexts are swapped',
      'VAULT_DAMAGED',
      edit(({ secrets: { github, gitlab } }) => {
        ;[github.versions, gitlab.versions] = [gitlab.versions, github.versions]
      }),
    ],
    [
      'a secret is copied under another name',
      'VAULT_DAMAGED',
      edit((d) => {
        d.secrets.copy = d.secrets.github
      }),
    ],
    [
      'a secret is deleted',
      'VAULT_DAMAGED',
      edit((d) => {
        delete d.secrets.github
      }),
    ],
    [
      'a ciphertext is changed',
      'VAULT_DAMAGED',
      edit((d) => {
        first(d).ct = flip(first(d).ct)
      }),
    ],
    [
      'a nonce is changed',
      'VAULT_DAMAGED',
      edit((d) => {
        first(d).iv = flip(first(d).iv)
      }),
    ],
    [
      'a salt is changed',
      'VAULT_DAMAGED',
      edit((d) => {
        first(d).salt = flip(first(d).salt)
      }),
    ],
    [
      'a tag is cut short',
      'VAULT_DAMAGED',
      edit((d) => {
        first(d).tag = first(d).tag.slice(0, 4)
      }),
    ],
    [
      'the current version is another',
      'VAULT_DAMAGED',
      edit((d) => {
        d.secrets.github.current = 7
      }),
    ],
    [
      'a secret is disabled',
      'VAULT_DAMAGED',
      edit((d) => {
        first(d).state = 'disabled'
      }),
    ],
    [
      'the generation is raised',
      'VAULT_DAMAGED',
      edit((d) => {
        d.generation++
      }),
    ],
    [
      'the tag is another',
      'VAULT_DAMAGED',
      edit((d) => {
        d.mac = '0'.repeat(64)
      }),
    ],
    [
      'the vault id is another',
      'VAULT_LOCKED',
      edit((d) => {
        d.vault_id = '0'.repeat(16)
      }),
    ],
    [
      'a key slot is removed',
      'VAULT_DAMAGED',
      edit((d) => {
        d.slots.pop()
      }),
    ],
    [
      'a key slot is doubled',
      'VAULT_DAMAGED',
      edit((d) => {
        d.slots.push(d.slots[0])
      }),
    ],
    [
      'a key slot is added',
      'VAULT_DAMAGED',
      edit((d) => {
        d.slots.push({ ...d.slots[0], id: '0'.repeat(16) })
      }),
    ],
    [
      'every wrapped key is another',
      'VAULT_LOCKED',
      edit((d) => {
        for (const slot of d.slots) slot.wrapped_dek = flip(slot.wrapped_dek)
      }),
    ],
    [
      'a slot names a key of another kid',
      'VAULT_LOCKED',
      edit((d) => {
        d.slots[0].params.kid = '0'.repeat(16)
      }),
    ],
    [
      'a slot would take all memory',
      'VAULT_DAMAGED',
      edit((d) => {
        d.slots[1].params.log2_n = 40
      }),
    ],
    [
      'a slot would take for ever',
      'VAULT_DAMAGED',
      edit((d) => {
        d.slots[1].params = { iterations: 1e9 }
      }),
    ],
    [
      'a slot of an unknown type',
      'VAULT_DAMAGED',
      edit((d) => {
        d.slots[0].type = 'none'
      }),
    ],
    [
      'there is no slot',
      'VAULT_DAMAGED',
      edit((d) => {
        d.slots = []
      }),
    ],
    [
      'something is added',
      'VAULT_DAMAGED',
      edit((d) => {
        d.more = 1
      }),
    ],
    [
      'a name is no name',
      'VAULT_DAMAGED',
      () => writeFileSync(world.file, readFileSync(world.file, 'utf8').replace('"github"', '"__proto__"')),
    ],
    [
      'it is of another version',
      'VAULT_DAMAGED',
      edit((d) => {
        d.schema = 'cloned.vault/v2'
      }),
    ],
    [
      'it is said to be of another workspace',
      'VAULT_DAMAGED',
      edit((d) => {
        d.workspace = 'cd'.repeat(16)
      }),
    ],
    ['it is a list', 'VAULT_DAMAGED', edit(() => [])],
    ['it is empty', 'VAULT_DAMAGED', cut(0)],
    ['it ends in the middle', 'VAULT_DAMAGED', cut(1_000)],
    ['it is not UTF-8', 'VAULT_DAMAGED', () => writeFileSync(world.file, Buffer.from([0xff, 0xfe, 0x7b]))],
    ['it is larger than any vault', 'FILE_UNSAFE', () => writeFileSync(world.file, ' '.repeat(16 * 1024 * 1024 + 1))],
    ['others can read it', 'FILE_UNSAFE', () => chmodSync(world.file, 0o644)],
    ['others can reach its directory', 'FILE_UNSAFE', () => chmodSync(world.directory, 0o755)],
    ['it has a second name', 'FILE_UNSAFE', () => linkSync(world.file, join(world.directory, 'second'))],
    [
      'it is a link',
      'FILE_UNSAFE',
      () => {
        renameSync(world.file, `${world.file}.away`)
        symlinkSync(`${world.file}.away`, world.file)
      },
    ],
    [
      'its directory is a link',
      'FILE_UNSAFE',
      () => {
        renameSync(world.directory, `${world.directory}.away`)
        symlinkSync(`${world.directory}.away`, world.directory)
      },
    ],
    [
      'it is a directory',
      'FILE_UNSAFE',
      () => {
        rmSync(world.file)
        mkdirSync(world.file)
      },
    ],
    ['the copy from before is put back', 'VAULT_ROLLED_BACK', () => copyFileSync(`${world.file}.prev`, world.file)],
    ['it is deleted', 'VAULT_ROLLED_BACK', () => rmSync(world.file)],
    [
      'a vault that was made anew with the same key is put in its place',
      'VAULT_ROLLED_BACK',
      async () => {
        const { last } = world
        rmSync(world.file)
        world.last = undefined
        const fresh = world.open()
        for (let i = 0; i < 5; i++) await world.put(fresh, 'github', 'value-of-attacker')
        world.last = last
      },
    ],
    [
      'another content of the same generation, made on a copy with the same key',
      'VAULT_ROLLED_BACK',
      async () => {
        const { last } = world
        const provider = world.open()
        copyFileSync(`${world.file}.prev`, world.file)
        world.last = undefined
        await world.put(provider, 'github', 'value-of-attacker')
        world.last = last
      },
    ],
  ])('is refused for reading and for writing, and left as it is: %s', async (_, code, attack) => {
    await attack()
    const bytes = () => (existsSync(world.file) && code !== 'FILE_UNSAFE' ? readFileSync(world.file, 'utf8') : '')
    const before = bytes()
    const { keySlots, ...provider } = world.open()
    for (const use of [
      () => provider.resolve('github', USE),
      () => provider.info?.('github'),
      () => provider.list?.(),
      () => provider.health(),
      () => provider.put?.('new', Buffer.from('a-new-value-123'), SCOPE, world.record),
      () => provider.remove?.('github', world.record),
      () => keySlots?.list(),
    ]) {
      const error = await Promise.resolve(use()).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code })
      expect(String(error)).not.toContain('value-of')
    }
    expect(bytes()).toBe(before)
  })

  it('of a process that has it open already is refused too', async () => {
    const provider = world.open()
    await provider.resolve('github', USE)
    copyFileSync(`${world.file}.prev`, world.file)
    await expect(provider.resolve('github', USE)).rejects.toMatchObject({ code: 'VAULT_ROLLED_BACK' })
  })

  it('of another workspace opens in none but its own', async () => {
    const stranger = world.open({}, 'cd'.repeat(16))
    await expect(stranger.resolve('github', USE)).rejects.toMatchObject({ code: 'VAULT_DAMAGED' })
    edit((d) => {
      d.workspace = 'cd'.repeat(16)
    })()
    await expect(world.open({}, 'cd'.repeat(16)).resolve('github', USE)).rejects.toMatchObject({ code: 'VAULT_LOCKED' })
    expect(WORKSPACE).not.toBe('cd'.repeat(16))
  })

  it('is never read as something else: any byte of it may be any other', async () => {
    const original = readFileSync(world.file)
    await fc.assert(
      fc.asyncProperty(fc.nat(original.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const bytes = Buffer.from(original)
        bytes[at] = (bytes[at] ?? 0) ^ by
        writeFileSync(world.file, bytes)
        const value = await world.value('github').catch((error: unknown) => (error as { code?: string }).code ?? error)
        // White space may change, nothing that means anything.
        expect(['value-of-github', 'VAULT_DAMAGED', 'VAULT_LOCKED']).toContain(value)
        if (value === 'value-of-github') expect(JSON.parse(bytes.toString())).toEqual(JSON.parse(original.toString()))
      }),
      { numRuns: 150 },
    )
  })

  it('put back on purpose is in force again once a person has accepted it', async () => {
    copyFileSync(`${world.file}.prev`, world.file)
    const provider = world.open()
    await provider.accept?.(world.record)
    expect(await world.value('gitlab')).toBe('value-of-gitlab')
    expect(world.last?.record['generation']).toBe(4)
    rmSync(world.file)
    await expect(world.value('gitlab')).rejects.toMatchObject({ code: 'VAULT_ROLLED_BACK' })
    await world.open().accept?.(world.record)
    expect(await world.value('gitlab')).toBeUndefined()
  })
})

describe('in a running kernel', () => {
  let world: World
  let opened: Opened
  beforeAll(async () => {
    world = await vaultWorld()
    opened = await world.open()
    await opened.put('github')
    await opened.put('disabled')
    await opened.vault.disable('disabled')
  })
  afterAll(() => world.close())

  describe('what an agent says is never read as a reference', () => {
    const REFERENCE = '${vault:github}'
    it.each<readonly [string, object]>([
      ['an argument', { a: REFERENCE }],
      ['in the middle of one', { a: `Bearer ${REFERENCE}!` }],
      ['deep inside', { a: [{ b: { c: [1, REFERENCE] } }] }],
      ['a key', { [REFERENCE]: 1 }],
      ['a key deep inside', { a: [{ [`x${REFERENCE}`]: 1 }] }],
      ['a URL', { url: `https://evil.com/?q=${REFERENCE}` }],
      ['a secret that is not there', { a: '${vault:nothing}' }],
      ['what is no reference at all', { a: '${vault:' }],
      ['behind many others', { a: Array.from({ length: 500 }, () => 'x').concat(REFERENCE) }],
    ])('%s: the call is denied and on record', async (_, input) => {
      const outcome = await opened.kernel.call({ tool: TOOL, input })
      expect(outcome).toMatchObject({ status: 'denied', code: 'SECRET_REFERENCE' })
      expect(JSON.stringify(outcome)).not.toContain(VALUE)
      const [record] = await opened.audit.find(outcome.callId)
      expect(record?.record).toMatchObject({ type: 'tool.outcome', status: 'denied', code: 'SECRET_REFERENCE' })
    })

    it('and what only looks like one is none of the vault’s business', async () => {
      const outcome = await opened.kernel.call({ tool: TOOL, input: { a: '$vault:github ${env:HOME} {vault:github}' } })
      expect(outcome).toMatchObject({ status: 'done' })
    })
  })

  it.each<readonly [string, string, Partial<SecretContext>]>([
    ['there is none of that name', 'nothing', {}],
    ['it is disabled', 'disabled', {}],
    ['it is not for this host', 'github', { host: 'evil.com' }],
    ['it is not for this port', 'github', { host: `${HOST}:8443` }],
    ['it is not for this tool', 'github', { tool: 'evil.api.get@v1' }],
    ['it is not for this slot', 'github', { slot: 'query:token' }],
    ['it is asked for by another workspace', 'github', { workspace: 'cd'.repeat(16) }],
    [
      'a guard denies it',
      'github',
      { check: () => ({ allowed: false, code: 'X', reason: 'because', help: '', ballot: [] }) },
    ],
    ['a guard answers nothing', 'github', { check: () => undefined as never }],
    ['a guard answers junk', 'github', { check: () => ({ allowed: 'yes' }) as never }],
    ['the name is no name', '__proto__', {}],
  ])('nobody can tell why a secret is not given out: %s', async (_, name, change) => {
    const error = await opened.vault.resolve(name, opened.context(change)).catch((thrown: unknown) => thrown)
    const told = JSON.parse(JSON.stringify(error).replaceAll(name, 'NAME'))
    expect(told).toEqual({
      code: 'SECRET_DENIED',
      message: 'no secret "NAME" can be used here.',
      help: 'A person can look at it: cloned vault show NAME',
    })
    expect(Object.keys(error as object).sort()).toEqual(['code', 'declaredAt', 'help', 'name', 'params', 'plugin'])
  })

  it('a guard that throws keeps the secret', async () => {
    const check = () => {
      throw new Error('guard failed')
    }
    await expect(opened.vault.resolve('github', opened.context({ check }))).rejects.toThrow('guard failed')
  })

  describe('a resolved secret is bound to nothing but what it was resolved for', () => {
    const use: SecretUse = { tool: TOOL, host: HOST, slot: SLOT, https: true, egress: [HOST] }
    it('to that it is', async () => {
      const secret = await opened.vault.resolve('github', opened.context())
      expect(opened.vault.bind(secret, use)).toBe(VALUE)
      expect(opened.vault.bind(secret, { ...use, egress: ['*.example.com'] })).toBe(VALUE)
    })

    it.each<readonly [string, Partial<SecretUse>]>([
      ['another host', { host: 'evil.com', egress: ['evil.com'] }],
      ['a host behind it', { host: `${HOST}.evil.com`, egress: [`${HOST}.evil.com`] }],
      ['a host that ends alike', { host: `evil-${HOST}`, egress: [`evil-${HOST}`] }],
      ['a user before a host', { host: `${HOST}@evil.com`, egress: ['evil.com'] }],
      ['another port', { host: `${HOST}:8443`, egress: [`${HOST}:8443`] }],
      ['the port that goes without saying', { host: `${HOST}:443`, egress: [`${HOST}:443`] }],
      ['capital letters', { host: HOST.toUpperCase() }],
      ['a dot behind', { host: `${HOST}.` }],
      ['letters that look alike', { host: HOST.replace('a', 'а') }],
      ['no TLS', { https: false }],
      ['TLS by word of mouth', { https: 'yes' as never }],
      ['a host that the tool does not declare', { egress: ['other.example.com'] }],
      ['a tool that declares nothing', { egress: [] }],
      ['a tool that declares everything', { egress: ['*'] }],
      ['another tool', { tool: 'test.api.other@v1' }],
      ['another slot', { slot: 'query:token' }],
    ])('not to %s', async (_, change) => {
      const secret = await opened.vault.resolve('github', opened.context())
      const error = (() => {
        try {
          return opened.vault.bind(secret, { ...use, ...change })
        } catch (thrown) {
          return thrown
        }
      })()
      expect(error).toMatchObject({ code: 'SECRET_UNBOUND' })
      expect(JSON.stringify(error)).not.toContain(VALUE)
    })

    it('and one that somebody else made is bound to nothing', () => {
      const forged = { name: 'github', version: '1', reveal: () => Buffer.from(VALUE), toJSON: () => '' }
      expect(() => opened.vault.bind(forged, use)).toThrow(expect.objectContaining({ code: 'SECRET_UNBOUND' }))
    })

    it('a value with a line break is in no header', async () => {
      await opened.put('pem', 'one-line\r\nX-Injected: 1')
      const secret = await opened.vault.resolve('pem', opened.context())
      expect(() => opened.vault.bind(secret, use)).toThrow(expect.objectContaining({ code: 'SECRET_UNBOUND' }))
    })

    it('a template is filled in one pass: what looks like a reference in a value stays what it is', async () => {
      const template = opened.vault.template('Bearer ${vault:github} $& ${vault:github}')
      const text = await opened.vault.fill(template, opened.context(), { https: true, egress: [HOST] })
      expect(text).toBe(`Bearer ${VALUE} $& ${VALUE}`)
      expect(VALUE).toContain('${vault:other}')
    })
  })

  it('no error of the whole vault, and no file of the workspace, holds a value', () => {
    const audit = readFileSync(join(world.root, '.cloned', 'audit.log'), 'utf8')
    expect(audit).toContain('vault.write')
    expect(audit).not.toContain(VALUE)
    expect(readFileSync(world.file, 'latin1')).not.toContain(VALUE)
    expect(dirname(world.file).startsWith(world.root)).toBe(true)
  })
})
