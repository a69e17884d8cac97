// Carries out an approved change of the trust store; nothing is written that would not be taken back in.
import { type Executor, fail, isClonedError, type JsonObject } from 'cloned/kernel'
import type { Keys } from '../keys/slot.js'
import { parseDocument, type RootDocument } from './documents.js'
import type { TrustFiles } from './files.js'
import { signDetached } from './jws.js'
import { type TrustChange, type TrustChanged, trustWriteInput } from './kind.js'
import { type PlannedChange, type PlannedDocument, planChange } from './plan.js'
import { localRootKey, type RootSigner, rootKeyFor } from './root-keys.js'
import { mustBeSigned, RECORD, standing, type TrustState, type TrustStates } from './state.js'
import type { StoredDocument, TrustTable } from './table.js'

/** For changes that bring their signatures, or leave the root as it is. */
const NO_KEY = { kid: '', jwk: { kty: 'OKP', crv: 'Ed25519', x: '' } } as const

export interface ExecuteParts {
  readonly states: TrustStates
  readonly table: TrustTable
  readonly files: TrustFiles
  readonly keys: Keys
  readonly now: () => number
}

export function trustExecutor(parts: () => ExecuteParts): Executor<TrustChange, TrustChanged> {
  return {
    input: trustWriteInput,
    async execute(change, ctx, { callId }) {
      const { states, table, files, now } = parts()
      const documents = await refusing(async () => {
        const state = await states.current()
        const signed = await sign(parts(), state, planChange(change, state, now()))
        await table.write(signed, { callId, at: now() })
        return signed
      })
      // After the store: a log that knew of more than the store would close the trust store for good.
      const all = await table.read()
      await ctx.record(RECORD, { documents: standing(all) as JsonObject })
      files.write(documents)
      return { documents: Object.fromEntries(documents.map(({ name, version }) => [name, version])) }
    },
  }
}

async function sign(parts: ExecuteParts, state: TrustState, plan: PlannedChange): Promise<readonly StoredDocument[]> {
  const { keys } = parts
  const old = state.root
  let local: RootSigner | undefined
  const signer = async () => {
    local ??= old ? await localRootKey(keys, old) : await rootKeyFor(keys, 1)
    return local
  }
  // Nothing but a root of this workspace can be rotated here.
  const next = plan.rotates || !old ? await rootKeyFor(keys, (old?.version ?? 0) + 1) : undefined
  if (plan.rotates) await signer()
  const planned = plan.documents(next ?? NO_KEY)
  const signersOf = async ({ type, content, signature }: PlannedDocument): Promise<readonly RootSigner[]> => {
    if (signature !== undefined || content === '') return []
    const newest = next ?? (await signer())
    return type === 'root' && old && next ? [await signer(), newest] : [newest]
  }
  let root = old
  const signed: StoredDocument[] = []
  for (const document of planned) {
    const stored = withSignature(document, await signersOf(document))
    root = await check(stored, document.type, root)
    signed.push(stored)
  }
  return signed
}

function withSignature(document: PlannedDocument, signers: readonly RootSigner[]): StoredDocument {
  const { name, version, content, type } = document
  const signature = signers.reduce<string | undefined>(
    (existing, signer) =>
      signDetached(Buffer.from(content), type, signer, existing === undefined ? undefined : Buffer.from(existing)),
    document.signature,
  )
  return { name, version, content, signature: signature ?? '' }
}

/** Holds a document to the root before it, and a new root to itself besides. Answers the root that counts for the next. */
async function check(
  stored: StoredDocument,
  type: PlannedDocument['type'],
  root: RootDocument | undefined,
): Promise<RootDocument | undefined> {
  if (stored.content === '') return root
  if (type !== 'root') {
    await mustBeSigned(stored, type, root)
    return root
  }
  const next = parseDocument('root', stored.content, 'root')
  await mustBeSigned(stored, 'root', next)
  if (root) await mustBeSigned(stored, 'root', root)
  return next
}

/** Nothing was written yet. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isClonedError(error)) throw error
    throw fail(error.message, { code: error.code, help: error.help })
  }
}

/** What a change comes to, for the person who decides. Throws for one that would not be carried out. */
export async function changeWords(change: TrustChange, state: TrustState, now: number): Promise<string> {
  const { words, documents } = planChange(change, state, now)
  if ('signature' in change)
    for (const document of documents(NO_KEY)) await check(withSignature(document, []), document.type, state.root)
  return `the trust store would change: ${words.join('; ')}`
}
