// Cuts a stream into lines; must never hold more than one line of the longest length.
import type { Readable } from 'node:stream'

const LINE_FEED = 10

/** Why lines stopped coming. */
export class LineTooLong extends Error {
  override readonly name = 'LineTooLong'
}

/**
 * Calls `each` for every line without its end, and waits for what it answers. Resolves at the end of the stream; what is
 * left without an end is dropped. Rejects with what `each` throws and with {@link LineTooLong}; nothing is read any more then.
 */
export function eachLine(
  stream: Readable,
  maxBytes: number,
  each: (line: string) => void | Promise<void>,
): Promise<void> {
  // By events: an iterator over a stream costs a good part of what a short call does.
  return new Promise((resolve, reject) => {
    const lines = new Lines(maxBytes)
    let waiting = false
    const failed = (error: unknown) => {
      stream.off('data', read)
      stream.destroy()
      reject(error)
    }
    const go = (): void => {
      for (let line = lines.next(); line !== undefined; line = lines.next()) {
        const busy = each(line)
        if (busy) {
          stream.pause()
          waiting = true
          busy
            .then(() => {
              waiting = false
              go()
              if (!waiting) stream.resume()
            })
            .catch(failed)
          return
        }
      }
    }
    const read = (chunk: Buffer) => {
      try {
        lines.add(chunk)
        if (!waiting) go()
      } catch (error) {
        failed(error)
      }
    }
    stream.on('data', read).once('end', resolve).once('error', failed).once('close', resolve)
  })
}

/** What was read and is not a line yet: only the last chunk may hold an end. */
class Lines {
  readonly #maxBytes: number
  #before: Buffer[] = []
  #length = 0
  #last: Buffer | undefined

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  add(chunk: Buffer): void {
    if (this.#last) {
      this.#before.push(this.#last)
      this.#length += this.#last.length
    }
    this.#last = chunk
  }

  next(): string | undefined {
    const last = this.#last
    if (!last) return undefined
    const end = last.indexOf(LINE_FEED)
    if (this.#length + (end < 0 ? last.length : end) > this.#maxBytes) {
      throw new LineTooLong(`a line is longer than ${this.#maxBytes} bytes`)
    }
    if (end < 0) return undefined
    const tail = last.subarray(0, end)
    const line = this.#before.length === 0 ? tail : Buffer.concat([...this.#before, tail])
    this.#before = []
    this.#length = 0
    this.#last = end + 1 < last.length ? last.subarray(end + 1) : undefined
    return line.toString('utf8')
  }
}
