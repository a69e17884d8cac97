// Reads the JSON that a person passes on the command line; a text that is not JSON is refused with its position.
import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { ClonedError, describeThrown } from 'cloned/kernel'
import { MAX_STDIN_BYTES } from './io.js'
import type { CommandContext } from './slot.js'

/** The value of `--input`: JSON, `@FILE`, or `-` for standard input; `{}` when absent. Throws `CLI_INPUT_…`. */
export async function readInput(
  option: string | boolean | undefined,
  ctx: Pick<CommandContext, 'cwd' | 'stdin'>,
): Promise<unknown> {
  if (typeof option !== 'string') return {}
  if (option === '-') return parse(await readable('from standard input', ctx.stdin), 'from standard input')
  if (!option.startsWith('@')) return parse(option, 'given with --input')
  const file = resolve(ctx.cwd, option.slice(1))
  const source = `in ${option.slice(1)}`
  return parse(await readable(source, () => readText(file)), source)
}

async function readText(file: string): Promise<string> {
  const { size } = await stat(file)
  if (size > MAX_STDIN_BYTES) throw new Error(`it is larger than ${MAX_STDIN_BYTES} bytes`)
  return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file))
}

async function readable(source: string, read: () => Promise<string>): Promise<string> {
  try {
    return await read()
  } catch (cause) {
    throw new ClonedError('CLI_INPUT_UNREADABLE', { source, cause: describeThrown(cause) }, { cause })
  }
}

function parse(text: string, source: string): unknown {
  const problem = jsonProblem(text)
  if (problem === undefined) return JSON.parse(text)
  const before = text.slice(0, faultAt(text)).split('\n')
  const column = (before.at(-1) ?? '').length + 1
  throw new ClonedError('CLI_INPUT_INVALID', {
    source,
    problem: problem.split(/, "|, \.\.\."| in JSON| \(line/)[0] ?? problem,
    line: before.length,
    column,
  })
}

function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return describeThrown(error)
  }
}

/**
 * Where a text stops being the beginning of JSON. Node 20 leaves the position out of most messages, so it is searched for:
 * a prefix is still good when it parses, or when all that is wrong with it is its end.
 */
export function faultAt(text: string): number {
  let good = 0
  let bad = text.length + 1
  while (bad - good > 1) {
    const middle = (good + bad) >> 1
    if (isBeginning(text.slice(0, middle))) good = middle
    else bad = middle
  }
  return good
}

function isBeginning(prefix: string): boolean {
  const problem = jsonProblem(prefix)
  if (problem === undefined || problem === 'Unexpected end of JSON input') return true
  return Number(/at position (\d+)/.exec(problem)?.[1]) === prefix.length
}
