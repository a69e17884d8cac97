// Names the workspace service; interface and token only.
import { type JsonObject, slot } from 'cloned/kernel'

/** Content of `.cloned/config.yaml` (schemas/workspace.config.schema.json). */
export interface WorkspaceConfig {
  readonly version: 1
  /** Random id of this workspace, 32 lower-case hex digits. */
  readonly id: string
  /** Chooses the built-in policy pack, and who may decide approvals. */
  readonly type: 'personal' | 'shared' | 'enterprise'
  /** When it was made, ISO 8601 in UTC. */
  readonly created_at?: string
  /** Where the secrets are kept, if not in the vault's own file. The vault uses it only as a person has adopted it. */
  readonly vault?: {
    readonly provider: string
    /** The provider's own configuration. */
    readonly config?: JsonObject
    /** Where each secret may go, for providers that keep no scopes. */
    readonly secrets?: Readonly<
      Record<
        string,
        { readonly hosts: readonly string[]; readonly tools: readonly string[]; readonly slots: readonly string[] }
      >
    >
  }
}

/** The open workspace. Every member works from `onStart` on, and throws `WORKSPACE_CLOSED` before. */
export interface Workspace {
  /** Absolute real path of the directory that holds `.cloned`. */
  readonly root: string
  /** Absolute real path of `.cloned`. */
  readonly dir: string
  readonly config: WorkspaceConfig
  /** How it was found: its place was said, it is the nearest one upward, or it is the one in the home directory. */
  readonly found: 'named' | 'above' | 'default'
  /** An absolute path under `.cloned`. The parts must not leave it. */
  path(...parts: string[]): string
}

export const workspaceSlot = slot<Workspace>('cloned.workspace', { contract: 1 })
