// Decides who somebody is and whether their word on a request counts; a name that is only claimed must never count.
import { type Actor, ClonedError, compilePattern, isDevice, type StoredAction, toolCall } from 'cloned/kernel'
import type { ApprovalRule, Approver, PolicySnapshot } from '../policy/slot.js'

type Rules = PolicySnapshot['approvals']

/** Somebody who speaks on a request. */
export interface Person {
  readonly actor: Actor
  /** One word each: the approver of the policy, or else the operating-system user. */
  readonly approver: string
  readonly roles: readonly string[]
  /** Whether the policy names them as an approver. */
  readonly listed: boolean
  /** The thumbprint of the key that proved it. */
  readonly key?: string
}

/** How somebody proved who they are. */
export interface Proven {
  /** The operating-system user of the deciding process, or whom a server has authenticated. */
  readonly osUser: string
  /** What a valid signature of the decision proved. */
  readonly signer?: { readonly approver: Approver; readonly thumbprint: string }
  /** What the caller says; kept beside the operating-system user where nothing better is known. */
  readonly named: Actor
}

/** Who it is: the signer, else the approver that the operating-system user stands for, else that user alone. */
export function identify({ approvers }: Rules, { osUser, signer, named }: Proven): Person {
  const found = signer?.approver ?? (osUser === '' ? undefined : approvers.find((one) => one.osUser === osUser))
  if (!found) {
    return { actor: { ...named, osUser }, approver: `os:${osUser}`, roles: [], listed: false }
  }
  return {
    actor: { id: found.id, claimed: false, osUser },
    approver: found.id,
    roles: found.roles,
    listed: true,
    ...(signer ? { key: signer.thumbprint } : {}),
  }
}

/** Throws `APPROVER_REFUSED` unless this person's word on the request counts now. */
export function mustBeEntitled(
  rules: Rules,
  person: Person,
  request: { readonly id: string; readonly action: StoredAction; readonly createdAt: number },
  now: number,
): void {
  const refused = (reason: string) => new ClonedError('APPROVER_REFUSED', { approval: request.id, reason })
  const { actor } = request.action
  const own = !isSomebodyElse(rules, person, actor)
  // Whoever holds its key is not the person who may decide what they asked for.
  if (own && isDevice(actor)) {
    throw refused('a device does not decide what it asked for itself; the owner does, or another device')
  }
  if (own && !rules.selfDecision) {
    throw refused(
      'this workspace wants the decision of another operating-system user than the requester, or one signed with the key of another approver',
    )
  }
  if (rules.approvers.length > 0 && !person.listed) {
    throw refused(`the policy does not list OS user ${person.actor.osUser || 'unknown'} as an approver`)
  }
  const roles = rolesFor(ruleFor(rules, request.action), now - request.createdAt)
  if (roles.length > 0 && !roles.some((role) => person.roles.includes(role))) {
    throw refused(`it takes somebody with the role ${roles.join(' or ')}, and ${person.approver} has not`)
  }
}

/** The first rule that names the action. */
export function ruleFor(
  { rules }: Rules,
  { kind, target }: Pick<StoredAction, 'kind' | 'target'>,
): ApprovalRule | undefined {
  return rules.find(({ tools, actions }) =>
    kind === toolCall.id ? tools.some((pattern) => compilePattern(pattern)(target)) : actions.includes(kind),
  )
}

/** The roles of which one is needed, once a request has waited so long; none: anybody's word counts. */
function rolesFor(rule: ApprovalRule | undefined, waitedMs: number): readonly string[] {
  const role = rule?.quorum?.role
  if (role === undefined) return []
  const escalate = rule?.escalate
  return escalate && waitedMs >= escalate.afterMs ? [role, escalate.role] : [role]
}

// Ids are claims of the caller (`--actor`), so two ids prove nothing; an unknown user is nobody's. A key does prove another
// person on one machine, unless it is that of the requester.
function isSomebodyElse({ approvers }: Rules, person: Person, requester: Actor): boolean {
  if (person.key === undefined) {
    return person.actor.osUser !== '' && requester.osUser !== '' && person.actor.osUser !== requester.osUser
  }
  const own = approvers.find(({ id }) => id === person.approver)?.osUser
  const { id, osUser } = requester
  return osUser !== '' && own !== osUser && ![id, `user:${osUser}`].includes(person.approver)
}
