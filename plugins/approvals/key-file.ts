// Reads and makes the private key of an approver; a key that an agent in the workspace can reach must never be used.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { chmodSync, closeSync, fsyncSync, openSync, realpathSync, writeSync } from 'node:fs'
import { basename, dirname, join, sep } from 'node:path'
import { ClonedError, describeThrown, rawPublicKey, readPrivateFile } from 'cloned/kernel'

const MAX_BYTES = 16 * 1024

/**
 * The Ed25519 key in a file of mode 0600: PEM (PKCS #8) or JWK. Throws `APPROVER_KEY` when it lies in the workspace or is no
 * such key, `FILE_UNSAFE` when others can reach it.
 */
export function readApproverKey(path: string, workspace: string): KeyObject {
  const refused = (reason: string) => new ClonedError('APPROVER_KEY', { path, reason })
  mustBeOutside(path, workspace)
  const bytes = readPrivateFile(path, { maxBytes: MAX_BYTES })
  if (!bytes) throw refused('there is no such file')
  const text = bytes.toString('utf8')
  bytes.fill(0)
  let key: KeyObject
  try {
    key = text.trimStart().startsWith('{')
      ? createPrivateKey({ key: JSON.parse(text) as Record<string, unknown>, format: 'jwk' })
      : createPrivateKey(text)
  } catch {
    // The parser's own words may quote what it could not read.
    throw refused('it is no private key in PEM or JWK without a passphrase')
  }
  if (key.asymmetricKeyType !== 'ed25519') throw refused('it is no Ed25519 key')
  return key
}

/** Makes a key in a new file (mode 0600) and answers its public half as the policy takes it. Throws `APPROVER_KEY`. */
export function makeApproverKey(path: string, workspace: string | undefined): { publicKey: string; key: KeyObject } {
  const refused = (reason: string) => new ClonedError('APPROVER_KEY', { path, reason })
  if (workspace !== undefined) mustBeOutside(path, workspace)
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' })
  let fd: number
  try {
    fd = openSync(path, 'wx', 0o600)
  } catch (error) {
    const taken = (error as NodeJS.ErrnoException).code === 'EEXIST'
    throw refused(
      taken ? 'there is a file of that name, which is kept' : `it cannot be made (${describeThrown(error)})`,
    )
  }
  try {
    writeSync(fd, String(pem))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  chmodSync(path, 0o600)
  const key = createPublicKey(privateKey)
  return { publicKey: rawPublicKey(key).toString('base64url'), key }
}

/** By the real place of its directory, so that no link leads around it. */
function mustBeOutside(path: string, workspace: string): void {
  const refused = (reason: string) => new ClonedError('APPROVER_KEY', { path, reason })
  let directory: string
  let root: string
  try {
    directory = realpathSync(dirname(path))
    root = realpathSync(workspace)
  } catch (error) {
    throw refused(describeThrown(error))
  }
  const place = join(directory, basename(path))
  if (place === root || place.startsWith(root.endsWith(sep) ? root : root + sep)) {
    throw refused('it lies inside the workspace, where agents can read and write')
  }
}
