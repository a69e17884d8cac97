// Listens on private sockets and says in `.cloned/api.json` where the API is; the file names no secret, only where it is kept.
import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { type JsonObject, privateDirectory, writeFileAtomic } from 'cloned/kernel'
import type { FastifyInstance } from 'fastify'
import type { Workspace } from '../workspace/slot.js'

/** Only the user of this process can connect: the directory of the socket is, or becomes, that user's alone. */
export async function listenOnSocket(app: FastifyInstance, path: string): Promise<string> {
  privateDirectory(dirname(path))
  // What a process that died has left; a living one holds the path and listening fails below.
  if (existsSync(path) && lstatSync(path).isSocket() && !(await answers(path))) rmSync(path)
  await app.listen({ path })
  return `unix:${path}`
}

async function answers(path: string): Promise<boolean> {
  const { connect } = await import('node:net')
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // A living server that is too busy to answer refuses otherwise.
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'))
  })
}

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
