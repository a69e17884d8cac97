// Turns a wished change of the egress rules into the policy write that would make it; writes nothing itself.
import { readFile } from 'node:fs/promises'
import { ClonedError, type PolicyWrite, sha256 } from 'cloned/kernel'
import type { EgressLists, EgressPolicy, EgressRule, Policy } from '../policy/slot.js'
import { compileEgress } from './decide.js'
import { canonicalHost } from './host.js'
import { type Edit, editOverlay } from './overlay-text.js'
import { proposalProblems, type RuleFields, type Scope } from './proposal.js'
import { allowCover, type Cover } from './rule.js'

/** The policy that is changed, and its overlay file. */
export interface ChangeParts {
  readonly policy: Pick<Policy, 'snapshot' | 'preview'>
  /** Absolute path of the overlay file of a pack. */
  readonly overlay: (pack: string) => string
}

/** A change that has been worked out. */
export interface Change {
  /** Absent when everything is already as wished. */
  readonly write?: PolicyWrite
  readonly added: readonly RuleFields[]
  readonly removed: readonly string[]
  /** What a person should know besides: what was there already, what has no effect. */
  readonly notes: readonly string[]
}

/**
 * Works a change out. Throws `EGRESS_PROPOSAL` for rules that nobody may propose, all of them at once, and
 * `EGRESS_OVERLAY_EDITED` while the overlay file is not the one in force: the write would overwrite an edit.
 */
export async function workOut({ policy, overlay }: ChangeParts, wished: Edit): Promise<Change> {
  refuse(wished)
  const { pack, egress, overlay: previous } = policy.snapshot()
  const lists = listsOf(egress, wished.scope)
  const present = wished.add.filter((rule) => lists.allow.some((known) => covers(known, rule)))
  const add = wished.add.filter((rule) => !present.includes(rule))
  const remove = wished.remove.filter((host) => lists.allow.some((rule) => rule.host === host))
  const notes = [
    ...present.map(({ host }) => `${host} is allowed already.`),
    ...wished.remove
      .filter((host) => !remove.includes(host))
      .map((host) => `${host} has no rule here${elsewhere(egress, host)}.`),
    ...add.flatMap(({ host }) => denying(egress, wished.scope, host)),
  ]
  if (add.length === 0 && remove.length === 0) return { added: [], removed: [], notes }
  const text = await textInForce(overlay(pack), previous, pack)
  const edited = await editOverlay(text, pack, { scope: wished.scope, add, remove })
  const fixed = remove.filter((host) => !edited.removed.includes(host))
  notes.push(...fixed.map((host) => `${host} is allowed by the ${pack} pack itself, which an overlay cannot change.`))
  if (add.length === 0 && edited.removed.length === 0) return { added: [], removed: [], notes }
  // What the policy would refuse is refused here, before anybody is asked.
  compileEgress(policy.preview(edited.text).egress)
  return { write: { pack, content: edited.text, previous }, added: add, removed: edited.removed, notes }
}

function refuse({ add, remove }: Edit): void {
  const problems = [
    ...add.flatMap((rule) => proposalProblems(rule).map((problem) => ({ host: rule.host, problem }))),
    ...remove.flatMap((host) => {
      const read = canonicalHost(host.startsWith('*.') ? host.slice(2) : host)
      return 'refused' in read ? [{ host, problem: `names no host: ${read.reason}` }] : []
    }),
  ]
  if (problems.length === 0) return
  const words = problems.map(({ host, problem }) => `a rule for "${host.slice(0, 255)}" ${problem}`)
  throw new ClonedError('EGRESS_PROPOSAL', { problems: words.join('; ') })
}

/** The text whose digest the policy in force has. */
async function textInForce(path: string, digest: string | null, pack: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    return undefined
  })
  if ((text === undefined ? null : sha256(text)) === digest) return text
  throw new ClonedError('EGRESS_OVERLAY_EDITED', { file: `.cloned/policy/${pack}.yaml` })
}

const NONE: EgressLists = { deny: [], allow: [] }

function listsOf({ global, connectors, tools }: EgressPolicy, { list, id = '' }: Scope): EgressLists {
  if (list === 'global') return global
  const named = list === 'tools' ? tools : connectors
  return Object.hasOwn(named, id) ? (named[id] ?? NONE) : NONE
}

/** Whether a rule allows all that another one would. */
function covers(known: EgressRule, wished: RuleFields): boolean {
  const [a, b] = [allowCover(known), allowCover({ ...wished, at: '' })]
  return known.host === wished.host && FIELDS.every((field) => holds(a[field], b[field])) && holds(ranges(a), ranges(b))
}

const FIELDS = ['schemes', 'ports', 'methods'] as const

function ranges({ addresses }: Cover): readonly string[] {
  return addresses.id.split(' ').filter((range) => range !== '')
}

function holds(all: readonly unknown[] | undefined, some: readonly unknown[] | undefined): boolean {
  return all === undefined || (some?.every((value) => all.includes(value)) ?? false)
}

function elsewhere({ global, connectors, tools }: EgressPolicy, host: string): string {
  const lists = [global, ...Object.values(connectors), ...Object.values(tools)]
  const found = lists.flatMap(({ allow }) => allow).find((rule) => rule.host === host)
  return found ? `; one stands in ${found.at}` : ''
}

/** Deny rules are asked first, so that a new rule for the same host may change nothing. */
function denying(egress: EgressPolicy, scope: Scope, host: string): readonly string[] {
  const rule = [...listsOf(egress, scope).deny, ...egress.global.deny].find((each) => each.host === host)
  return rule ? [`${host} stays denied as far as ${rule.at} says.`] : []
}
