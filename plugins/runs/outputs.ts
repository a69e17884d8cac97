// Keeps the outputs of steps: small ones with the run, large ones as artifacts; never a part of one for the whole.
import { readFile } from 'node:fs/promises'
import { ClonedError, type Gate, type Json } from 'cloned/kernel'
import type { Artifacts } from '../artifacts/slot.js'
import type { Skills } from '../skills/slot.js'
import { actorOf, keyOf } from './active.js'
import { errorOf } from './errors.js'
import type { Journal } from './journal.js'
import type { RunError } from './slot.js'
import type { Node } from './tables.js'

/** What large outputs are kept with. */
export interface OutputParts {
  readonly journal: Journal
  readonly gate: Gate
  readonly skills: Skills
  readonly artifacts: Pick<Artifacts, 'get'> | undefined
}

/** Larger ones, as JSON text, are kept as artifacts. */
export const INLINE_BYTES = 256 * 1024
const SAVE = 'cloned.internal.artifact.save@v1'

/** Where an output is kept, or why it could not be. */
export async function keepOutput(
  path: string,
  output: Json,
  { journal: { run, hand }, gate, skills }: OutputParts,
): Promise<Pick<Node, 'output' | 'artifact'> | { readonly kind: 'failed'; readonly error: RunError }> {
  const content = JSON.stringify(output)
  if (content.length <= INLINE_BYTES / 4 || Buffer.byteLength(content) <= INLINE_BYTES) return { output }
  // The run itself keeps it, not a step: only this one tool, whatever its pipeline may call. The policy judges it as any.
  const key = keyOf(run.id, path, 'output')
  const constitution = { of: `run ${run.id}, keeping an output`, allowedTools: [SAVE] }
  const held = [{ constitution, at: path, since: run.createdAt }]
  const { release } = skills.hold(key, { run: run.id, pipeline: run.definition.id, step: path, constitutions: held })
  const filename = `${
    path
      .replace(/[^a-z0-9_-]+/g, '-')
      .slice(-60)
      .replace(/^-|-$/g, '') || 'output'
  }.json`
  try {
    const actor = actorOf(run)
    const input = { filename, content, media_type: 'application/json' }
    const saved = await gate.call({ tool: SAVE, input, actor }, { signal: hand.signal, idempotencyKey: key })
    const id = saved.status === 'done' ? (saved.output as { readonly id?: unknown }).id : undefined
    if (typeof id === 'string') return { artifact: id }
    const why = 'reason' in saved && saved.reason ? saved.reason : saved.status
    const bytes = Buffer.byteLength(content)
    return { kind: 'failed', error: errorOf(new ClonedError('RUN_OUTPUT_LARGE', { step: path, bytes, problem: why })) }
  } finally {
    release()
  }
}

/** The output of a step that is done. Throws `RUN_OUTPUT_LOST` when its artifact is not what it was. */
export async function readOutput({ path, output, artifact }: Node, { artifacts }: OutputParts): Promise<Json> {
  if (artifact === undefined) return output ?? null
  const found = await artifacts?.get(artifact)
  if (!found?.intact) throw new ClonedError('RUN_OUTPUT_LOST', { step: path, artifact })
  return JSON.parse(await readFile(found.path, 'utf8')) as Json
}
