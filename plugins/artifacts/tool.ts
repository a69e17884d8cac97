// Publishes the contract of the tool that saves artifacts; a published contract never changes.
import { defineTool, type Tool } from 'cloned/kernel'
import { FILENAME, MAX_FILENAME, MEDIA_TYPE } from './filename.js'
import { refused } from './save.js'
import type { ArtifactManifest, ArtifactSource, Artifacts } from './slot.js'

/** Largest content that fits into one call, bytes. */
export const MAX_CALL_BYTES = 16 * 1024 * 1024
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

interface SaveInput {
  readonly filename: string
  readonly content: string
  readonly encoding?: 'utf8' | 'base64'
  readonly media_type?: string
  readonly sources?: readonly ArtifactSource[]
}

/** Where the content of an artifact lies, from the root of the workspace. */
const placeOf = ({ id, filename }: ArtifactManifest) => `.cloned/artifacts/${id}/content/${filename}`

/** `cloned.internal.artifact.save@v1`. An owner of the slot that keeps contents elsewhere says where. */
export function saveTool(save: Artifacts['save'], pathOf: (saved: ArtifactManifest) => string = placeOf): Tool {
  return defineTool<SaveInput>({
    id: 'cloned.internal.artifact.save@v1',
    title: 'Save an artifact',
    description:
      'Keeps a text or bytes under .cloned/artifacts with a signed manifest that says where it came from; at most 16 MiB.',
    input: {
      type: 'object',
      properties: {
        filename: { type: 'string', minLength: 1, maxLength: MAX_FILENAME, pattern: FILENAME },
        content: { type: 'string', maxLength: MAX_CALL_BYTES },
        encoding: { enum: ['utf8', 'base64'], description: 'How `content` stands for bytes. Default: utf8.' },
        media_type: { type: 'string', maxLength: 127, pattern: MEDIA_TYPE, description: 'Default: by the file name.' },
        sources: {
          type: 'array',
          maxItems: 1000,
          description: 'What the content was made from, in the word of the caller.',
          items: {
            type: 'object',
            properties: {
              uri: { type: 'string', maxLength: 2000, pattern: '^(?!cloned:)[a-z][a-z0-9+.-]*:[^\\s]+$' },
              sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' },
            },
            required: ['uri', 'sha256'],
            additionalProperties: false,
          },
        },
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
    async handler({ filename, content, encoding = 'utf8', media_type: mediaType, sources }, ctx) {
      if (encoding === 'base64' && !BASE64.test(content)) throw refused('its content is not base64')
      const bytes = Buffer.from(content, encoding)
      if (bytes.byteLength > MAX_CALL_BYTES) throw refused(`it has ${bytes.byteLength} bytes`)
      const saved = await save({ filename, content: bytes, mediaType, sources }, ctx)
      const { id, media_type, size, sha256 } = saved
      return { id, path: pathOf(saved), filename, media_type, size, sha256 }
    },
  })
}
