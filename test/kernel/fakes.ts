// Fakes in memory of what the kernel calls: approvals, a reserve and instances. They keep state and nothing survives them.
import type {
  ApprovalRequest,
  Approvals,
  AskShown,
  DeadInstance,
  Instances,
  Json,
  Reserve,
  TakeRef,
  Taker,
} from 'cloned/kernel'

/** What a fake taker remembers of one call. */
export interface FakeTake {
  readonly instance: string
  readonly token: Json
  state: 'taken' | 'commit' | 'release'
  seq: number
}

/** A fake taker; `takes` is its whole state. */
export interface FakeTaker extends Taker {
  readonly takes: Map<string, FakeTake>
  add(ref: TakeRef, token: Json): Json
}

export function fakeTaker(): FakeTaker {
  const takes = new Map<string, FakeTake>()
  const add = ({ callId, instance }: TakeRef, token: Json): Json => {
    const known = takes.get(callId)
    if (known?.state !== 'release' && known) return known.token
    takes.set(callId, { instance, token, state: 'taken', seq: 0 })
    return token
  }
  return {
    takes,
    add,
    async settle(callId, how, seq = 0) {
      const take = takes.get(callId)
      if (take?.state === 'taken') Object.assign(take, { state: how, seq })
    },
    unsettled: async (instance) =>
      [...takes].filter(([, take]) => take.instance === instance && take.state === 'taken').map(([id]) => id),
    settledUpTo: async (instance) =>
      Math.max(0, ...[...takes.values()].filter((take) => take.instance === instance).map(({ seq }) => seq)),
    async restore(ref, token) {
      if (!takes.has(ref.callId)) add(ref, token)
    },
  }
}

/** A fake reserve that takes one of `limit`. */
export function fakeReserve(limit = Number.POSITIVE_INFINITY): Reserve & FakeTaker {
  const taker = fakeTaker()
  const full = () => [...taker.takes.values()].filter(({ state }) => state !== 'release').length >= limit
  const answer = (take: () => Json) =>
    full() ? { ok: false as const, reason: 'nothing is left' } : { ok: true as const, token: take() }
  return {
    ...taker,
    peek: async () => answer(() => 1),
    take: async (ref) => answer(() => taker.add(ref, 1)),
  }
}

/** Fake approvals without expiry; `decided` hears of every decision. */
export function fakeApprovals(decided: (request: ApprovalRequest) => void = () => undefined): Approvals & FakeTaker {
  const taker = fakeTaker()
  const requests = new Map<string, ApprovalRequest>()
  const user = (id: string) => [...taker.takes].find(([, { token, state }]) => token === id && state !== 'release')?.[0]
  const covers = ({ asks }: ApprovalRequest, wanted: readonly AskShown[]) =>
    wanted.every(({ plugin, key }) => asks.some((seen) => seen.plugin === plugin && seen.key === key))
  const find = (digest: string, state: ApprovalRequest['state'], asks: readonly AskShown[]) =>
    [...requests.values()].find(
      (request) =>
        request.action.digest === digest && request.state === state && !user(request.id) && covers(request, asks),
    )
  return {
    ...taker,
    match: async (digest, asks) => find(digest, 'approved', asks),
    async open(action, asks) {
      const known = find(action.digest, 'pending', asks)
      if (known) return { request: known, created: false }
      const id = `ap_${requests.size + 1}`
      const request: ApprovalRequest = {
        id,
        state: 'pending',
        action,
        asks,
        createdAt: 0,
        expiresAt: Number.MAX_SAFE_INTEGER,
      }
      requests.set(id, request)
      return { request, created: true }
    },
    async take(ref, id) {
      if (requests.get(id)?.state !== 'approved' || (user(id) ?? ref.callId) !== ref.callId) {
        return { ok: false, reason: 'it is used' }
      }
      return { ok: true, token: taker.add(ref, id) }
    },
    get: async (id) => requests.get(id),
    list: async () => [...requests.values()].reverse(),
    async decide(id, { verdict, by }) {
      const request = requests.get(id)
      if (request?.state !== 'pending') throw new Error(`${id} is not pending`)
      const state = verdict === 'approve' ? 'approved' : 'denied'
      const next: ApprovalRequest = { ...request, state, decidedBy: by }
      requests.set(id, next)
      decided(next)
      return { request: next }
    },
  }
}

/** Fake instances: the dead ones are listed, and what became of each is kept. */
export function fakeInstances(
  dead: readonly string[] = [],
): Instances & { ends: Map<string, 'forgotten' | 'released'> } {
  const ends = new Map<string, 'forgotten' | 'released'>()
  let entered = 0
  const deadInstance = (id: string): DeadInstance => ({
    id,
    forget: async () => void ends.set(id, 'forgotten'),
    release: async () => void ends.set(id, 'released'),
  })
  return {
    ends,
    enter: async () => ({ id: `living-${++entered}`, leave: async () => undefined }),
    dead: async () => dead.filter((id) => ends.get(id) !== 'forgotten').map(deadInstance),
  }
}
