// Reads the inputs that a person passes on the command line; a text that is not JSON is refused before anything runs.
import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { describeThrown } from 'cloned/kernel'
import type { CommandContext } from '../cli/slot.js'

const MAX_BYTES = 16 * 1024 * 1024

/** The value of `--input`: JSON, `@FILE`, or `-` for standard input; `{}` when absent. Throws a usage error. */
export async function readInputs(given: string | boolean | undefined, ctx: CommandContext): Promise<unknown> {
  if (typeof given !== 'string') return {}
  const text = await readText(given, ctx)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw ctx.usageError(`--input ${sourceOf(given)} is not JSON: ${describeThrown(error)}`)
  }
}

async function readText(given: string, ctx: CommandContext): Promise<string> {
  if (given === '-') return ctx.stdin()
  if (!given.startsWith('@')) return given
  const path = resolve(ctx.cwd, given.slice(1))
  try {
    const found = await stat(path)
    if (!found.isFile()) throw new Error('it is not a regular file')
    if (found.size > MAX_BYTES) throw new Error('it is larger than 16 MiB')
    return await readFile(path, 'utf8')
  } catch (error) {
    throw ctx.usageError(`--input ${sourceOf(given)} cannot be read: ${describeThrown(error)}`)
  }
}

function sourceOf(given: string): string {
  if (given === '-') return 'from standard input'
  return given.startsWith('@') ? given.slice(1) : 'as typed'
}
