// Reads events out of a stream of server-sent events, piece by piece; must never hold more than one event of the longest size.
import { StringDecoder } from 'node:string_decoder'

/** Calls `each` with the data of every event. Throws for one that is too long. */
export class EventReader {
  readonly #maxLength: number
  readonly #each: (data: string) => void
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''
  #cut = false
  #data: string[] = []
  #length = 0

  constructor(maxLength: number, each: (data: string) => void) {
    this.#maxLength = maxLength
    this.#each = each
  }

  write(chunk: Uint8Array): void {
    const text = this.#decoder.write(Buffer.from(chunk))
    if (text === '') return
    // The other half of a line end that was cut in two.
    let at = this.#cut && text.startsWith('\n') ? 1 : 0
    this.#cut = text.endsWith('\r')
    // Only what is new is searched: a line of many pieces would else be gone through again with each.
    for (const found of text.matchAll(/\r\n|\n|\r/g)) {
      if (found.index < at) continue
      this.#line(this.#rest + text.slice(at, found.index))
      this.#rest = ''
      at = found.index + found[0].length
    }
    this.#rest += text.slice(at)
    if (this.#rest.length + this.#length > this.#maxLength)
      throw new Error(`an event is longer than ${this.#maxLength}`)
  }

  /** An event without its end is none, but servers leave the last empty line out. */
  end(): void {
    if (this.#rest !== '') this.#line(this.#rest)
    this.#rest = ''
    this.#line('')
  }

  #line(line: string): void {
    if (line === '') {
      const data = this.#data
      this.#data = []
      this.#length = 0
      if (data.length > 0) this.#each(data.join('\n'))
      return
    }
    const [, field, value = ''] = /^([^:]*):? ?([\s\S]*)$/.exec(line) ?? []
    if (field !== 'data') return
    this.#data.push(value)
    this.#length += value.length
  }
}
