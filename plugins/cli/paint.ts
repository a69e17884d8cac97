// Makes the colours of one stream; without a terminal that wants them, text stays as it is.
import { createRequire } from 'node:module'
import type { CommandContext } from './slot.js'

type Paint = CommandContext['paint']
const require = createRequire(import.meta.url)
const same = (text: string) => text
const PLAIN: Paint = { bold: same, dim: same, green: same, yellow: same, red: same, cyan: same }

type Environment = Readonly<Record<string, string | undefined>>

/** Whether the terminal says that it obeys no escape codes. */
export function isDumb(env: Environment): boolean {
  return env['TERM'] === 'dumb'
}

/** Whether a stream gets colours: a terminal, and neither `--no-color`, `NO_COLOR` nor `TERM=dumb` says otherwise. */
export function wantsColour(
  stream: { readonly isTTY?: boolean | undefined },
  env: Environment,
  noColor: boolean,
): boolean {
  return stream.isTTY === true && !noColor && (env['NO_COLOR'] ?? '') === '' && !isDumb(env)
}

/** The colours, or functions that change nothing. */
export function createPaint(colour: boolean): Paint {
  if (!colour) return PLAIN
  // Loaded only for a terminal: most runs of a command line are somebody's script.
  const { createColors } = require('picocolors') as typeof import('picocolors')
  const { bold, dim, green, yellow, red, cyan } = createColors(true)
  return { bold, dim, green, yellow, red, cyan }
}
