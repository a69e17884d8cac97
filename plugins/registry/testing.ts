// The rules that every registry keeps, as cases for any test runner; must never rely on how it remembers what is installed.
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { AuditLog } from 'cloned/kernel'
import { type ContractCase, type ContractSubject, codeOf, contractCase } from 'cloned/testing'
import type { ManifestDraft, Packages } from '../package/slot.js'
import type { Trust } from '../trust/slot.js'
import type { Registry } from './slot.js'

/** A registry under test, with nothing installed, in a workspace that trusts nobody. */
export interface RegistrySubject extends ContractSubject {
  readonly registry: Registry
  /** Of the same workspace. */
  readonly packages: Packages
  readonly trust: Trust
  readonly audit: AuditLog
  /** Puts the document of a publisher in force. */
  trusted(document: string): Promise<void>
  /** Nothing of this publisher counts from here on. */
  revoke(publisher: string): Promise<void>
  /** Installs a package, with the approval of whoever has to give it. Rejects for one that is refused. */
  install(archive: Buffer): Promise<void>
  enable(id: string): Promise<void>
  disable(id: string): Promise<void>
  remove(id: string): Promise<void>
  /** Opens the registry again on what it has stored. */
  reopen(): Promise<Registry>
}

const ID = 'acme.weather'
const FILES = { 'index.js': 'export const answer = 42\n', 'lib/table.json': '{"a":1}\n' }

/** The contract of slot `cloned.registry`. `make` is called once per case. */
export function registrySuite(make: () => Promise<RegistrySubject>): readonly ContractCase[] {
  const rule: Rule = (name, check) =>
    contractCase(
      name,
      async () => {
        const subject = await make()
        const vendor = vendorOf(subject)
        return {
          subject,
          vendor,
          close: async () => {
            vendor.remove()
            await subject.close()
          },
        }
      },
      ({ subject, vendor }) => check(subject, vendor),
    )
  return [...arrivals(rule), ...verdicts(rule)]
}

type Rule = (name: string, check: (subject: RegistrySubject, vendor: Vendor) => Promise<void>) => ContractCase

function arrivals(rule: Rule): readonly ContractCase[] {
  return [
    rule('where nothing is installed nothing runs', async ({ registry }) => {
      assert.deepEqual([registry.enabled(), await registry.list(), await registry.get(ID)], [[], [], undefined])
      assert.equal(await codeOf(() => registry.verifyNow(ID)), 'CONNECTOR_UNKNOWN')
    }),
    rule(
      'what is installed runs once it is enabled, from files that are those of the package',
      async (subject, vendor) => {
        const { registry, packages } = subject
        await subject.trusted(vendor.document)
        const archive = await vendor.make()
        await subject.install(archive)
        const { digest } = await packages.head(archive)
        const found = await registry.get(ID)
        assert.deepEqual(
          [found?.version, found?.publisher, found?.digest, found?.status],
          ['1.0.0', 'acme', digest, 'disabled'],
        )
        assert.equal(await codeOf(() => registry.verifyNow(ID)), 'CONNECTOR_DISABLED')
        assert.deepEqual(registry.enabled(), [])
        await subject.enable(ID)
        const [running, ...others] = registry.enabled()
        assert.deepEqual(running, await registry.verifyNow(ID))
        assert.deepEqual([running?.id, running?.digest, running?.manifest.tools.length, others], [ID, digest, 1, []])
        for (const [name, content] of Object.entries(FILES)) {
          assert.equal(readFileSync(join(running?.directory ?? '', name), 'utf8'), content)
        }
      },
    ),
    rule('what is disabled or removed runs no more', async (subject, vendor) => {
      const { registry } = subject
      await enabled(subject, vendor)
      await subject.disable(ID)
      assert.deepEqual([registry.enabled(), (await registry.get(ID))?.status], [[], 'disabled'])
      assert.equal(await codeOf(() => registry.verifyNow(ID)), 'CONNECTOR_DISABLED')
      await subject.remove(ID)
      assert.deepEqual(await registry.list(), [])
      assert.equal(await codeOf(() => registry.verifyNow(ID)), 'CONNECTOR_UNKNOWN')
    }),
    rule('what nobody who is trusted has signed is not installed', async (subject, vendor) => {
      const { registry } = subject
      assert.notEqual(
        await codeOf(async () => subject.install(await vendor.make())),
        'ok',
        'of a publisher unknown here',
      )
      await subject.trusted(vendor.document)
      const bad = {
        'without a signature': await vendor.make({}, 'nobody'),
        'of the namespace of another': await vendor.make({ id: 'umbrella.weather' }),
        'in the name of another': await vendor.make({ publisher_id: 'umbrella' }),
        'signed by a stranger': await vendor.make({}, 'a stranger'),
        'cut short': (await vendor.make()).subarray(0, -40),
        'with a byte changed': flipped(await vendor.make()),
      }
      for (const [what, archive] of Object.entries(bad)) {
        assert.notEqual(await codeOf(() => subject.install(archive)), 'ok', what)
      }
      assert.deepEqual(await registry.list(), [])
    }),
    rule('a version is one package for good', async (subject, vendor) => {
      await enabled(subject, vendor)
      const other = await vendor.make({ title: 'Another' })
      assert.notEqual(await codeOf(() => subject.install(other)), 'ok')
      await subject.remove(ID)
      assert.notEqual(await codeOf(() => subject.install(other)), 'ok', 'after its removal')
    }),
    rule('another version takes the place of the one before', async (subject, vendor) => {
      await enabled(subject, vendor)
      const next = await vendor.make({ version: '1.1.0' })
      await subject.install(next)
      const listed = await subject.registry.list()
      const { digest } = await subject.packages.head(next)
      assert.deepEqual(
        listed.map(({ version, digest: one }) => [version, one]),
        [['1.1.0', digest]],
      )
    }),
    rule('what is installed is still so after opening again', async (subject, vendor) => {
      await enabled(subject, vendor)
      await subject.install(await vendor.make({ id: 'acme.alarm' }))
      const before = subject.registry.enabled()
      const again = await subject.reopen()
      assert.deepEqual(again.enabled(), before)
      assert.deepEqual(
        (await again.list()).map(({ id, status }) => [id, status]),
        [
          ['acme.alarm', 'disabled'],
          [ID, 'enabled'],
        ],
      )
    }),
  ]
}

function verdicts(rule: Rule): readonly ContractCase[] {
  const quarantined = async ({ registry, audit }: RegistrySubject, change: () => Promise<void> | void) => {
    const known = await naming(audit)
    await change()
    assert.equal(await codeOf(() => registry.verifyNow(ID)), 'CONNECTOR_QUARANTINED')
    assert.ok((await naming(audit)) > known, 'nothing was recorded')
    const found = await registry.get(ID)
    assert.equal(found?.status, 'quarantined')
    assert.ok((found?.problem ?? '').length > 0)
    assert.deepEqual(registry.enabled(), [])
  }
  const changes: Record<string, (directory: string) => void> = {
    changed: (directory) => overwrite(join(directory, 'index.js'), 'export const answer = 43\n'),
    added: (directory) => overwrite(join(directory, 'more.js'), 'export {}\n'),
    missing: (directory) => {
      chmodSync(join(directory, 'lib'), 0o700)
      rmSync(join(directory, 'lib/table.json'))
    },
  }
  return [
    ...Object.entries(changes).map(([what, change]) =>
      rule(`a connector does not run when a file of it is ${what}`, async (subject, vendor) => {
        await enabled(subject, vendor)
        const { directory } = await subject.registry.verifyNow(ID)
        await quarantined(subject, () => change(directory))
      }),
    ),
    rule('a connector does not run once its publisher is revoked', async (subject, vendor) => {
      await enabled(subject, vendor)
      await quarantined(subject, () => subject.revoke('acme'))
      assert.notEqual(await codeOf(async () => subject.install(await vendor.make({ version: '2.0.0' }))), 'ok')
    }),
  ]
}

/** Somebody who makes packages, under keys of their own. */
interface Vendor {
  /** For whoever wants to trust them. */
  readonly document: string
  make(change?: Partial<ManifestDraft>, signed?: 'itself' | 'a stranger' | 'nobody'): Promise<Buffer>
  remove(): void
}

function vendorOf({ packages, trust }: RegistrySubject): Vendor {
  const directory = mkdtempSync(join(tmpdir(), 'cloned-vendor-'))
  for (const [name, content] of Object.entries(FILES)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), content)
  }
  const [own, strange] = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')]
  const { publicKey } = own
  return {
    document: trust.publisherDocument(publicKey, { id: 'acme', name: 'Acme', namespaces: ['acme'] }),
    async make(change = {}, signed = 'itself') {
      const { archive } = packages.pack(directory, draftOf(change), '2026-01-01T00:00:00Z')
      if (signed === 'nobody') return archive
      const { privateKey } = signed === 'itself' ? own : strange
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
      const { manifest } = await packages.head(archive)
      return await packages.withSignature(archive, trust.sign(manifest, { type: 'package', pem }).signature)
    },
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function draftOf({ id = ID, ...change }: Partial<ManifestDraft>): ManifestDraft {
  return {
    id,
    version: '1.0.0',
    publisher_id: 'acme',
    title: 'Weather',
    description: 'Weather of a city',
    runtime: { kind: 'node', entry: 'index.js' },
    protocol: 1,
    requires_capabilities: [],
    tools: [
      {
        id: `${id}.today@v1`,
        title: 'Weather today',
        description: 'Says what the weather is',
        input_schema: { type: 'object' },
        output_schema: { type: 'object' },
        risk: 'low',
        capability: 'test',
        idempotent: true,
        cost: {},
        timeout_ms: 10_000,
        egress_hosts: [],
        auth: [],
        redaction_rules: [],
        loggable_fields: [],
      },
    ],
    ...change,
  }
}

async function enabled(subject: RegistrySubject, vendor: Vendor): Promise<void> {
  await subject.trusted(vendor.document)
  await subject.install(await vendor.make())
  await subject.enable(ID)
}

/** How many records are about the connector. */
async function naming(audit: AuditLog): Promise<number> {
  let records = 0
  for await (const { record } of audit.scan()) if (Object.values(record).includes(ID)) records++
  return records
}

/** Packages are read-only; whoever owns them can change that. */
function overwrite(path: string, content: string): void {
  chmodSync(dirname(path), 0o700)
  rmSync(path, { force: true })
  writeFileSync(path, content)
}

/** A byte of the compressed content, past the manifest. */
function flipped(archive: Buffer): Buffer {
  const at = archive.length - 60
  const changed = Buffer.from(archive)
  changed[at] = (changed[at] ?? 0) ^ 1
  return changed
}
