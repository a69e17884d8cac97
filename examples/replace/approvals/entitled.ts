// Decides whether somebody's word on a request counts; a name that is only claimed must never count.
import { type Actor, ClonedError, compilePattern, type Decision, toolCall } from 'cloned/kernel'
import type { PolicySnapshot } from 'cloned/plugins/policy'
import type { Opened } from './ledger.js'

/** Who decides, by the operating-system user that was authenticated. Throws `APPROVER_REFUSED`. */
export function entitled(
  { selfDecision, approvers, rules }: PolicySnapshot['approvals'],
  { id, action }: Opened,
  { by, signed, edit, grant }: Decision,
  osUser: string,
): Actor {
  const refuse = (reason: string) => new ClonedError('APPROVER_REFUSED', { approval: id, reason })
  // What these approvals cannot keep they must not accept.
  if (signed !== undefined || edit !== undefined || grant) throw refuse('only a plain yes or no is taken here')
  const requester = action.actor.osUser
  if (!selfDecision && (osUser === '' || requester === '' || osUser === requester))
    throw refuse('another operating-system user than the requester has to decide')
  const approver = approvers.find((one) => osUser !== '' && one.osUser === osUser)
  if (approvers.length > 0 && !approver) throw refuse(`the policy does not list OS user ${osUser || 'unknown'}`)
  const named = rules.find(({ tools, actions }) =>
    action.kind === toolCall.id
      ? tools.some((pattern) => compilePattern(pattern)(action.target))
      : actions.includes(action.kind),
  )
  const { n = 1, role } = named?.quorum ?? {}
  if (n > 1) throw refuse(`${n} people have to agree, and only one can here`)
  if (role !== undefined && !approver?.roles.includes(role)) throw refuse(`it takes somebody with the role ${role}`)
  return approver ? { id: approver.id, claimed: false, osUser } : { ...by, osUser }
}
