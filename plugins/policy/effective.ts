// Makes the policy in force out of a pack and the text of an approved overlay; frozen, so that nobody can bend it later.
import { digest, snapshot as frozenJson, type JsonObject, sha256 } from 'cloned/kernel'
import { type PackName, parseDocument } from './document.js'
import { shownEgress, unplacedEgress } from './egress.js'
import { compileJudge, type Judge } from './judge.js'
import { locate } from './lines.js'
import { type Layer, LISTS, type Merged, merge, type Placed, RISKS } from './merge.js'
import { builtInPack } from './packs.js'
import type { PolicySnapshot } from './slot.js'

/** A policy that can be put in force. */
export interface Effective {
  /** Everything of a snapshot that follows from pack and overlay alone. */
  readonly content: Omit<PolicySnapshot, 'epoch' | 'drift'>
  readonly judge: Judge
  /** Every entry as `section: value`, with its place, in the order in which they are asked. */
  readonly rules: readonly ShownRule[]
}

/** An entry for people. */
export interface ShownRule {
  readonly section: string
  readonly value: string
  readonly at: string
}

/** Compiles. `file` names the overlay in places and errors. Throws `FILE_INVALID`. */
export function compilePolicy(pack: PackName, overlay: string | undefined, file: string): Effective {
  const layers = overlay === undefined ? [] : [overlayLayer(pack, overlay, file)]
  const merged = merge(pack, [...layers, builtInPack(pack)])
  const body = frozenJson({
    pack,
    tools: {
      deny: values(merged.tools.deny),
      ask: values(merged.tools.ask),
      allow: values(merged.tools.allow),
      risk: Object.fromEntries(RISKS.map((risk) => [risk, merged.tools.risk[risk].value])),
    },
    actions: Object.fromEntries([...merged.actions].map(([kind, { value }]) => [kind, value])),
    approvals: { expiresMs: merged.expiresMs.value, selfDecision: merged.selfDecision.value },
    budgets: values(merged.budgets),
    egress: merged.egress as unknown as JsonObject,
  }) as JsonObject
  const content = Object.freeze({
    ...(body as unknown as Omit<Effective['content'], 'digest' | 'overlay'>),
    // Without the places, which move with every line above them.
    digest: digest(frozenJson({ ...body, egress: unplacedEgress(merged.egress) })),
    overlay: overlay === undefined ? null : sha256(overlay),
  })
  return { content, judge: compileJudge(merged), rules: shown(merged) }
}

function overlayLayer(pack: PackName, text: string, file: string): Layer {
  const document = parseDocument(text, { path: file, pack })
  let lines: ReturnType<typeof locate> | undefined
  const where: Layer['where'] = (path, as) => {
    lines ??= locate(text)
    const line = lines(path)
    return line === undefined ? `${file} ${as}` : `${file}:${line} ${as}`
  }
  return { document, origin: 'overlay', where }
}

function shown({ tools, actions, expiresMs, selfDecision, budgets, egress }: Merged): ShownRule[] {
  const rule = (section: string, value: string, { at }: Placed<unknown>): ShownRule => ({ section, value, at })
  return [
    ...LISTS.flatMap((list) => tools[list].map((entry) => rule(`tools.${list}`, entry.value, entry))),
    ...RISKS.map((risk) => rule(`tools.risk.${risk}`, tools.risk[risk].value, tools.risk[risk])),
    ...[...actions].map(([kind, entry]) => rule(`actions.${kind}`, entry.value, entry)),
    rule('approvals.expires', seconds(expiresMs.value), expiresMs),
    rule('approvals.self_decision', String(selfDecision.value), selfDecision),
    ...budgets.map((entry) => {
      const { category, limit, windowMs, tools: only } = entry.value
      const scope = only === undefined ? '' : ` for ${only.join(', ')}`
      return rule('budgets', `${category} ${limit} per ${seconds(windowMs)}${scope}`, entry)
    }),
    ...shownEgress(egress),
  ]
}

function seconds(ms: number): string {
  const units = { d: 86_400_000, h: 3_600_000, m: 60_000 }
  for (const [unit, size] of Object.entries(units)) if (ms % size === 0) return `${ms / size}${unit}`
  return `${ms / 1_000}s`
}

function values<T>(placed: readonly Placed<T>[]): T[] {
  return placed.map(({ value }) => value)
}
