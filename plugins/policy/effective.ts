// Makes the policy in force out of a pack and the text of an approved overlay; frozen, so that nobody can bend it later.
import { digest, snapshot as frozenJson, type JsonObject, sha256 } from 'cloned/kernel'
import { type PackName, parseDocument } from './document.js'
import { unplacedEgress } from './egress.js'
import { compileJudge, type Judge } from './judge.js'
import { locate } from './lines.js'
import { type Layer, type Merged, merge, type Placed, type PlacedLists } from './merge.js'
import { builtInPack } from './packs.js'
import { type ShownRule, shownRules } from './shown.js'
import type { PolicySnapshot } from './slot.js'

/** A policy that can be put in force. */
export interface Effective {
  /** Everything of a snapshot that follows from pack and overlay alone. */
  readonly content: Omit<PolicySnapshot, 'epoch' | 'drift'>
  readonly judge: Judge
  /** Every entry as `section: value`, with its place, in the order in which they are asked. */
  readonly rules: readonly ShownRule[]
}

/** Compiles. `file` names the overlay in places and errors. Throws `FILE_INVALID`. */
export function compilePolicy(pack: PackName, overlay: string | undefined, file: string): Effective {
  const layers = overlay === undefined ? [] : [overlayLayer(pack, overlay, file)]
  const merged = merge(pack, [...layers, builtInPack(pack)])
  const body = frozenJson(bodyOf(merged)) as JsonObject
  const content = Object.freeze({
    ...(body as unknown as Omit<Effective['content'], 'digest' | 'overlay'>),
    digest: digest(frozenJson(unplaced(merged))),
    overlay: overlay === undefined ? null : sha256(overlay),
  })
  return { content, judge: compileJudge(merged), rules: shownRules(merged) }
}

function bodyOf(merged: Merged): Omit<Effective['content'], 'digest' | 'overlay'> {
  const { pack, tools, actions } = merged
  const { low, medium, high } = tools.risk
  return {
    pack,
    tools: { ...lists(tools), risk: { low: low.value, medium: medium.value, high: high.value } },
    capabilities: lists(merged.capabilities),
    publishers: { ...lists(merged.publishers), others: merged.publishers.others.value },
    actions: Object.fromEntries([...actions].map(([kind, { value }]) => [kind, value])),
    approvals: {
      expiresMs: merged.expiresMs.value,
      selfDecision: merged.selfDecision.value,
      maxPendingPerActor: merged.maxPending.value,
      approvers: values(merged.approvers),
      rules: values(merged.approvalRules),
    },
    writes: { tightening: merged.tightening.value },
    limits: { depth: merged.depth.value, timeoutMs: merged.timeoutMs.value },
    ui: { origins: values(merged.origins) },
    budgets: values(merged.budgets),
    egress: merged.egress,
  }
}

/** Without the places, which move with every line above them. */
function unplaced(merged: Merged): unknown {
  const body = bodyOf(merged)
  const rules = body.approvals.rules.map(({ at: _, ...rule }) => rule)
  return { ...body, approvals: { ...body.approvals, rules }, egress: unplacedEgress(merged.egress) }
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

function lists(placed: PlacedLists) {
  return { deny: values(placed.deny), ask: values(placed.ask), allow: values(placed.allow) }
}

function values<T>(placed: readonly Placed<T>[]): T[] {
  return placed.map(({ value }) => value)
}
