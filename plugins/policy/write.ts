// Carries out an approved policy write; must never overwrite a policy or an edit that the approval was not given for.
import {
  type Action,
  type AuditLog,
  ClonedError,
  describeThrown,
  type Executor,
  fail,
  HandlerError,
  isClonedError,
  type Json,
  type PolicyWrite,
  sha256,
} from 'cloned/kernel'
import { type PackName, parseDocument } from './document.js'
import { evidenceOf } from './evidence.js'
import type { Ledger, Proven } from './ledger.js'
import type { LivePolicy } from './live.js'
import { withMetadata } from './metadata.js'
import { readOverlay } from './overlay.js'

/** Of which workspace. */
export interface WriteParts {
  readonly policy: Pick<LivePolicy, 'put'>
  readonly ledger: Pick<Ledger, 'apply' | 'file' | 'locked' | 'read'>
  readonly audit: Pick<AuditLog, 'find'>
  readonly pack: PackName
  readonly path: string
  readonly name: string
}

const DIGEST = '^[0-9a-f]{64}$'

/** The executor of policy writes. Answers `{ pack, digest, change }` of the overlay in force. */
export function policyWriter(parts: () => WriteParts): Executor<PolicyWrite, Json> {
  return {
    input: {
      type: 'object',
      additionalProperties: false,
      required: ['pack', 'content', 'previous'],
      properties: {
        pack: { type: 'string', description: 'The pack of the workspace.' },
        content: { type: 'string', description: 'The whole new text of the overlay; its change section is replaced.' },
        previous: { type: ['string', 'null'], pattern: DIGEST, description: 'SHA-256 of the overlay in force.' },
      },
    },
    async execute(input, _, action) {
      const present = parts()
      return await present.ledger.locked(() => write(present, input, action))
    },
  }
}

async function write(parts: WriteParts, { pack, content, previous }: PolicyWrite, action: Action): Promise<Json> {
  const { ledger, policy, path, name } = parts
  if (pack !== parts.pack) throw fail(`the policy of this workspace is ${parts.pack}, not ${pack}`)
  const { text, change, intent } = await refused(async () => {
    parseDocument(content, { path: name, pack: parts.pack })
    const standing = await ledger.read()
    if ((standing.state === 'fresh' ? null : standing.overlay) !== previous) {
      throw new ClonedError('POLICY_STALE', { pack, problem: 'another policy write came first' })
    }
    const present = readOverlay(path, name)?.digest
    if (present !== undefined && present !== previous && present !== sha256(content)) {
      throw new ClonedError('POLICY_STALE', { pack, problem: `${name} was edited since it was asked for` })
    }
    const { change, intent } = await evidenceOf(parts.audit, action, previous)
    const text = withMetadata(content, change, name)
    parseDocument(text, { path: name, pack: parts.pack })
    return { text, change, intent }
  })
  const about = { call_id: action.callId, change: change.id, ...(change.approval ? { approval: change.approval } : {}) }
  const proven = await ledger.apply(text, { ...about, previous, from: intent })
  try {
    // After the record, whatever becomes of the file: what is recorded is in force.
    await file(ledger, proven, name)
  } finally {
    policy.put(proven)
  }
  return { pack, digest: proven.overlay, change: change.id }
}

async function file(ledger: Pick<Ledger, 'file'>, proven: Proven, name: string): Promise<void> {
  try {
    await ledger.file(proven)
  } catch (error) {
    throw new HandlerError(`approved and in force, but ${name} could not be written: ${describeThrown(error)}`, {
      effect: 'happened',
      help: 'It is written at the next start: cloned doctor',
    })
  }
}

const REFUSALS: readonly string[] = ['FILE_INVALID', 'POLICY_STALE', 'POLICY_UNAPPROVED']

/** After these nothing was written; after another error nobody knows. */
async function refused<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    if (isClonedError(error) && REFUSALS.includes(error.code)) {
      throw fail(error.message, { code: error.code, help: error.help })
    }
    throw error
  }
}
