// Says in `.cloned/api.json` where the API is; the file names no secret, only where it is kept.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { type JsonObject, writeFileAtomic } from 'cloned/kernel'
import type { Workspace } from '../workspace/slot.js'

/** Writes `.cloned/api.json` (0600); answers its path and text. */
export function writeDescription(
  workspace: Pick<Workspace, 'path'>,
  { address, token }: { readonly address: string; readonly token: string },
): { readonly path: string; readonly text: string } {
  const path = workspace.path('api.json')
  const document: JsonObject = { version: 1, address, token_file: token, pid: process.pid }
  const text = `${JSON.stringify(document, null, 2)}\n`
  writeFileAtomic(path, text, { mode: 0o600 })
  return { path, text }
}

/** Removes the description, unless a later server has written its own. */
export function removeDescription({ path, text }: { readonly path: string; readonly text: string }): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) rmSync(path)
}
