// Makes and reads access tokens (RFC 9068, EdDSA); a token is worth nothing without the key of the device that it names.
import type { Scope } from '../api/slot.js'
import type { Keys } from '../keys/slot.js'
import { PURPOSE } from './devices.js'
import { Memo } from './memo.js'
import { unlessRefused } from './proof.js'
import type { Device } from './slot.js'

/** Seconds. */
export const LIFETIME_S = 600

const ISSUER = 'cloned'
const TYPE = 'at+jwt'
const KID = /^[0-9a-f]{16}$/

/** What a token says that was made here and has not expired. The device may have been revoked since. */
export interface Access {
  readonly device: string
  readonly scopes: readonly Scope[]
  readonly thumbprint: string
}

export interface Tokens {
  issue(device: Device): Promise<string>
  read(token: string): Promise<Access | undefined>
}

export interface TokenParts {
  readonly keys: Pick<Keys, 'signer' | 'publicKey'>
  /** Id of the workspace: the audience. */
  readonly workspace: () => string
  readonly now: () => number
}

export function createTokens({ keys, workspace, now }: TokenParts): Tokens {
  // What a token says never changes, and its signature holds as long as it is good. Only such as were good are kept.
  const known = new Memo<{ readonly access: Access; readonly until: number }>(1_000)
  return {
    async issue({ id, scopes, thumbprint }) {
      const { kid, sign } = await keys.signer(PURPOSE)
      const iat = Math.floor(now() / 1000)
      const claims = {
        iss: ISSUER,
        aud: workspace(),
        sub: `device:${id}`,
        scope: scopes.join(' '),
        cnf: { jkt: thumbprint },
        iat,
        exp: iat + LIFETIME_S,
      }
      // By hand: jose signs with keys, and the private half of this one cannot be had.
      const text = [{ alg: 'EdDSA', typ: TYPE, kid }, claims].map(encoded).join('.')
      return `${text}.${sign(Buffer.from(text)).toString('base64url')}`
    },
    async read(token) {
      const before = known.get(token)
      if (before) return now() < before.until ? before.access : undefined
      const { errors, jwtVerify } = await import('jose')
      const verified = await unlessRefused(() =>
        jwtVerify(
          token,
          async ({ kid }) => {
            const key = typeof kid === 'string' && KID.test(kid) ? await keys.publicKey(PURPOSE, kid) : undefined
            if (!key) throw new errors.JWKSNoMatchingKey()
            return key
          },
          {
            algorithms: ['EdDSA'],
            typ: TYPE,
            issuer: ISSUER,
            audience: workspace(),
            requiredClaims: ['sub', 'scope', 'cnf', 'iat', 'exp'],
            currentDate: new Date(now()),
          },
        ),
      )
      if (!verified) return undefined
      const { sub = '', scope, cnf, exp = 0 } = verified.payload
      const { jkt } = (cnf ?? {}) as { readonly jkt?: unknown }
      if (!sub.startsWith('device:') || typeof scope !== 'string' || typeof jkt !== 'string') return undefined
      const access = { device: sub.slice('device:'.length), scopes: scope.split(' ') as Scope[], thumbprint: jkt }
      return known.set(token, { access, until: exp * 1000 }).access
    },
  }
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
