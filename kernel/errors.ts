// The one error class; it says what happened, to whom, where it was declared and what to type next.
import { ERRORS, type ErrorCode, type ErrorParams } from './error-table.js'

/** To whom an error happened. */
export interface ErrorSubject {
  /** Id of the plugin that is to blame, or that is affected. */
  readonly plugin?: string
  /** Where the thing was declared: a file with line, a manifest field, a call site. */
  readonly declaredAt?: string
  readonly cause?: unknown
}

/** Every error that `cloned` throws on purpose. `code` is stable, `message` is not. */
export class ClonedError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'ClonedError'
  readonly code: C
  readonly params: ErrorParams<C>
  readonly plugin: string | undefined
  readonly declaredAt: string | undefined
  /** What to type or change next. */
  readonly help: string

  constructor(code: C, params: ErrorParams<C>, subject: ErrorSubject = {}) {
    const entry = ERRORS[code]
    super(fill(entry.what, params), subject.cause === undefined ? undefined : { cause: subject.cause })
    this.code = code
    this.params = params
    this.plugin = subject.plugin
    this.declaredAt = subject.declaredAt
    this.help = fill(entry.next, params)
  }

  /** The process exit code of a command that ends with this error. */
  get exit(): number {
    return ERRORS[this.code].exit
  }

  toJSON(): { code: string; message: string; plugin?: string; declared_at?: string; help: string } {
    return {
      code: this.code,
      message: this.message,
      ...(this.plugin === undefined ? {} : { plugin: this.plugin }),
      ...(this.declaredAt === undefined ? {} : { declared_at: this.declaredAt }),
      help: this.help,
    }
  }
}

/** Whether a value is an error of this package, from this or from another installed copy of it. */
export function isClonedError(value: unknown): value is ClonedError {
  try {
    return (
      value instanceof Error &&
      value.name === 'ClonedError' &&
      typeof (value as ClonedError).code === 'string' &&
      Object.hasOwn(ERRORS, (value as ClonedError).code)
    )
  } catch {
    // A proxy whose traps throw is no error of ours.
    return false
  }
}

/** Text of anything that was thrown; never throws itself, whatever was thrown. */
export function describeThrown(thrown: unknown): string {
  try {
    // A message can be anything that was put there, an object whose toString throws included.
    if (thrown instanceof Error) return String(thrown.message || thrown.name)
    return typeof thrown === 'string' ? thrown : `threw ${String(thrown)}`
  } catch {
    return 'threw a value that cannot be shown'
  }
}

function fill(template: string, params: Readonly<Record<string, string | number>>): string {
  // A parameter may be a sentence of its own, with its full stop.
  return template.replace(/\{(\w+)\}(\.?)/g, (_, name: string, stop: string) => {
    const value = String(params[name] ?? '')
    return value.endsWith('.') ? value : value + stop
  })
}
