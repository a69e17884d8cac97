// Publishes the contract of the tool that saves artifacts; a published contract never changes.
import { type Actor, defineTool, type JsonObject, type Tool } from 'cloned/kernel'
import { FILENAME, MAX_FILENAME, MEDIA_TYPE } from './filename.js'
import { MAX_ARTIFACT_BYTES, saveArtifact, unsaved } from './save.js'

interface ToolDeps {
  /** Absolute path of `.cloned/artifacts`. */
  readonly directory: () => string
  /** What is known of the call; a throw fails the save. */
  readonly provenance: (call: { readonly callId: string; readonly actor: Actor }) => JsonObject
  readonly now: () => number
}

interface SaveInput {
  readonly filename: string
  readonly content: string
  readonly media_type?: string
}

/** `cloned.internal.artifact.save@v1`. */
export function saveTool({ directory, provenance, now }: ToolDeps): Tool {
  return defineTool<SaveInput>({
    id: 'cloned.internal.artifact.save@v1',
    title: 'Save an artifact',
    description: 'Keeps a text under .cloned/artifacts with a manifest that says where it came from; at most 16 MiB.',
    input: {
      type: 'object',
      properties: {
        filename: { type: 'string', minLength: 1, maxLength: MAX_FILENAME, pattern: FILENAME },
        content: { type: 'string', maxLength: MAX_ARTIFACT_BYTES },
        media_type: { type: 'string', maxLength: 127, pattern: MEDIA_TYPE, description: 'Default: by the file name.' },
      },
      required: ['filename', 'content'],
      additionalProperties: false,
    },
    output: {
      type: 'object',
      properties: {
        id: { type: 'string' },
        path: { type: 'string', description: 'Of the content, relative to the workspace root.' },
        filename: { type: 'string' },
        media_type: { type: 'string' },
        size: { type: 'integer', minimum: 0 },
        sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
      },
      required: ['id', 'path', 'filename', 'media_type', 'size', 'sha256'],
      additionalProperties: false,
    },
    risk: 'low',
    capability: 'artifact.write',
    async handler(input, { callId, actor }) {
      let known: JsonObject
      try {
        known = provenance({ callId, actor })
      } catch (error) {
        throw unsaved(error, 'none')
      }
      const { id, filename, media_type, size, sha256 } = await saveArtifact(
        directory(),
        {
          filename: input.filename,
          content: input.content,
          mediaType: input.media_type,
          callId,
          createdBy: actor.id,
          provenance: known,
        },
        now,
      )
      return { id, path: `.cloned/artifacts/${id}/content/${filename}`, filename, media_type, size, sha256 }
    },
  })
}
