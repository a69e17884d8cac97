// Names the workspace service; interface and token only.
import { slot } from 'cloned/kernel'

/** Content of `.cloned/config.yaml` (schemas/workspace.config.schema.json). */
export interface WorkspaceConfig {
  readonly version: 1
  /** Random id of this workspace, 32 lower-case hex digits. */
  readonly id: string
  /** Chooses the built-in policy pack, and who may decide approvals. */
  readonly type: 'personal' | 'shared' | 'enterprise'
  /** When it was made, ISO 8601 in UTC. */
  readonly created_at?: string
}

/** The open workspace. Every member works from `onStart` on, and throws `WORKSPACE_CLOSED` before. */
export interface Workspace {
  /** Absolute real path of the directory that holds `.cloned`. */
  readonly root: string
  /** Absolute real path of `.cloned`. */
  readonly dir: string
  readonly config: WorkspaceConfig
  /** An absolute path under `.cloned`. The parts must not leave it. */
  path(...parts: string[]): string
}

export const workspaceSlot = slot<Workspace>('cloned.workspace', { contract: 1 })
