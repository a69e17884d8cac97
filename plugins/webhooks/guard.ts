// Votes on where events may be sent: an egress rule of the policy has to allow it before anybody is asked.
import { type Action, type Ask, ClonedError, type Deny, deny } from 'cloned/kernel'
import type { Firewall } from '../firewall/slot.js'
import { toolOfWebhook, type WebhookAdd, webhookAdd } from './kinds.js'

const LOOPBACK = /^(127(\.\d{1,3}){3}|\[::1\])$/

export function judgeTarget(firewall: Pick<Firewall, 'explain' | 'read'>, action: Action): Deny | Ask | undefined {
  if (action.kind !== webhookAdd.id) return undefined
  const { name, url } = action.input as WebhookAdd
  const target = firewall.read(url)
  if ('scheme' in target && target.scheme === 'http' && !LOOPBACK.test(target.host))
    return refusal(name, 'its URL is not https', 'Write it with https; http is for loopback addresses alone.')
  const { decision, next } = firewall.explain({ tool: toolOfWebhook(name) }, 'POST', url)
  return decision.allowed ? undefined : refusal(name, decision.reason, next)
}

function refusal(name: string, problem: string, next: string): Deny {
  const { code, message, help } = new ClonedError('WEBHOOK_REFUSED', { name, problem, next })
  return deny(message, { code, help })
}
