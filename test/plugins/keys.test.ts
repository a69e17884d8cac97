import { createHmac, generateKeyPairSync, verify } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { configHome, createKernel, defineDistribution } from 'cloned/kernel'
import { keysPlugin, keysSlot, openKeys } from 'cloned/plugins/keys'
import { initWorkspace, workspacePlugin } from 'cloned/plugins/workspace'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startChild } from '../child.js'

const WORKSPACE = 'ab'.repeat(16)
let root: string
let home: string
let marker: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cloned-keys-'))
  home = join(root, 'config')
  mkdirSync(join(root, 'ws'))
  marker = join(root, 'ws', 'keys.json')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const open = (workspace = WORKSPACE) => openKeys({ home, workspace, marker, now: () => Date.UTC(2026, 0, 1) })
const directory = () => join(home, 'cloned', 'keys', WORKSPACE)
const file = (name = 'audit.mac') => join(directory(), `${name}.json`)

describe('keys of a workspace', () => {
  it('are made by the first use and are the same for everybody after it', async () => {
    const first = await open().signer('audit')
    const second = await open().signer('audit')
    expect(second.kid).toBe(first.kid)
    const data = Buffer.from('a record')
    expect(verify(null, data, second.publicKey, first.sign(data))).toBe(true)
    expect((await open().mac('audit')).mac('x')).toBe((await open().mac('audit')).mac(Buffer.from('x')))
  })

  it('differ by purpose, by kind and by workspace', async () => {
    const keys = open()
    const macs = [await keys.mac('audit'), await keys.mac('vault')]
    marker = join(root, 'ws', 'other.json')
    macs.push(await open('cd'.repeat(16)).mac('audit'))
    expect(new Set(macs.map((key) => key.mac('same'))).size).toBe(3)
  })

  it('lie outside the workspace, for their owner alone', async () => {
    await open().mac('audit')
    for (const path of [directory(), join(home, 'cloned', 'keys')]) expect(statSync(path).mode & 0o777).toBe(0o700)
    for (const name of readdirSync(directory())) {
      expect([name, statSync(join(directory(), name)).mode & 0o777]).toEqual([name, 0o600])
    }
    const key = JSON.parse(readFileSync(file(), 'utf8')).keys[0].key
    expect(readFileSync(marker, 'utf8')).not.toContain(key)
  })

  it('are HMAC-SHA-256 and Ed25519, as anybody can check', async () => {
    const mac = await open().mac('audit')
    const bytes = Buffer.from(JSON.parse(readFileSync(file(), 'utf8')).keys[0].key, 'base64')
    expect(mac.mac('text')).toBe(createHmac('sha256', bytes).update('text').digest('hex'))
    expect((await open().signer('audit')).publicKey.asymmetricKeyType).toBe('ed25519')
  })

  it('show nothing of themselves', async () => {
    const mac = await open().mac('audit')
    const signer = await open().signer('audit')
    const stored = ['audit.mac', 'audit.signer'].map((name) => JSON.parse(readFileSync(file(name), 'utf8')).keys[0].key)
    for (const key of stored) expect(JSON.stringify([mac, signer])).not.toContain(key)
  })

  it.each([['signer'], ['mac']] as const)('keep every older %s for verification when rotated', async (kind) => {
    const keys = open()
    const old = await keys[kind]('audit')
    const kid = await keys.rotate('audit', kind)
    expect((await keys[kind]('audit')).kid).toBe(kid)
    expect(kid).not.toBe(old.kid)
    const later = open()
    expect((await later[kind]('audit')).kid).toBe(kid)
    if ('publicKey' in old) {
      expect(await later.publicKey('audit', old.kid)).toEqual(old.publicKey)
      expect(await later.publicKey('audit', '0'.repeat(16))).toBeUndefined()
    } else {
      expect((await later.macKey('audit', old.kid))?.mac('x')).toBe(old.mac('x'))
      expect(await later.macKey('audit', '0'.repeat(16))).toBeUndefined()
    }
  })

  it('that another process made are found by their kid', async () => {
    const early = open()
    await early.mac('audit')
    const kid = await open().rotate('audit', 'mac')
    expect((await early.macKey('audit', kid))?.kid).toBe(kid)
  })
})

describe('a key that the workspace has used and that is gone', () => {
  it.each([
    ['the file was removed', () => rmSync(file())],
    ['the whole directory was removed', () => rmSync(join(home, 'cloned'), { recursive: true })],
    ['the configuration home is another one', () => renameSync(home, `${home}.away`)],
    [
      'the file is from before a rotation',
      async () => {
        const before = readFileSync(file())
        await open().rotate('audit', 'mac')
        writeFileSync(file(), before, { mode: 0o600 })
      },
    ],
  ])('is an error that names it, and no new one is made: %s', async (_, lose) => {
    await open().mac('audit')
    await lose()
    const before = existsSync(file()) ? readFileSync(file(), 'utf8') : undefined
    for (const use of [() => open().mac('audit'), () => open().rotate('audit', 'mac')]) {
      await expect(use()).rejects.toMatchObject({ code: 'KEY_MISSING' })
    }
    expect(existsSync(file()) ? readFileSync(file(), 'utf8') : undefined).toBe(before)
  })

  it('is not confused with a note that was lost: the key stays the same', async () => {
    const { kid } = await open().mac('audit')
    rmSync(marker)
    expect((await open().mac('audit')).kid).toBe(kid)
    rmSync(file())
    await expect(open().mac('audit')).rejects.toMatchObject({ code: 'KEY_MISSING' })
  })
})

describe('a key file that is not as it was written', () => {
  const replace = (change: (document: Record<string, unknown>) => unknown) => () =>
    writeFileSync(file(), JSON.stringify(change(JSON.parse(readFileSync(file(), 'utf8')))))

  it.each([
    ['no JSON', () => writeFileSync(file(), '{'), 'FILE_INVALID'],
    ['empty', () => writeFileSync(file(), ''), 'FILE_INVALID'],
    ['of another workspace', replace((d) => ({ ...d, workspace: 'cd'.repeat(16) })), 'FILE_INVALID'],
    ['of another purpose', replace((d) => ({ ...d, purpose: 'vault' })), 'FILE_INVALID'],
    ['of another kind', replace((d) => ({ ...d, kind: 'signer' })), 'FILE_INVALID'],
    ['of another version', replace((d) => ({ ...d, version: 2 })), 'FILE_INVALID'],
    ['without keys', replace((d) => ({ ...d, keys: [] })), 'FILE_INVALID'],
    [
      'with a short key',
      replace((d) => ({ ...d, keys: [{ ...(d['keys'] as [object])[0], key: 'A'.repeat(40) }] })),
      'FILE_INVALID',
    ],
    ['with something more', replace((d) => ({ ...d, more: 1 })), 'FILE_INVALID'],
    ['open to others', () => chmodSync(file(), 0o640), 'FILE_UNSAFE'],
    ['in a directory open to others', () => chmodSync(directory(), 0o750), 'FILE_UNSAFE'],
    [
      'a symbolic link',
      () => {
        renameSync(file(), join(root, 'elsewhere'))
        symlinkSync(join(root, 'elsewhere'), file())
      },
      'FILE_UNSAFE',
    ],
    ['a hard link', () => linkSync(file(), join(root, 'second')), 'FILE_UNSAFE'],
    [
      'a directory',
      () => {
        rmSync(file())
        mkdirSync(file(), { mode: 0o700 })
      },
      'FILE_UNSAFE',
    ],
    ['huge', () => writeFileSync(file(), ' '.repeat(1024 * 1024 + 1)), 'FILE_UNSAFE'],
  ])('is refused and left alone: %s', async (_, damage, code) => {
    await open().mac('audit')
    const secret = JSON.parse(readFileSync(file(), 'utf8')).keys[0].key as string
    damage()
    const kept = statSync(file()).isFile() ? readFileSync(file(), 'utf8') : undefined
    for (const use of [() => open().mac('audit'), () => open().rotate('audit', 'mac')]) {
      const error = await use().then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).toMatchObject({ code })
      expect(JSON.stringify(error)).not.toContain(secret)
    }
    expect(statSync(file()).isFile() ? readFileSync(file(), 'utf8') : undefined).toBe(kept)
  })

  it('is refused when a signing key stands under the kid of another', async () => {
    await open().signer('audit')
    const path = file('audit.signer')
    const document = JSON.parse(readFileSync(path, 'utf8'))
    const { privateKey } = generateKeyPairSync('ed25519')
    document.keys[0].key = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64')
    writeFileSync(path, JSON.stringify(document))
    await expect(open().signer('audit')).rejects.toMatchObject({ code: 'FILE_INVALID' })
  })

  it('is not read through a directory that is a link', async () => {
    await open().mac('audit')
    renameSync(directory(), join(root, 'moved'))
    symlinkSync(join(root, 'moved'), directory())
    await expect(open().mac('audit')).rejects.toMatchObject({ code: 'FILE_UNSAFE' })
  })
})

it.each([[''], ['Audit'], ['../x'], ['a/b'], ['a.mac'], ['a'.repeat(33)], ['constructor\0']])(
  'the purpose %j names no key',
  async (purpose) => {
    await expect(open().mac(purpose)).rejects.toMatchObject({ code: 'KEY_PURPOSE' })
    await expect(open().signer(purpose)).rejects.toMatchObject({ code: 'KEY_PURPOSE' })
  },
)

describe('several at once', () => {
  it('in one process get one key', async () => {
    const all = await Promise.all(Array.from({ length: 16 }, () => open().mac('audit')))
    expect(new Set(all.map(({ kid }) => kid)).size).toBe(1)
  })

  it('in several processes get one key', async () => {
    const at = String(Date.now() + 700)
    const lines = await Promise.all(
      Array.from({ length: 6 }, () => startChild('key-maker', home, WORKSPACE, marker, at).line()),
    )
    expect(new Set(lines).size).toBe(1)
    expect((await open().mac('audit')).kid).toBe(lines[0]?.split(' ')[1])
  })
})

describe('the plugin', () => {
  const kernelOf = (workspaceRoot: string) =>
    createKernel(defineDistribution({ name: 'test', version: '1.0.0', plugins: [workspacePlugin, keysPlugin] }), {
      config: { 'cloned.workspace': { root: workspaceRoot }, 'cloned.keys': { home } },
      log: () => ({ debug() {}, info() {}, warn() {}, error() {} }),
    })

  it('keeps the keys of the open workspace, and answers nothing before start or after stop', async () => {
    const made = initWorkspace(join(root, 'space'), { type: 'personal', now: Date.now })
    const kernel = kernelOf(made.root)
    const keys = kernel.service(keysSlot)
    await expect(keys.mac('audit')).rejects.toMatchObject({ code: 'KERNEL_STATE' })
    await kernel.start()
    const { kid } = await keys.mac('audit')
    expect(existsSync(join(home, 'cloned', 'keys', made.config.id, 'audit.mac.json'))).toBe(true)
    expect(readFileSync(join(made.root, '.cloned', 'keys.json'), 'utf8')).toContain(kid)
    await kernel.stop()
    await expect(keys.mac('audit')).rejects.toMatchObject({ code: 'KERNEL_STATE' })
  })

  it('uses the configuration directory of the user, which is no real one in these tests', () => {
    expect(configHome()).toContain('cloned-home-')
    if (process.platform === 'win32') return
    expect(configHome({ XDG_CONFIG_HOME: '/somewhere' })).toBe('/somewhere')
    for (const value of ['', 'relative', undefined]) {
      expect(configHome({ XDG_CONFIG_HOME: value })).toBe(join(homedir(), '.config'))
    }
  })
})
