// The page of every slot and collection: its token, where to import it from, who owns it and who uses it.
import { existsSync } from 'node:fs'
import { builtIns, defaultDistribution } from 'cloned'
import * as kernelExports from 'cloned/kernel'
import { type PlanReport, plan, requirement } from 'cloned/kernel'
import { code, HEAD, names, table } from './markdown.js'

/** An exported token. */
interface Exported {
  readonly name: string
  readonly from: string
  readonly contract: number
}

export async function slotsPage(): Promise<string> {
  const report = plan(defaultDistribution())
  const tokens = await exportedTokens()
  const place = (id: string): string[] => {
    const token = tokens.get(id)
    return token ? [code(token.name), code(token.from), String(token.contract)] : ['–', '–', '–']
  }
  const slots = Object.entries(report.owners).map(([id, owner]) => [code(id), ...place(id), code(owner), users(id)])
  const lists = Object.entries(report.collections).map(([id, owner]) => {
    return [code(id), ...place(id), code(owner), names(givers(report, id))]
  })
  return [
    `# Slots and collections\n\n${HEAD}## Slots\n\nEvery slot has exactly one owner. A plugin in *italics* works without the slot.\n`,
    table(['slot', 'token', 'exported by', 'contract', 'owner', 'used by'], slots),
    '## Collections\n\nAny plugin may add to a collection; only its owner reads it.\n',
    table(['collection', 'token', 'exported by', 'contract', 'read by', 'added to by'], lists),
  ].join('\n')
}

function users(slot: string): string {
  const found = builtIns.flatMap(({ manifest }) =>
    Object.values(manifest.requires)
      .map(requirement)
      .filter((need) => need.slot.id === slot)
      .map((need) => (need.optional ? `*${code(manifest.id)}*` : code(manifest.id))),
  )
  return found.join(', ') || '–'
}

function givers(report: PlanReport, collection: string): readonly string[] {
  return report.plugins.filter(({ contributes }) => contributes.includes(collection)).map(({ id }) => id)
}

async function exportedTokens(): Promise<Map<string, Exported>> {
  const tokens = new Map<string, Exported>()
  const add = (exports: object, from: string) => {
    for (const [name, value] of Object.entries(exports)) {
      const token = value as { kind?: unknown; id?: unknown; contract?: unknown } | undefined
      if (token?.kind !== 'slot' && token?.kind !== 'collection') continue
      if (typeof token.id !== 'string' || typeof token.contract !== 'number' || tokens.has(token.id)) continue
      tokens.set(token.id, { name, from, contract: token.contract })
    }
  }
  add(kernelExports, 'cloned/kernel')
  for (const { manifest } of builtIns) {
    const name = manifest.id.replace('cloned.', '')
    // A plugin that names nothing has no slot.ts.
    if (!existsSync(new URL(`../../plugins/${name}/slot.ts`, import.meta.url))) continue
    add(await import(`../../plugins/${name}/slot.ts`), `cloned/plugins/${name}`)
  }
  return tokens
}
