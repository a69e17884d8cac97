// Takes the store as it is for the one of the workspace, once that was allowed; must never do so while it is sound.
import { type AuditLog, actionKind, type Executor, fail, type JsonObject } from 'cloned/kernel'
import { examine, type Finding, MARK } from './binding.js'
import type { Identity, IdentityRow } from './identity.js'

/** Both sides as they were shown to whoever allows it; `null` for one that is not there. */
export type StoreAdopt = { readonly held: AdoptSide; readonly recorded: AdoptSide }
type AdoptSide = { readonly store: string; readonly mark: number } | null

/** Goes on with a store that the audit log does not know. Runs in the process that decides. */
export const storeAdopt = actionKind<StoreAdopt, Identity & JsonObject, 'store.adopt'>({
  id: 'store.adopt',
  contract: 1,
  record: 'store',
  onApproval: 'execute',
})

const side: JsonObject = {
  type: ['object', 'null'],
  additionalProperties: false,
  required: ['store', 'mark'],
  properties: { store: { type: 'string', maxLength: 64 }, mark: { type: 'integer', minimum: 0 } },
}

export function storeAdopter(
  identity: IdentityRow,
  audit: Pick<AuditLog, 'latest' | 'append'>,
  now: () => number,
): Executor<StoreAdopt, Identity & JsonObject> {
  return {
    input: {
      type: 'object',
      additionalProperties: false,
      required: ['held', 'recorded'],
      properties: { held: side, recorded: side },
    },
    async execute(input, { callId }) {
      const finding = await examine(identity, audit)
      if (!finding.problem)
        throw fail('the store is the one that the audit log names', { help: 'Nothing is to be done.' })
      const found = adoptInput(finding)
      if (!isSame(found.held, input.held) || !isSame(found.recorded, input.recorded)) {
        throw fail('the store or the log changed since this was asked for', { help: 'Ask again: cloned store adopt' })
      }
      const renewed = await identity.renew()
      // Until this is durable the store stays unusable, and a second adoption ends what a crash cut off.
      await audit.append({
        type: MARK,
        ts: new Date(now()).toISOString(),
        ...renewed,
        call_id: callId,
        adopted: true,
        previous: input.recorded?.store ?? null,
      })
      return { ...renewed }
    },
  }
}

export function adoptInput({ held, recorded }: Finding): StoreAdopt {
  // JSON has no infinity, which stands for the mark of a record that cannot be read.
  const sideOf = (found: Identity | undefined): AdoptSide =>
    found ? { store: found.store.slice(0, 64), mark: Number.isSafeInteger(found.mark) ? found.mark : 0 } : null
  return { held: sideOf(held), recorded: sideOf(recorded) }
}

function isSame(a: AdoptSide, b: AdoptSide): boolean {
  return a?.store === b?.store && a?.mark === b?.mark
}
