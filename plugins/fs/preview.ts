// Shows what a write would change in a file, for the person who is asked; it reads only what the tool itself may reach.
import { HandlerError, type StoredAction } from 'cloned/kernel'
import type { Preview, Previewer } from '../approvals/slot.js'
import type { Root } from './confine.js'
import { readText } from './read.js'

/** The preview of `cloned.internal.fs.write@v1`. */
export function writePreview(root: () => Root): Previewer {
  return {
    kind: 'tool.call',
    target: 'cloned.internal.fs.write@v1',
    async preview({ input }: StoredAction): Promise<Preview | undefined> {
      const { path, content } = input as { path?: unknown; content?: unknown }
      if (typeof path !== 'string' || typeof content !== 'string') return undefined
      const before = await contentOf(root(), path)
      return {
        change: { what: path, before, after: content },
        rollback:
          before === undefined
            ? 'delete the file'
            : 'the present content is not kept: commit or copy it first, to be able to go back',
      }
    },
  }
}

async function contentOf(root: Root, path: string): Promise<string | undefined> {
  try {
    return (await readText(root, path, new AbortController().signal)).content
  } catch (error) {
    if (error instanceof HandlerError && error.code === 'FS_NOT_FOUND') return undefined
    throw error
  }
}
