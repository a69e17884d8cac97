// Words what was found out about an artifact for machines, the same for the command line and the API.
import type { JsonObject } from 'cloned/kernel'
import type { Artifacts } from './slot.js'

type Verification = Pick<Awaited<ReturnType<Artifacts['verify']>>, 'manifest' | 'checks'>

/** `ok: null`: it could not be checked. */
export function verificationJson({ manifest, checks }: Verification): JsonObject {
  return {
    artifact: manifest.id,
    verified: checks.every(({ ok }) => ok !== false),
    checks: checks.map(({ name, ok, detail }) => ({ name, ok: ok ?? null, detail })),
  }
}
