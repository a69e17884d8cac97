// Measures packages: verification of an installed one, and of an archive, against hashing the same bytes and its signature.
import { generateKeyPairSync, hash, randomBytes, sign, verify } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { createPackages, type ManifestDraft } from 'cloned/plugins/package'
import { interleave, type Row, ratio, us } from './harness.js'

const FILES = 200
const FILE_BYTES = 40 * 1024

export async function packageBench(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'cloned-bench-package-'))
  try {
    return await measure(directory)
  } finally {
    for (const name of ['installed', 'installed/files']) chmodSync(join(directory, name), 0o700)
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measure(directory: string): Promise<Row[]> {
  const source = join(directory, 'source')
  mkdirSync(join(source, 'files'), { recursive: true })
  for (let i = 0; i < FILES; i++) writeFileSync(join(source, 'files', `${i}.bin`), randomBytes(FILE_BYTES))
  const { archive, manifest, digest } = createPackages().pack(source, draft, '2026-01-01T00:00:00Z')
  const head = await createPackages().head(archive)
  const installed = join(directory, 'installed')
  createPackages().extract(archive, head, manifest, installed)
  const paths = readdirSync(join(installed, 'files')).map((name) => join(installed, 'files', name))

  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const signature = sign(null, head.manifest, privateKey)
  const warm = createPackages()
  warm.installed(installed, digest)

  const found = await interleave(
    [
      {
        name: 'read and hash the files, check one signature',
        run: (n) => {
          for (let i = 0; i < n; i++) {
            for (const path of paths) hash('sha256', readFileSync(path))
            verify(null, head.manifest, publicKey, signature)
          }
        },
      },
      {
        name: 'verify an installed package',
        // A fresh one each time: nothing is remembered.
        run: (n) => {
          for (let i = 0; i < n; i++) {
            createPackages().installed(installed, digest)
            verify(null, head.manifest, publicKey, signature)
          }
        },
      },
      {
        name: 'verify it again',
        run: (n) => {
          for (let i = 0; i < n; i++) warm.installed(installed, digest)
        },
      },
      {
        name: 'expand and hash the archive',
        run: (n) => {
          for (let i = 0; i < n; i++) hash('sha256', gunzipSync(archive))
        },
      },
      {
        name: 'verify the archive',
        run: (n) => {
          for (let i = 0; i < n; i++) warm.check(archive, head, manifest)
        },
      },
    ],
    5,
    9,
  )
  const at = (name: string) => found.get(name) ?? Number.NaN
  const [files, load, again] = [
    at('read and hash the files, check one signature'),
    at('verify an installed package'),
    at('verify it again'),
  ]
  const [expand, check] = [at('expand and hash the archive'), at('verify the archive')]
  return [
    ratio('package verify at load vs hashing its files', files / load, { atLeast: 0.8 }, `${us(load)} vs ${us(files)}`),
    ratio(
      'archive verify vs expanding and hashing it',
      expand / check,
      { atLeast: 0.8 },
      `${us(check)} vs ${us(expand)}`,
    ),
    { what: 'package verify again, nothing changed', measured: `${us(again)} for ${FILES} files` },
  ]
}

const draft: ManifestDraft = {
  id: 'bench.package',
  version: '1.0.0',
  publisher_id: 'bench',
  title: 'Bench',
  description: '',
  runtime: { kind: 'command', command: ['true'] },
  protocol: 1,
  requires_capabilities: [],
  tools: [
    {
      id: 'bench.package.run@v1',
      title: 'Run',
      description: '',
      input_schema: { type: 'object' },
      output_schema: {},
      risk: 'low',
      capability: 'bench',
      idempotent: true,
      cost: {},
      timeout_ms: 1000,
      egress_hosts: [],
      auth: [],
      redaction_rules: [],
      loggable_fields: [],
    },
  ],
}
