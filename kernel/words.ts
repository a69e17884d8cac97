// Passes what the kernel itself lets out through the scrubber; where that fails, the words must stay inside.
import type { Json, JsonObject } from './json.js'
import type { Logger } from './plugin.js'
import type { Scrubber } from './scrubber.js'
import type { Vote } from './verdict.js'

const WITHHELD = '[withheld: the scrubber failed]'

/** Scrubs for one kernel. Without a scrubber everything passes as it is. */
export class Words {
  readonly #scrubber: () => Scrubber | undefined

  constructor(scrubber: () => Scrubber | undefined) {
    this.#scrubber = scrubber
  }

  /** Throws when the scrubber does. */
  json<T extends Json>(value: T, sink: string, callId?: string): T {
    const scrubber = this.#scrubber()
    return scrubber ? (scrubber.json(value, sink, callId) as T) : value
  }

  /** Votes by their texts, before anything is made of them. Throws when the scrubber does. */
  votes(votes: readonly Vote[]): readonly Vote[] {
    return this.json(votes as unknown as Json, 'ballot') as unknown as readonly Vote[]
  }

  /** Never throws: an answer and a log line have to come out, if without their words. */
  texts<T extends Readonly<Record<string, string>>>(texts: T, sink: string): T {
    try {
      return this.json(texts, sink)
    } catch {
      // What failed may hold the secret in its own message, so the cause is not told either.
      return Object.fromEntries(Object.keys(texts).map((key) => [key, WITHHELD])) as T
    }
  }

  /** A logger that writes scrubbed lines to another. */
  logger(to: Logger): Logger {
    const write = (level: keyof Logger) => (message: string, fields?: JsonObject) => {
      const { text } = this.texts({ text: message }, 'log')
      if (fields) to[level](text, this.#fields(fields))
      else to[level](text)
    }
    return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  }

  #fields(fields: JsonObject): JsonObject {
    try {
      return this.json(fields, 'log')
    } catch {
      return { fields: WITHHELD }
    }
  }
}
