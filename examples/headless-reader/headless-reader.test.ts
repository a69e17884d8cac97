import { spawnSync } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { initWorkspace, open } from 'cloned'
import { sha256 } from 'cloned/kernel'
import { keysSlot } from 'cloned/plugins/keys'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const at = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const READERS = [
  ['Python', 'python3', [at('verify.py')]],
  ['shell', 'sh', [at('verify.sh')]],
] as const
const has = (tool: string) => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0
const TOOLS = ['python3', 'jq', 'sha256sum', 'openssl']
const missing = TOOLS.filter((tool) => !has(tool))
if (missing.length > 0 && process.env['CI'] === 'true') throw new Error(`CI needs ${missing.join(', ')}`)

let good: string
let key: string
/** As somebody does who got hold of the workspace's key. */
let signed: (payload: Buffer) => Buffer

beforeAll(async () => {
  good = mkdtempSync(join(tmpdir(), 'headless-'))
  initWorkspace(good, { type: 'personal', now: Date.now })
  const kernel = await open({ root: good })
  for (const filename of ['one.md', 'zwei (grün).md']) {
    const { status } = await kernel.call({
      tool: 'cloned.internal.artifact.save@v1',
      input: { filename, content: `# ${filename}\n` },
    })
    expect(status).toBe('done')
  }
  const signer = await kernel.service(keysSlot).signer('artifacts')
  signed = signer.sign
  key = join(good, 'key.pem')
  writeFileSync(key, signer.publicKey.export({ format: 'pem', type: 'spki' }))
  await kernel.stop()
})
afterAll(() => rmSync(good, { recursive: true, force: true }))

describe.skipIf(missing.length > 0)(`readers without this package (need ${TOOLS.join(', ')})`, () => {
  const artifact = (state: string) =>
    join(state, 'artifacts', readdirSync(join(state, 'artifacts')).find((name) => name.startsWith('art_')) ?? '')
  const edit = (path: string, from: string | RegExp, to: string) => {
    const before = readFileSync(path, 'utf8')
    const after = before.replace(from, to)
    expect(after).not.toBe(before)
    chmodSync(path, 0o600)
    writeFileSync(path, after)
  }
  const content = (state: string) => {
    const folder = join(artifact(state), 'content')
    return join(folder, readdirSync(folder)[0] ?? '')
  }

  /** Changes the signed statement; `signer` signs it again, and it moves to where its id says. */
  function restate(state: string, from: string | RegExp, to: string, signer?: (bytes: Buffer) => Buffer): void {
    const folder = artifact(state)
    const path = join(folder, 'manifest.sigstore.json')
    const bundle = JSON.parse(readFileSync(path, 'utf8'))
    const before = Buffer.from(bundle.dsseEnvelope.payload, 'base64').toString()
    const payload = Buffer.from(before.replace(from, to))
    expect(payload.toString()).not.toBe(before)
    bundle.dsseEnvelope.payload = payload.toString('base64')
    const head = `DSSEv1 28 application/vnd.in-toto+json ${payload.length} `
    const sig = signer?.(Buffer.concat([Buffer.from(head), payload]))
    if (sig) bundle.dsseEnvelope.signatures[0].sig = sig.toString('base64')
    chmodSync(path, 0o600)
    writeFileSync(path, JSON.stringify(bundle))
    renameSync(folder, join(state, 'artifacts', `art_${sha256(payload).slice(0, 24)}`))
  }
  const anotherKey = (bytes: Buffer) => sign(null, bytes, generateKeyPairSync('ed25519').privateKey)

  const cases: readonly (readonly [string, string, (state: string) => void])[] = [
    ['what was written', 'ok', () => {}],
    [
      'one byte of a record',
      'does not follow',
      (state) => edit(join(state, 'audit.log'), '"risk":"low"', '"risk":"hig"'),
    ],
    ['a record taken out', 'is missing', (state) => edit(join(state, 'audit.log'), /^.*"seq":3,.*\n/m, '')],
    ['the end cut within a line', 'line', (state) => edit(join(state, 'audit.log'), /.{10}$/s, '')],
    ['one byte of an artifact', 'is not what was saved', (state) => edit(content(state), '#', '%')],
    [
      'content that is a link',
      'is a link|is not there',
      (state) => {
        const path = content(state)
        rmSync(path)
        symlinkSync('/etc/passwd', path)
      },
    ],
    ['no manifest', 'manifest.sigstore.json', (state) => rmSync(join(artifact(state), 'manifest.sigstore.json'))],
    [
      'a manifest that is no JSON',
      'is no manifest',
      (state) => edit(join(artifact(state), 'manifest.sigstore.json'), '{', '['),
    ],
    [
      'a statement that was changed',
      'is not signed by a key that you gave',
      (state) => restate(state, /"call_id":"[^"]+"/, '"call_id":"made-up"'),
    ],
    [
      'a statement that another key signed',
      'is not signed by a key that you gave',
      (state) => restate(state, /"call_id":"[^"]+"/, '"call_id":"made-up"', anotherKey),
    ],
    [
      'an artifact that no call saved, signed with a stolen key',
      'no record says',
      (state) => restate(state, /"finishedOn":"[^"]+"/, '"finishedOn":"2026-01-01T00:00:00.000Z"', signed),
    ],
    [
      'a manifest that names a file elsewhere, signed with a stolen key',
      'names no file',
      (state) => restate(state, /"name":"[^"]+\.md"/, '"name":"../../../x"', signed),
    ],
    [
      'an artifact under the id of another one',
      'holds the manifest of another artifact',
      (state) => renameSync(artifact(state), join(state, 'artifacts', 'art_0123456789abcdef01234567')),
    ],
  ]

  it.each(READERS.flatMap(([name, program, args]) => cases.map((one) => [name, ...one, program, args] as const)))(
    '%s: %s: %s',
    (_, __, expected, harm, program, args) => {
      const copy = mkdtempSync(join(tmpdir(), 'headless-copy-'))
      const state = join(copy, '.cloned')
      cpSync(join(good, '.cloned'), state, { recursive: true })
      for (const name of readdirSync(join(state, 'artifacts'))) {
        chmodSync(join(state, 'artifacts', name), 0o700)
        if (name.startsWith('art_')) chmodSync(join(state, 'artifacts', name, 'content'), 0o700)
      }
      harm(state)
      const { status, stdout, stderr } = spawnSync(program, [...args, state, key], { encoding: 'utf8' })
      expect([status, stderr]).toEqual([expected === 'ok' ? 0 : 5, ''])
      expect(stdout).toMatch(new RegExp(expected === 'ok' ? 'ok' : `not good: .*(${expected})`))
      if (expected === 'ok') expect(stdout.match(/^ok: art_/gm)).toHaveLength(2)
      rmSync(copy, { recursive: true, force: true })
    },
  )

  it.each(READERS)('%s: says how it is used when no key is given', (_, program, args) => {
    expect(spawnSync(program, [...args, join(good, '.cloned')]).status).toBe(2)
  })
})
