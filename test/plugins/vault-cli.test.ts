import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defineDistribution } from 'cloned/kernel'
import { approvalsPlugin } from 'cloned/plugins/approvals'
import { auditPlugin } from 'cloned/plugins/audit'
import { cliPlugin } from 'cloned/plugins/cli'
import { doctorPlugin } from 'cloned/plugins/doctor'
import { keysPlugin } from 'cloned/plugins/keys'
import { policyPlugin } from 'cloned/plugins/policy'
import { storePlugin } from 'cloned/plugins/store'
import { vaultPlugin } from 'cloned/plugins/vault'
import { vaultFilePlugin } from 'cloned/plugins/vault-file'
import { initWorkspace, workspacePlugin } from 'cloned/plugins/workspace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runIn, type Terminal } from './cli-fixture.js'

const VALUE = 'cli-value-$&-7f3Qz'
const WHERE = ['--host', 'api.example.com', '--tool', 'test.*', '--slot', 'header:authorization']
const distribution = defineDistribution({
  name: 'test',
  version: '1.0.0',
  plugins: [
    workspacePlugin,
    keysPlugin,
    storePlugin,
    auditPlugin,
    policyPlugin,
    approvalsPlugin,
    vaultPlugin,
    vaultFilePlugin,
    doctorPlugin,
    cliPlugin,
  ],
})

let root: string
const everything: string[] = []

async function run(argv: readonly string[], terminal: Terminal = {}) {
  const ran = await runIn(distribution, root, ['--workspace', root, ...argv], terminal)
  everything.push(ran.out, ran.err)
  return ran
}

/** Runs a change and decides the approval it waits for, as a person at this machine would. */
async function approved(argv: readonly string[], terminal?: Terminal) {
  const waiting = await run([...argv, '--json'], terminal)
  expect([argv, waiting.code, waiting.err]).toEqual([argv, 4, ''])
  const { approval } = JSON.parse(waiting.out)
  return await run(['approvals', 'approve', approval.id])
}

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'cloned-vault-cli-')))
  initWorkspace(root, { type: 'personal', now: Date.now })
})
afterAll(() => rm(root, { recursive: true, force: true }))

describe('the vault on the command line', () => {
  it('says where it is before it holds anything', async () => {
    const { code, out } = await run(['vault', 'status'])
    expect([code, out]).toEqual([0, expect.stringContaining('no secrets yet')])
    expect((await run(['vault', 'list'])).out).toContain('vault set NAME')
  })

  it('takes a value from a pipe, once a person approves it', async () => {
    const waiting = await run(['vault', 'set', 'github', ...WHERE], { stdin: `${VALUE}\n` })
    expect(waiting.code).toBe(4)
    expect(waiting.err).toContain('Decide: cloned approvals approve ap_')
    expect(existsSync(join(root, '.cloned', 'vault', 'vault.json'))).toBe(false)
    const { code } = await approved(['vault', 'set', 'github', ...WHERE], { stdin: `${VALUE}\n` })
    expect(code).toBe(0)
    expect(JSON.parse((await run(['vault', 'list', '--json'])).out).secrets).toMatchObject([
      { name: 'github', version: '1', state: 'current', hosts: ['api.example.com'] },
    ])
  })

  it('takes a value from a file, and shows metadata only', async () => {
    writeFileSync(join(root, 'token.txt'), `${VALUE}-2\n`)
    await approved(['vault', 'rotate', 'github', '--from-file', 'token.txt'])
    const { code, out } = await run(['vault', 'show', 'github'])
    expect(code).toBe(0)
    expect(out).toContain('version 2')
    expect(out).toContain('api.example.com')
  })

  it('takes a value from a person without showing a character of it', async () => {
    const shown: string[] = []
    let typed = false
    const terminal: Terminal = {
      tty: true,
      onStderr: (piece, type) => {
        shown.push(piece)
        if (typed || !piece.includes('not shown')) return
        typed = true
        type(`${VALUE}-3`)
        setImmediate(() => setImmediate(() => type('\r')))
      },
    }
    const ran = await run(['vault', 'set', 'typed', ...WHERE], terminal)
    expect([ran.code, ran.err]).toEqual([4, expect.stringContaining('Waiting for approval')])
    expect(shown.join('')).not.toContain('cli-value')
    expect(shown.join('')).not.toMatch(/[▪•]/)
  })

  it.each([
    ['a value on the command line', ['vault', 'set', 'github', VALUE, ...WHERE], 2],
    ['no host', ['vault', 'set', 'github', ...WHERE.slice(2)], 2],
    ['no name', ['vault', 'set'], 2],
    ['a name that is none', ['vault', 'set', 'No/Name', ...WHERE], 2],
    ['a host that is none', ['vault', 'set', 'github', '--host', '*', ...WHERE.slice(2)], 2],
    ['a file that is not there', ['vault', 'set', 'github', '--from-file', 'nothing.txt', ...WHERE], 2],
    ['a secret that is not there', ['vault', 'show', 'nothing'], 1],
    ['a slot type that is none', ['vault', 'slots', '--add', 'rot13'], 2],
    ['an age slot for nobody', ['vault', 'slots', '--add', 'age'], 2],
    ['an export for nobody', ['vault', 'export'], 2],
  ])('refuses %s', async (_, argv, code) => {
    const ran = await run(argv, { stdin: 'a-value-on-stdin-1' })
    expect([ran.code, ran.out]).toEqual([code, ''])
    expect(ran.err).not.toBe('')
  })

  it('refuses a value that could not be scrubbed, without repeating it', async () => {
    const ran = await run(['vault', 'set', 'github', ...WHERE], { stdin: 'shrt-1\n' })
    expect(ran.code).toBe(2)
    expect(ran.err).toContain('shorter than 8 bytes')
    expect(ran.err).not.toContain('shrt-1')
  })

  it('adds a passphrase slot, and opens by it when the key is gone', async () => {
    const passphrase = 'correct horse battery staple'
    await approved(['vault', 'slots', '--add', 'scrypt'], { stdin: `${passphrase}\n` })
    const { out } = await run(['vault', 'slots', '--json'])
    const { slots } = JSON.parse(out)
    expect(slots).toMatchObject([
      { type: 'keyfile', usable: true },
      { type: 'scrypt', usable: false },
    ])
    const file = join(root, 'passphrase')
    writeFileSync(file, `${passphrase}\n`, { mode: 0o600 })
    const env = { CLONED_VAULT_PASSPHRASE_FILE: 'passphrase' }
    const again = JSON.parse((await run(['vault', 'slots', '--json'], { env })).out)
    expect(again.slots).toMatchObject([{ usable: true }, { usable: true }])
    expect((await run(['vault', 'slots', '--remove', slots[0].id], { env })).code).toBe(4)
  })

  it('exports for an age key alone', async () => {
    const { armor, Decrypter, generateIdentity, identityToRecipient } = await import('age-encryption')
    const identity = await generateIdentity()
    const recipient = await identityToRecipient(identity)
    const waiting = await run(['vault', 'export', '--age', recipient, '--json'])
    const { approval } = JSON.parse(waiting.out)
    const { out, code } = await run(['approvals', 'approve', approval.id, '--json'])
    expect(code).toBe(0)
    const text = JSON.parse(out).outcome.output.text
    const decrypter = new Decrypter()
    decrypter.addIdentity(identity)
    const plain = JSON.parse(await decrypter.decrypt(armor.decode(text), 'text'))
    expect(Buffer.from(plain.secrets.github.value_base64, 'base64').toString()).toBe(`${VALUE}-2`)
  })

  it('lists the providers, and the doctor looks at the one in use', async () => {
    expect((await run(['vault', 'provider'])).out).toContain('file')
    const { out } = await run(['doctor', '--json'])
    expect(JSON.parse(out).checks.find(({ id }: { id: string }) => id === 'vault.health')).toMatchObject({
      level: 'ok',
    })
  })

  it('disables and removes', async () => {
    await approved(['vault', 'disable', 'github'])
    expect(JSON.parse((await run(['vault', 'show', 'github', '--json'])).out)).toMatchObject({ state: 'disabled' })
    await approved(['vault', 'rm', 'github'])
    expect(JSON.parse((await run(['vault', 'list', '--json'])).out).secrets).toEqual([])
  })

  it('notices a vault that is gone, says so, and goes on when a person accepts it', async () => {
    const file = join(root, '.cloned', 'vault', 'vault.json')
    await rm(file)
    const status = await run(['vault', 'status'])
    expect([status.code, status.out]).toEqual([6, expect.stringContaining('it is gone')])
    await approved(['vault', 'accept'])
    expect((await run(['vault', 'status'])).code).toBe(0)
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('has printed no value in all of this, nor written one', () => {
    const text = [...everything, readFileSync(join(root, '.cloned', 'audit.log'), 'utf8')].join('\n')
    expect(text.length).toBeGreaterThan(1_000)
    expect(text).not.toContain('cli-value')
    expect(text).not.toContain('correct horse')
  })
})
