// Shows to the person who decides about the trust store which packages that would stop; it stops none.
import { isClonedError } from 'cloned/kernel'
import type { Previewer } from '../approvals/slot.js'
import { type PackageIdentity, TRUST_WRITE } from '../trust/slot.js'
import type { ChangeParts } from './install.js'
import { identityOf, verifyHead } from './judge.js'
import { packageDirectory } from './place.js'
import type { Installed } from './table.js'

const NONE = 'nothing\n'

export function stoppedPreview(parts: ChangeParts): Previewer {
  return {
    kind: TRUST_WRITE,
    async preview({ input }) {
      const rows = (await parts.table.state()).installed
      const found = await Promise.all(rows.map((row) => identified(parts, row)))
      const there = found.filter((one) => one !== undefined)
      const gone = new Set((await parts.trust.stoppedBy(input, there)).map(({ id }) => id))
      if (gone.size === 0) return undefined
      const listed = (some: readonly PackageIdentity[]) =>
        some.map(({ id, version }) => `${id} ${version}${enabled(rows, id) ? '' : ' (disabled)'}\n`).join('') || NONE
      const after = listed(there.filter(({ id }) => !gone.has(id)))
      return { change: { what: 'installed packages that may run', before: listed(there), after } }
    },
  }
}

function enabled(rows: readonly Installed[], id: string): boolean {
  return rows.some((row) => row.id === id && row.enabled)
}

/** `undefined` for what does not count as it is. */
async function identified(parts: ChangeParts, row: Installed): Promise<PackageIdentity | undefined> {
  try {
    const head = parts.packages.installed(packageDirectory(parts.directory(), row.digest), row.digest)
    const { manifest, kids } = await verifyHead(parts, head, row)
    return identityOf(manifest, head.digest, kids, row)
  } catch (error) {
    if (isClonedError(error)) return undefined
    throw error
  }
}
