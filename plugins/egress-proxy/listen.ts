// Makes the places where a door listens: a socket that only this user reaches, or a port of the loopback; nothing else.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { privateDirectory } from 'cloned/kernel'

/** Where a socket is, and how to take its directory away. */
export interface SocketPlace {
  readonly path: string
  remove(): void
}

/** sun_path of the systems with the shortest one; a longer path would be cut off in silence and lie elsewhere. */
const MAX_PATH_BYTES = 103

/** Listens on a socket in a directory of its own. Throws when its path would be too long. */
export async function listenOnSocket(server: Server): Promise<SocketPlace> {
  const directory = mkdtempSync(join(tmpdir(), 'cloned-'))
  const remove = () => rmSync(directory, { recursive: true, force: true })
  try {
    privateDirectory(directory)
    const path = join(directory, 'egress')
    if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw new Error(`the path of its socket is too long: ${path}`)
    await listening(server, () => server.listen(path))
    // Until here the directory alone kept others out.
    chmodSync(path, 0o600)
    return { path, remove }
  } catch (error) {
    server.close()
    remove()
    throw error
  }
}

/** Listens on a port that the system chooses. */
export async function listenOnPort(server: Server): Promise<number> {
  await listening(server, () => server.listen(0, '127.0.0.1'))
  return (server.address() as AddressInfo).port
}

function listening(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.off('error', reject)
      resolve()
    })
    start()
  })
}
