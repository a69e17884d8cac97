// A vendor with keys who makes connector packages, and tools to make hostile ones of them, byte by byte.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type JsonObject, thumbprintOf } from 'cloned/kernel'
import {
  type ConnectorManifest,
  createPackages,
  type ManifestDraft,
  type Packages,
  type PackageTool,
} from 'cloned/plugins/package'
import { gzip } from '../../plugins/package/gzip.js'
import { formatManifest, toolContract } from '../../plugins/package/manifest.js'
import { END, member } from '../../plugins/package/tar.js'
import { jwkOf } from '../../plugins/trust/jwk.js'
import { pemSigner, signDetached } from '../../plugins/trust/jws.js'

export interface Key {
  readonly kid: string
  readonly pem: string
  readonly publicKey: KeyObject
}

export function newKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return { kid: thumbprintOf(publicKey), pem, publicKey }
}

/** A publisher document, as its publisher gives it to others. */
export function publisherDocument(keys: readonly Key[], change: JsonObject = {}): string {
  const document = {
    schema: 'cloned.trust-publisher/v1',
    version: 1,
    publisher_id: 'acme',
    name: 'Acme',
    namespaces: ['acme'],
    threshold: 1,
    keys: keys.map(({ kid, publicKey }) => ({ kid, jwk: jwkOf(publicKey), use: 'package', status: 'active' })),
    ...change,
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

export function tool(change: Partial<PackageTool> = {}): Omit<PackageTool, 'contract_sha256'> {
  const { contract_sha256: _, ...rest } = {
    id: 'acme.weather.today@v1',
    title: 'Weather today',
    description: 'Says what the weather is',
    input_schema: { type: 'object', properties: { city: { type: 'string' } } },
    output_schema: { type: 'object' },
    risk: 'low',
    capability: 'net.fetch',
    idempotent: true,
    cost: {},
    timeout_ms: 10_000,
    egress_hosts: ['api.example.com'],
    auth: [
      {
        name: 'token',
        kind: 'static',
        secret: 'weather',
        place: 'header:authorization',
        format: 'Bearer {secret}',
        hosts: ['api.example.com'],
      },
    ],
    redaction_rules: [],
    loggable_fields: ['/city'],
    ...change,
    contract_sha256: '',
  } as const satisfies PackageTool
  return rest
}

export function draft(change: Partial<ManifestDraft> = {}): ManifestDraft {
  return {
    id: 'acme.weather',
    version: '1.0.0',
    publisher_id: 'acme',
    title: 'Weather',
    description: 'Weather of a city',
    runtime: { kind: 'node', entry: 'index.js' },
    protocol: 1,
    tools: [tool()],
    requires_capabilities: [],
    ...change,
  }
}

export const FILES: Readonly<Record<string, string>> = {
  'index.js': 'export const answer = 42\n',
  'lib/deep/table.json': '{"a":1}\n',
  'README.md': '# Weather\n',
}

export interface Vendor {
  readonly directory: string
  readonly key: Key
  readonly packages: Packages
  /** Packs and signs; by its own key unless others are given. */
  make(
    change?: Partial<ManifestDraft>,
    options?: { files?: Readonly<Record<string, string>>; keys?: readonly Key[] },
  ): Promise<Made>
  /** Writes a file of the vendor's and answers its path. */
  write(name: string, content: string | Uint8Array): string
  close(): void
}

export interface Made {
  readonly archive: Buffer
  readonly manifest: ConnectorManifest
  readonly digest: string
  readonly path: string
}

export function vendor(): Vendor {
  const directory = mkdtempSync(join(tmpdir(), 'cloned-vendor-'))
  const key = newKey()
  const packages = createPackages()
  let made = 0
  const write = (name: string, content: string | Uint8Array) => {
    const path = join(directory, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content, { mode: name.endsWith('.pem') ? 0o600 : 0o644 })
    return path
  }
  return {
    directory,
    key,
    packages,
    write,
    async make(change = {}, { files = FILES, keys = [key] } = {}) {
      made++
      for (const [name, content] of Object.entries(files)) write(`source-${made}/${name}`, content)
      const packed = packages.pack(join(directory, `source-${made}`), draft(change), '2026-01-01T00:00:00Z')
      const archive = await signed(packages, packed.archive, keys)
      return { ...packed, archive, path: write(`package-${made}.tgz`, archive) }
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  }
}

export async function signed(packages: Packages, archive: Buffer, keys: readonly Key[]): Promise<Buffer> {
  let done = archive
  for (const { pem } of keys) {
    const { manifest, signature } = await packages.head(done)
    done = await packages.withSignature(done, signDetached(manifest, 'package', pemSigner(pem), signature))
  }
  return done
}

/** The text of a manifest with one thing changed; contracts are computed anew. */
export function manifestBytes(manifest: ConnectorManifest, change: (copy: Mutable) => void = () => undefined): Buffer {
  const copy = structuredClone(manifest) as unknown as Mutable
  change(copy)
  const tools = (copy['tools'] as PackageTool[]).map((each) => ({ ...each, contract_sha256: toolContract(each) }))
  return formatManifest({ ...copy, tools } as unknown as ConnectorManifest)
}
// biome-ignore lint/suspicious/noExplicitAny: hostile manifests have any shape
export type Mutable = Record<string, any>

/** An archive of members as they are given, whatever the manifest says. */
export function archiveOf(
  members: readonly (readonly [path: string, content: string | Uint8Array])[],
  end: Buffer = END,
): Buffer {
  return gzip(Buffer.concat([...members.flatMap(([path, content]) => member(path, Buffer.from(content))), end]))
}

/** Signature file over a manifest. */
export function signatureOf(manifest: Uint8Array, ...keys: readonly Key[]): string {
  return keys.reduce<string>(
    (text, { pem }) => signDetached(manifest, 'package', pemSigner(pem), text === '' ? undefined : Buffer.from(text)),
    '',
  )
}
