// Words and reads the file of one key series; must never take a file for another workspace, purpose or kind.
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'
import { ClonedError, compileSchema, type JsonObject, sha256 } from 'cloned/kernel'
import type { KeyKind, MacKey, SigningKey } from './slot.js'

/** Whose keys they are. */
export interface Series {
  readonly workspace: string
  readonly purpose: string
  readonly kind: KeyKind
}

/** One key of a series. `key` is base64: PKCS #8 of an Ed25519 key, or 32 bytes. */
export interface StoredKey {
  readonly kid: string
  readonly created_at: string
  readonly key: string
}

/** The whole file; the last key is the current one. */
interface KeyFile extends Series {
  readonly version: 1
  readonly keys: readonly StoredKey[]
}

const SCHEMA: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['version', 'workspace', 'purpose', 'kind', 'keys'],
  properties: {
    version: { const: 1 },
    workspace: { type: 'string' },
    purpose: { type: 'string' },
    kind: { enum: ['signer', 'mac'] },
    keys: {
      type: 'array',
      minItems: 1,
      maxItems: 1000,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['kid', 'created_at', 'key'],
        properties: {
          kid: { type: 'string', pattern: '^[0-9a-f]{16}$' },
          created_at: { type: 'string', maxLength: 40 },
          key: { type: 'string', pattern: '^[A-Za-z0-9+/]{40,120}={0,2}$' },
        },
      },
    },
  },
}

/** Throws `FILE_INVALID`; the text of the error never holds a part of the file. */
export function parseSeries(path: string, bytes: Buffer, series: Series): readonly StoredKey[] {
  const invalid = (problem: string) => new ClonedError('FILE_INVALID', { path, line: '', problem })
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    // The parser's own text quotes what it could not read, and this file holds keys.
    throw invalid('it is not JSON')
  }
  const [problem] = compileSchema(SCHEMA)(value)
  if (problem) throw invalid(`${problem.path} is not as it was written`)
  const file = value as KeyFile
  if (file.workspace !== series.workspace || file.purpose !== series.purpose || file.kind !== series.kind) {
    throw invalid(`it is not the ${series.kind} file of ${series.purpose} of workspace ${series.workspace}`)
  }
  for (const stored of file.keys) {
    try {
      const kid = series.kind === 'signer' ? signingKey(stored).kid : macKey(stored).kid
      if (kid !== stored.kid) throw new Error('kid')
    } catch (cause) {
      throw new ClonedError('FILE_INVALID', { path, line: '', problem: `key ${stored.kid} is damaged` }, { cause })
    }
  }
  return file.keys
}

export function formatSeries({ workspace, purpose, kind }: Series, keys: readonly StoredKey[]): string {
  const file: KeyFile = { version: 1, workspace, purpose, kind, keys }
  return `${JSON.stringify(file, null, 2)}\n`
}

export function generate(kind: KeyKind, at: number): StoredKey {
  const created_at = new Date(at).toISOString()
  if (kind === 'mac') {
    return { kid: randomBytes(8).toString('hex'), created_at, key: randomBytes(32).toString('base64') }
  }
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const key = privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64')
  return { kid: kidOf(publicKey), created_at, key }
}

export function signingKey({ key }: StoredKey): SigningKey {
  const privateKey = createPrivateKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'pkcs8' })
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new TypeError('it is no Ed25519 key')
  const publicKey = createPublicKey(privateKey)
  return Object.freeze({ kid: kidOf(publicKey), publicKey, sign: (data: Buffer) => sign(null, data, privateKey) })
}

export function macKey({ kid, key }: StoredKey): MacKey {
  const bytes = Buffer.from(key, 'base64')
  if (bytes.length !== 32) throw new TypeError('it is not 32 bytes')
  const secret = createSecretKey(bytes)
  return Object.freeze({ kid, mac: (data: string | Buffer) => createHmac('sha256', secret).update(data).digest('hex') })
}

function kidOf(publicKey: KeyObject): string {
  const { x = '' } = publicKey.export({ format: 'jwk' })
  return sha256(Buffer.from(x, 'base64url')).slice(0, 16)
}
