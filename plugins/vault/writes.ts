// Asks the gate for changes of the vault; the value goes beside the request, sealed, and never into it.
import type { Gate, JsonObject, Outcome } from 'cloned/kernel'
import { type VaultWrite, type VaultWriteDone, vaultWrite } from './kind.js'
import { assertName, normaliseScope } from './scope.js'
import type { Sealer } from './seal.js'
import type { SecretScope, Vault, VaultWriteOptions } from './slot.js'
import { assertValue } from './value.js'

export interface WriteParts {
  readonly gate: Pick<Gate, 'act'>
  readonly sealer: Sealer
  readonly chosen: () => string
}

type Asked = Omit<VaultWrite, 'provider' | 'sealed'>

/** The changes that {@link Vault} offers, and the one way to ask for any other. */
export interface Writes extends Pick<Vault, 'put' | 'rotate' | 'disable' | 'remove'> {
  ask(asked: Asked, about: JsonObject, options?: VaultWriteOptions, secret?: Buffer): Promise<Outcome<VaultWriteDone>>
}

export function createWrites({ gate, sealer, chosen }: WriteParts): Writes {
  const ask: Writes['ask'] = async (asked, about, { actor, dryRun = false } = {}, secret) => {
    try {
      const write: VaultWrite = { ...asked, provider: chosen() }
      const sealed = secret && !dryRun ? await sealer.seal(write, secret) : undefined
      const input = sealed === undefined ? write : { ...write, sealed }
      const target = asked.name === '' ? 'vault' : asked.name
      const request = { target, input, about, ...(actor === undefined ? {} : { actor }) }
      const outcome = await gate.act(vaultWrite, request, { dryRun })
      // The one that waits keeps its value; whoever runs has discarded it.
      if (sealed !== undefined && outcome.status !== 'pending') sealer.discard(sealed)
      return outcome
    } finally {
      secret?.fill(0)
    }
  }
  const simple = (op: VaultWrite['op'], word: string) => async (name: string, options?: VaultWriteOptions) => {
    assertName(name)
    return await ask({ op, name }, { title: `${word} the secret ${name}` }, options)
  }
  const store = async (
    op: 'set' | 'rotate',
    name: string,
    value: Buffer,
    scope: SecretScope | undefined,
    options?: VaultWriteOptions,
  ) => {
    try {
      assertName(name)
      assertValue(name, value)
      const where = scope && normaliseScope(scope)
      const title = op === 'set' ? `Store the secret ${name}` : `Give the secret ${name} a new value`
      const about = { title, ...(where ? { scope: { ...where } } : {}) }
      return await ask({ op, name, ...(where ? { scope: where } : {}) }, about, options, value)
    } finally {
      value.fill(0)
    }
  }
  return {
    ask,
    put: (name, value, scope, options) => store('set', name, value, scope, options),
    rotate: (name, value, options) => store('rotate', name, value, undefined, options),
    disable: simple('disable', 'Disable'),
    remove: simple('remove', 'Remove'),
  }
}
