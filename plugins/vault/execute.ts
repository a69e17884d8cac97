// Carries out a vault write that was let through; must never do it to another provider than the one it was judged for.
import {
  ClonedError,
  canonical,
  type Executor,
  fail,
  type HandlerContext,
  isClonedError,
  type Json,
  sha256,
} from 'cloned/kernel'
import type { Adoption } from './adoption.js'
import { type VaultWrite, type VaultWriteDone, vaultWriteInput } from './kind.js'
import type { OpenedProvider } from './resolve.js'
import type { Sealer } from './seal.js'
import type { RecordWrite, VaultWritten } from './slot.js'

export interface ExecuteParts {
  readonly provider: () => Promise<OpenedProvider>
  /** The vault section of the workspace's configuration, and the provider it names. */
  readonly section: () => Json | undefined
  readonly chosen: () => string
  readonly sealer: Sealer
  readonly adoption: Adoption
  /** Hears of the end of every write, however it ended. */
  readonly changed: () => void
}

export function vaultExecutor(parts: ExecuteParts): Executor<VaultWrite, VaultWriteDone> {
  return {
    input: vaultWriteInput,
    async execute(input, ctx) {
      let value: Buffer | undefined
      try {
        if (input.provider !== parts.chosen()) {
          throw new ClonedError('VAULT_UNSUPPORTED', {
            provider: parts.chosen(),
            what: `take a write for ${input.provider}`,
          })
        }
        value = input.sealed === undefined ? undefined : await parts.sealer.unseal(input.sealed, input)
        return input.op === 'adopt' ? await adopt(parts, input, ctx) : await run(parts, input, value, ctx)
      } catch (error) {
        // What the vault and its providers refuse on purpose, they refuse before they write.
        if (isClonedError(error) && error.code !== 'AUDIT_UNWRITABLE') {
          throw fail(error.message, { code: error.code, help: error.help })
        }
        throw error
      } finally {
        parts.changed()
        // Only a write that could open it may throw it away: another may have named what it has no part in.
        if (value && input.sealed !== undefined) parts.sealer.discard(input.sealed)
        value?.fill(0)
      }
    },
  }
}

async function adopt(parts: ExecuteParts, input: VaultWrite, ctx: HandlerContext): Promise<VaultWriteDone> {
  const section = parts.section() ?? null
  if (sha256(canonical(section)) !== input.digest) {
    throw new ClonedError('VAULT_CONFIG_INVALID', { problems: 'it was edited since its adoption was asked for' })
  }
  await parts.adoption.adopt(section)
  await ctx.record('vault.adopt', { provider: input.provider, digest: input.digest })
  return { name: input.name }
}

async function run(
  parts: ExecuteParts,
  input: VaultWrite,
  value: Buffer | undefined,
  ctx: HandlerContext,
): Promise<VaultWriteDone> {
  const { provider, name: providerName } = await parts.provider()
  const { op, name } = input
  let written: VaultWritten | undefined
  const record: RecordWrite = async (done) => {
    written = done
    // Writes that count generations have a type of their own: the last of them is what the file is held against.
    const type = done.generation === undefined ? 'vault.remote_write' : 'vault.write'
    await ctx.record(type, { op, provider: providerName, ...done })
  }
  const unsupported = (what: string) => new ClonedError('VAULT_UNSUPPORTED', { provider: providerName, what })
  const given = (): Buffer => {
    if (!value) throw new ClonedError('VAULT_SEAL_GONE', { name })
    return value
  }
  switch (op) {
    case 'set':
    case 'rotate':
      if (!provider.put) throw unsupported('be written to')
      await provider.put(name, given(), op === 'set' ? input.scope : undefined, record)
      break
    case 'disable':
      if (!provider.disable) throw unsupported('disable secrets')
      await provider.disable(name, record)
      break
    case 'remove':
      if (!provider.remove) throw unsupported('remove secrets')
      await provider.remove(name, record)
      break
    case 'slot.add': {
      if (!provider.keySlots) throw unsupported('be opened by key slots')
      const secret = value ? { secret: value } : {}
      const recipient = input.recipient === undefined ? {} : { recipient: input.recipient }
      await provider.keySlots.add(input.type ?? '', { ...secret, ...recipient }, record)
      break
    }
    case 'slot.remove':
      if (!provider.keySlots) throw unsupported('be opened by key slots')
      await provider.keySlots.remove(name, record)
      break
    case 'accept':
      if (!provider.accept) throw unsupported('be put back')
      await provider.accept(record)
      break
    default: {
      if (!provider.export) throw unsupported('be exported')
      const text = await provider.export(input.recipient ?? '')
      await ctx.record('vault.export', { provider: providerName, recipient: input.recipient ?? '' })
      return { name, text }
    }
  }
  if (!written) await record({ name })
  return written ?? { name }
}
