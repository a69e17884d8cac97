// Reads secrets that somebody else has put into a directory, one file each; it writes nothing and remembers nothing.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describeThrown, readPrivateFile, sha256 } from 'cloned/kernel'
import { isSecretName, normaliseScope, type SecretInfo, type SecretScope } from 'cloned/plugins/vault'

/** A secret as it lies there. */
export interface Mounted {
  readonly info: SecretInfo
  readonly value: Buffer
}

const SCOPES = 'scopes.json'
const NOWHERE: SecretScope = { hosts: [], tools: [], slots: [] }

/**
 * A directory of files of mode 0600, each named like its secret, as service managers and clusters mount them; `scopes.json`
 * beside them says where each may go. A secret that it does not name may go nowhere.
 */
export class MountedSecrets {
  readonly #directory: () => string

  constructor(directory: () => string) {
    this.#directory = directory
  }

  get where(): string {
    return this.#directory()
  }

  /** Throws for a file that others could have read or written. */
  read(name: string): Mounted | undefined {
    const value = isSecretName(name) && name !== SCOPES ? readPrivateFile(join(this.where, name)) : undefined
    if (!value) return undefined
    // Of a part only, so that it tells nobody what the value is.
    const version = sha256(Buffer.concat([Buffer.from('version\0'), value])).slice(0, 8)
    return { info: { name, scope: this.#scope(name), version, state: 'current' }, value }
  }

  names(): readonly string[] {
    return readdirSync(this.where)
      .filter((name) => isSecretName(name) && name !== SCOPES)
      .sort()
  }

  #scope(name: string): SecretScope {
    const text = readPrivateFile(join(this.where, SCOPES))?.toString('utf8') ?? '{}'
    try {
      const scopes = JSON.parse(text) as Record<string, SecretScope>
      const scope = { ...NOWHERE, ...(Object.hasOwn(scopes, name) ? scopes[name] : {}) }
      return Object.values(scope).some(({ length }) => length === 0) ? NOWHERE : normaliseScope(scope)
    } catch (error) {
      throw new Error(`${join(this.where, SCOPES)}: ${describeThrown(error)}`, { cause: error })
    }
  }
}
