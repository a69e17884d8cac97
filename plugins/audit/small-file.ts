// Reads the small texts that commands are given by name: notes, keys, proofs; must never read without a limit.
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import { describeThrown } from 'cloned/kernel'
import type { CommandContext } from '../cli/slot.js'
import { MAX_NOTE } from './note.js'

/** The text of a file relative to the current directory, or of standard input for `-`. Exit 2 when it cannot be read. */
export async function readSmall(name: string, ctx: CommandContext): Promise<string> {
  if (name === '-') return await ctx.stdin()
  try {
    const handle = await open(resolve(ctx.cwd, name))
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(4 * MAX_NOTE + 1), 0, 4 * MAX_NOTE + 1, 0)
      if (bytesRead > 4 * MAX_NOTE) throw new Error('it is too long')
      return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead))
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw ctx.usageError(`Cannot read ${name}: ${describeThrown(error)}`)
  }
}

/** The option as a text; `undefined` when it was not given. */
export function optionText(ctx: CommandContext, name: string): string | undefined {
  const value = ctx.options[name]
  return typeof value === 'string' ? value : undefined
}

/** The option or argument as the number of a record. Exit 2 for anything else. */
export function recordNumber(ctx: CommandContext, name: string, value: string | undefined): number {
  const seq = value !== undefined && /^[1-9][0-9]*$/.test(value) ? Number(value) : Number.NaN
  if (!Number.isSafeInteger(seq)) throw ctx.usageError(`${name} takes the number of a record`)
  return seq
}
