// States the configuration of the audit plugin and makes its parts from it; nothing else may name where the log goes.
import { ClonedError, type Contribution, configSchema } from 'cloned/kernel'
import { commandAnchor, fileAnchor } from './anchor-kinds.js'
import type { ConfiguredAnchor } from './anchors.js'
import type { WriterThread } from './log.js'
import type { Anchor } from './slot.js'

export interface AnchorConfig {
  readonly id: string
  readonly type: 'file' | 'command' | 'plugin'
  readonly path?: string
  readonly command?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly every_s: number
  readonly required: boolean
  readonly max_age_s: number
}

export interface AuditConfig {
  readonly thread?: WriterThread
  readonly rotate: { readonly max_mib: number; readonly max_age_days: number }
  readonly heartbeat_s: number
  readonly space: { readonly warn_mib: number; readonly refuse_mib: number }
  readonly anchors: readonly AnchorConfig[]
}

export const auditConfig = configSchema<AuditConfig>({
  type: 'object',
  additionalProperties: false,
  properties: {
    thread: {
      enum: ['auto', 'worker', 'inline'],
      description:
        'Where records are written; inline blocks the process on syncs, auto (default) on those of a fast disk.',
    },
    rotate: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'When the file that is written is closed and the next one begun.',
      properties: {
        max_mib: { type: 'number', minimum: 1, maximum: 65_536, default: 64 },
        max_age_days: { type: 'number', minimum: 0, maximum: 36_500, default: 0, description: '0 for no limit.' },
      },
    },
    heartbeat_s: {
      type: 'number',
      minimum: 0,
      maximum: 86_400,
      default: 0,
      description: 'Idle seconds after which the log says that its writer is still there; 0 for never.',
    },
    space: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description: 'Free disk space below which the doctor warns, and below which nothing more is run.',
      properties: {
        warn_mib: { type: 'number', minimum: 0, default: 256 },
        refuse_mib: { type: 'number', minimum: 0, default: 16 },
      },
    },
    anchors: {
      type: 'array',
      maxItems: 16,
      default: [],
      description: 'Places outside of the workspace that get the signed checkpoints of the log.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['id', 'type'],
        properties: {
          id: { type: 'string', pattern: '^[a-z][a-z0-9-]{0,31}$' },
          type: { enum: ['file', 'command', 'plugin'] },
          path: { type: 'string', minLength: 1, maxLength: 4096, description: 'Absolute path of a file.' },
          command: {
            type: 'array',
            minItems: 1,
            maxItems: 64,
            items: { type: 'string', maxLength: 4096 },
            description: 'Program by absolute path and its arguments; gets the note on standard input.',
          },
          env: { type: 'object', additionalProperties: { type: 'string' }, description: 'Its whole environment.' },
          every_s: { type: 'number', minimum: 1, default: 60, description: 'At most this often, seconds.' },
          required: {
            type: 'boolean',
            default: false,
            description: 'Nothing runs when its last checkpoint is too old.',
          },
          max_age_s: { type: 'number', minimum: 1, default: 3600, description: 'What is too old, seconds.' },
        },
      },
    },
  },
})

/** The anchors that the configuration names. Throws `AUDIT_ANCHOR_INVALID`. */
export function configuredAnchors(
  config: readonly AnchorConfig[],
  contributed: readonly Contribution<Anchor>[],
  place: { readonly root: string; readonly now: () => number },
): readonly ConfiguredAnchor[] {
  return config.map((entry, i) => {
    if (config.findIndex(({ id }) => id === entry.id) < i) throw invalid(entry.id, 'another anchor has the same id')
    const limit = entry.required ? { maxAgeMs: entry.max_age_s * 1_000 } : {}
    return { anchor: anchorOf(entry, contributed, place), everyMs: entry.every_s * 1_000, ...limit }
  })
}

function anchorOf(
  { id, type, path, command, env = {} }: AnchorConfig,
  contributed: readonly Contribution<Anchor>[],
  place: { readonly root: string; readonly now: () => number },
): Anchor {
  if (type === 'file') {
    if (path === undefined) throw invalid(id, 'it has no path')
    return fileAnchor(id, path, place)
  }
  if (type === 'command') {
    if (command === undefined) throw invalid(id, 'it has no command')
    return commandAnchor(id, command, { root: place.root, env })
  }
  const found = contributed.find(({ item }) => item.id === id)
  if (!found) throw invalid(id, 'no plugin contributes an anchor of that id')
  return found.item
}

function invalid(anchor: string, problem: string): ClonedError {
  return new ClonedError('AUDIT_ANCHOR_INVALID', { anchor, problem })
}
