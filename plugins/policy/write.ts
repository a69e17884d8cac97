// Carries out an approved policy write; must never overwrite a policy or an edit that the approval was not given for.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  type Action,
  ClonedError,
  describeThrown,
  type Executor,
  fail,
  HandlerError,
  isClonedError,
  type Json,
  type PolicyWrite,
  sha256,
  writeFileAtomic,
} from 'cloned/kernel'
import type { AppliedOverlays } from './applied.js'
import { type PackName, parseDocument } from './document.js'
import type { LivePolicy } from './live.js'
import { readOverlay } from './overlay.js'

/** Of which workspace. */
export interface WriteParts {
  readonly policy: Pick<LivePolicy, 'put'>
  readonly applied: AppliedOverlays
  readonly pack: PackName
  readonly path: string
  readonly name: string
  readonly now: () => number
}

const DIGEST = '^[0-9a-f]{64}$'

/** The executor of policy writes. Answers `{ pack, digest }` of the overlay in force. */
export function policyWriter(parts: () => WriteParts): Executor<PolicyWrite, Json> {
  return {
    input: {
      type: 'object',
      additionalProperties: false,
      required: ['pack', 'content', 'previous'],
      properties: {
        pack: { type: 'string', description: 'The pack of the workspace.' },
        content: { type: 'string', description: 'The whole new text of the overlay.' },
        previous: { type: ['string', 'null'], pattern: DIGEST, description: 'SHA-256 of the overlay in force.' },
      },
    },
    async execute(input, _, action) {
      return await write(parts(), input, action)
    },
  }
}

async function write(parts: WriteParts, { pack, content, previous }: PolicyWrite, { callId }: Action): Promise<Json> {
  const { applied, policy, path, name, now } = parts
  if (pack !== parts.pack) throw fail(`the policy of this workspace is ${parts.pack}, not ${pack}`)
  const replaced = await refused(async () => {
    parseDocument(content, { path: name, pack: parts.pack })
    const present = readOverlay(path, name)?.digest
    if (present !== undefined && present !== previous && present !== sha256(content)) {
      throw new ClonedError('POLICY_STALE', { pack, problem: `${name} was edited since it was asked for` })
    }
    return await applied.replace(parts.pack, previous, content, { callId, at: now() })
  })
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    // After the row and even when the text is the same: its new inode is what tells other processes to read the row.
    writeFileAtomic(path, content)
  } catch (error) {
    throw new HandlerError(`approved and in force, but ${name} could not be written: ${describeThrown(error)}`, {
      effect: 'happened',
      help: 'cloned doctor',
    })
  } finally {
    policy.put(replaced)
  }
  return { pack, digest: replaced.digest }
}

/** After these two nothing was written; after another error nobody knows. */
async function refused<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    if (isClonedError(error) && (error.code === 'FILE_INVALID' || error.code === 'POLICY_STALE')) {
      throw fail(error.message, { code: error.code, help: error.help })
    }
    throw error
  }
}
