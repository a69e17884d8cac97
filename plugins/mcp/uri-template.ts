// Tells whether an address is one of a server's templates; a template that fits whatever it is given fits nothing.
import { boundedRegex, type Matches } from 'cloned/kernel'

const EXPRESSION = /\{([+#./;?&]?)[^{}]*\}/
/** What an expression stands for by its operator (RFC 6570); without one it is part of a segment. */
const STANDS_FOR: Readonly<Record<string, string>> = { '': '[^/?#]*', '+': '.*', '#': '(?:#.*)?' }

/** What one address may take by one template; simple ones take ten for each character of it. */
const STEPS = 200_000

/** Takes addresses of the template; `undefined` for one that leaves open which scheme it is of, or is none. */
export function templateMatcher(template: string): Matches | undefined {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(template)) return undefined
  const parts = template.split(EXPRESSION)
  const pattern = parts.map((part, i) => {
    if (i % 2 === 0) return part.replace(/[\\^$.*+?()[\]{}|/]/g, (c) => `\\${c}`)
    return STANDS_FOR[part] ?? `(?:${/[./?]/.test(part) ? `\\${part}` : part}.*)?`
  })
  try {
    return boundedRegex(`^${pattern.join('')}$`, STEPS)
  } catch {
    // Too long, or of too many parts.
    return undefined
  }
}
