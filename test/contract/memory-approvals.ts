// Approvals in memory: a second implementation that the contract is held against; it has no grants and outlives nothing.
import { type ApprovalRequest, type Approvals, type AskShown, ClonedError } from 'cloned/kernel'
import { TEST_DECIDER } from 'cloned/testing'

interface Kept {
  request: ApprovalRequest
  use?: { callId: string; instance: string; state: 'taken' | 'used' }
}

const same = (a: AskShown, b: AskShown) => a.plugin === b.plugin && a.key === b.key
const covers = (shown: readonly AskShown[], asks: readonly AskShown[]) =>
  asks.every((one) => shown.some((seen) => same(seen, one)))

/** `now` is read at every call. */
export function memoryApprovals(now: () => number, expiresMs: number): Approvals {
  const kept = new Map<string, Kept>()
  const settled = new Map<string, number>()

  /** As it stands now; what was seen as expired stays so. */
  function look(id: string): Kept | undefined {
    const one = kept.get(id)
    if (!one) return undefined
    const { state, expiresAt } = one.request
    if ((state === 'pending' || state === 'approved') && expiresAt <= now())
      one.request = { ...one.request, state: 'expired' }
    return one
  }
  const shown = ({ request, use }: Kept): ApprovalRequest =>
    use ? { ...request, state: 'used', usedBy: use.callId } : request
  const all = () => [...kept.keys()].reverse().flatMap((id) => look(id) ?? [])
  const taken = (callId: string) => all().filter(({ use }) => use?.callId === callId && use.state === 'taken')

  return {
    async match(digest, asks) {
      const found = all().find(
        ({ request, use }) =>
          !use && request.state === 'approved' && request.action.digest === digest && covers(request.asks, asks),
      )
      return found?.request
    },
    async open(action, asks) {
      const like = all().find(
        ({ request }) =>
          request.state === 'pending' &&
          request.action.digest === action.digest &&
          covers(request.asks, asks) &&
          covers(asks, request.asks),
      )
      if (like) return { request: like.request, created: false }
      const at = now()
      const id = `ap_memory${kept.size}`
      const request: ApprovalRequest = { id, state: 'pending', action, asks, createdAt: at, expiresAt: at + expiresMs }
      kept.set(id, { request })
      return { request, created: true }
    },
    async take({ callId, instance }, id, { digest, asks }) {
      const one = look(id)
      const fits = one && one.request.action.digest === digest && covers(one.request.asks, asks)
      if (fits && one.use?.callId === callId && one.use.state === 'taken') return { ok: true, token: id }
      if (!fits || one.use || one.request.state !== 'approved') return { ok: false, reason: 'it cannot be used' }
      one.use = { callId, instance, state: 'taken' }
      return { ok: true, token: id }
    },
    async get(id) {
      const one = look(id)
      return one && shown(one)
    },
    list: async ({ state } = {}) =>
      all()
        .map(shown)
        .filter((request) => state === undefined || request.state === state),
    async decide(id, { verdict, by, proven, reason, signed, edit }) {
      const one = look(id)
      if (!one) throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
      if (one.request.state !== 'pending')
        throw new ClonedError('APPROVAL_UNUSABLE', { approval: id, reason: one.request.state })
      if (signed !== undefined || edit !== undefined)
        throw new ClonedError('APPROVER_REFUSED', { approval: id, reason: 'a plain yes or no is what it takes' })
      const state = verdict === 'approve' ? 'approved' : 'denied'
      one.request = {
        ...one.request,
        state,
        decidedBy: proven ? by : { ...by, osUser: TEST_DECIDER.osUser },
        decidedAt: now(),
        ...(reason === undefined ? {} : { reason }),
      }
      return { request: one.request }
    },
    async settle(callId, how, seq) {
      for (const one of taken(callId)) {
        const { use } = one
        if (!use) continue
        if (seq !== undefined) settled.set(use.instance, Math.max(seq, settled.get(use.instance) ?? 0))
        if (how === 'commit') use.state = 'used'
        else delete one.use
      }
    },
    unsettled: async (instance) =>
      all().flatMap(({ use }) => (use?.instance === instance && use.state === 'taken' ? [use.callId] : [])),
    settledUpTo: async (instance) => settled.get(instance) ?? 0,
    async restore({ callId, instance }, token) {
      const one = kept.get(String(token))
      const given = one && one.request.decidedAt !== undefined && one.request.state !== 'denied'
      if (given && !one.use) one.use = { callId, instance, state: 'taken' }
    },
  }
}
