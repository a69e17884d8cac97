// Publishes the contracts of the file tools; a published contract never changes, a new one gets a new version.
import { defineTool, type Tool } from 'cloned/kernel'
import type { Root } from './confine.js'
import { type ListAnswer, listEntries, MAX_ENTRIES } from './list.js'
import { MAX_FILE_BYTES, type ReadAnswer, readText } from './read.js'
import { type WriteAnswer, writeText } from './write.js'

const path = {
  type: 'string',
  minLength: 1,
  maxLength: 4096,
  description: 'Relative to the workspace root, with "/".',
} as const
const size = { type: 'integer', minimum: 0, description: 'Bytes.' } as const
const sha256 = { type: 'string', pattern: '^[0-9a-f]{64}$' } as const

/** The file tools over one root, which is read on every call: it is known from `onStart` on. */
export function fileTools(root: () => Root): readonly Tool[] {
  return [listTool(root), readTool(root), writeTool(root)]
}

const listTool = (root: () => Root) =>
  defineTool<{ path: string; glob?: string }, ListAnswer>({
    id: 'cloned.internal.fs.list@v1',
    title: 'List files',
    description: `Lists a directory of the workspace, or with "glob" everything below it that matches; at most ${MAX_ENTRIES} entries.`,
    input: {
      type: 'object',
      properties: {
        path,
        glob: {
          type: 'string',
          minLength: 1,
          maxLength: 256,
          description: 'Matched against paths relative to "path": "*" and "?" within a name, "**" across directories.',
        },
      },
      required: ['path'],
      additionalProperties: false,
    },
    output: {
      type: 'object',
      properties: {
        path: { type: 'string' },
        entries: {
          type: 'array',
          items: {
            type: 'object',
            properties: { path: { type: 'string' }, kind: { enum: ['file', 'directory', 'symlink', 'other'] }, size },
            required: ['path', 'kind', 'size'],
            additionalProperties: false,
          },
        },
        truncated: { type: 'boolean' },
        unreadable: { type: 'array', items: { type: 'string' } },
      },
      required: ['path', 'entries', 'truncated', 'unreadable'],
      additionalProperties: false,
    },
    risk: 'low',
    capability: 'fs.read',
    idempotent: true,
    handler: (input, ctx) => listEntries(root(), input.path, input.glob, ctx.signal),
  })

const readTool = (root: () => Root) =>
  defineTool<{ path: string }, ReadAnswer>({
    id: 'cloned.internal.fs.read@v1',
    title: 'Read a file',
    description: `Reads a UTF-8 text file of the workspace, at most ${MAX_FILE_BYTES} bytes.`,
    input: { type: 'object', properties: { path }, required: ['path'], additionalProperties: false },
    output: {
      type: 'object',
      properties: { path: { type: 'string' }, content: { type: 'string' }, size, sha256 },
      required: ['path', 'content', 'size', 'sha256'],
      additionalProperties: false,
    },
    risk: 'low',
    capability: 'fs.read',
    idempotent: true,
    handler: (input, ctx) => readText(root(), input.path, ctx.signal),
  })

const writeTool = (root: () => Root) =>
  defineTool<{ path: string; content: string }, WriteAnswer>({
    id: 'cloned.internal.fs.write@v1',
    title: 'Write a file',
    description: `Creates or replaces a text file of the workspace in one step, at most ${MAX_FILE_BYTES} bytes; makes missing directories.`,
    input: {
      type: 'object',
      properties: { path, content: { type: 'string', maxLength: MAX_FILE_BYTES } },
      required: ['path', 'content'],
      additionalProperties: false,
    },
    output: {
      type: 'object',
      properties: { path: { type: 'string' }, size, sha256, created: { type: 'boolean' } },
      required: ['path', 'size', 'sha256', 'created'],
      additionalProperties: false,
    },
    risk: 'high',
    capability: 'fs.write',
    idempotent: true,
    handler: (input, ctx) => writeText(root(), input.path, input.content, ctx.signal),
  })
