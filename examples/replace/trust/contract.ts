// Says what the trust store replaces and how the suite of trust stores gets at one, with real files in a directory.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RevocationEntry, trustSlot } from 'cloned/plugins/trust'
import { type Replacement, trustSuite } from 'cloned/testing'
import acmeTrust from './index.js'

const DAY = 24 * 3_600_000
const MODE = { mode: 0o600 }

const replacement: Replacement = {
  replaces: 'cloned.trust',
  composition: { plugins: [acmeTrust], replace: { 'cloned.trust': 'acme.trust' } },
  cases: (open) =>
    trustSuite(async () => {
      const directory = mkdtempSync(join(tmpdir(), 'acme-trust-'))
      mkdirSync(join(directory, 'publishers'))
      const { kernel, now, close } = await open({ config: { 'acme.trust': { directory } } })
      const trust = kernel.service(trustSlot)
      const entries: RevocationEntry[] = []
      const revocations = () => {
        const [issued_at, expires] = [now(), now() + DAY].map((at) => new Date(at).toISOString())
        const document = {
          schema: 'cloned.trust-revocations/v1',
          version: entries.length + 1,
          issued_at,
          expires,
          entries,
        }
        writeFileSync(join(directory, 'revocations.json'), JSON.stringify(document), MODE)
      }
      revocations()
      return {
        trust,
        async put(document) {
          const path = join(directory, 'publishers', 'acme.json')
          const before = existsSync(path) ? readFileSync(path) : undefined
          writeFileSync(path, document, MODE)
          await trust.publishers().catch((error: unknown) => {
            before ? writeFileSync(path, before, MODE) : rmSync(path)
            throw error
          })
        },
        async revoke(entry) {
          entries.push({ ...entry, revoked_at: new Date(now()).toISOString() })
          revocations()
          await trust.publishers()
        },
        async close() {
          await close()
          rmSync(directory, { recursive: true })
        },
      }
    }),
}
export default replacement
