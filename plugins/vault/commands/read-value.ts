// Takes a value from a hidden prompt, a pipe or a file; never from the command line, where every process could read it.
import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { CommandContext } from '../../cli/slot.js'
import { withoutLineEnd } from '../value.js'

const MAX_BYTES = 1024 * 1024

/** One line end after the value is not part of it. */
export async function readValue(ctx: CommandContext, what: string): Promise<Buffer> {
  const from = ctx.options['fromFile']
  if (typeof from === 'string' && from !== '-') return withoutLineEnd(readFile(ctx, resolve(ctx.cwd, from)))
  if (from === undefined && ctx.interactive) {
    const typed = await ctx.askSecret(`Type ${what}; it is not shown`)
    if (typed === undefined) throw ctx.usageError('nothing was typed, so nothing was stored')
    return Buffer.from(typed)
  }
  return withoutLineEnd(Buffer.from(await ctx.stdin()))
}

function readFile(ctx: CommandContext, path: string): Buffer {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats?.isFile()) throw ctx.usageError(`--from-file: ${path} is not a file`)
  if (stats.size > MAX_BYTES) throw ctx.usageError(`--from-file: ${path} is larger than ${MAX_BYTES} bytes`)
  return readFileSync(path)
}
