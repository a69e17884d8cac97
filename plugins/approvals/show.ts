// Shows one request with what it would change, as the world is now; a preview that fails is said, and never hides the request.
import {
  type ApprovalRequest,
  type Approvals,
  ClonedError,
  describeThrown,
  type Json,
  type JsonObject,
} from 'cloned/kernel'
import type { CommandContext, CommandResult } from '../cli/slot.js'
import { diff } from './diff.js'
import { requestJson } from './documents.js'
import { hostsIn } from './grant-terms.js'
import { renderRequest } from './render.js'
import type { Preview, Previewer } from './slot.js'

const PREVIEW_MS = 3_000
const MAX_LINES = 400

export interface ShowParts {
  readonly approvals: Pick<Approvals, 'get'>
  readonly previews: () => readonly Previewer[]
  /** Takes secrets out of what is shown. */
  readonly scrub: (value: Json) => Json
}

export const ID = {
  name: 'id',
  description: 'Id of the approval, as `cloned approvals list` shows it',
  required: true,
} as const

/** The request that was typed. Throws `APPROVAL_UNKNOWN`. */
export async function findRequest({ approvals }: ShowParts, ctx: CommandContext): Promise<ApprovalRequest> {
  const id = ctx.args['id'] ?? ''
  const request = await approvals.get(id)
  if (!request) throw new ClonedError('APPROVAL_UNKNOWN', { approval: id })
  return request
}

/** All of it: as a document, and as lines for a person. */
export async function show(parts: ShowParts, request: ApprovalRequest, ctx: CommandContext): Promise<CommandResult> {
  const preview = request.state === 'pending' ? await previewOf(parts.previews(), request) : {}
  const change = 'change' in preview && preview.change ? changeOf(preview.change) : undefined
  const problem = 'problem' in preview ? preview.problem : undefined
  const hosts = hostsIn(request.action.input)
  const shown = {
    ...(hosts.length === 0 ? {} : { hosts }),
    ...(change ? { change } : {}),
    ...('rollback' in preview && preview.rollback !== undefined ? { rollback: preview.rollback } : {}),
    ...(problem === undefined ? {} : { preview_problem: problem }),
  } as JsonObject
  const scrubbed = parts.scrub({ ...requestJson(request), ...shown }) as JsonObject
  const text = renderRequest(
    { ...request, action: { ...request.action, input: scrubbed['input'] ?? null } },
    scrubbed,
    ctx,
  )
  return { json: scrubbed, text }
}

async function previewOf(
  previews: readonly Previewer[],
  { action }: ApprovalRequest,
): Promise<Preview | { readonly problem: string }> {
  const previewer = previews.find(
    ({ kind, target }) => kind === action.kind && (target ?? action.target) === action.target,
  )
  if (!previewer) return {}
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no preview within ${PREVIEW_MS} ms`)), PREVIEW_MS)
  })
  try {
    return (await Promise.race([previewer.preview(action), late])) ?? {}
  } catch (error) {
    return { problem: describeThrown(error) }
  } finally {
    clearTimeout(timer)
  }
}

function changeOf({ what, before, after }: NonNullable<Preview['change']>): JsonObject {
  const lines = diff(before, after)
  const shown = lines.slice(0, MAX_LINES)
  const more = lines.length - shown.length
  return { what, new: before === undefined, diff: more > 0 ? [...shown, `(${more} more lines)`] : shown }
}
