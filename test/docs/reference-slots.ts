// The page of every slot and collection: its token, where to import it from, who owns it and who uses it.
import { builtIns, defaultDistribution } from 'cloned'
import { type PlanReport, plan, requirement } from 'cloned/kernel'
import { code, HEAD, names, table } from './markdown.js'
import { exportedTokens } from './tokens.js'

export async function slotsPage(): Promise<string> {
  const report = plan(defaultDistribution())
  const tokens = new Map((await exportedTokens()).map((one) => [one.token.id, one]))
  const place = (id: string): string[] => {
    const found = tokens.get(id)
    return found ? [code(found.name), code(found.from), String(found.token.contract)] : ['–', '–', '–']
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
