// Decides whom a server asks that does not say for which request it asks; where several clients are there, nobody.
import type { Json } from 'cloned/kernel'
import type { AnswerServer, RelayOptions } from './slot.js'

interface Waiting {
  readonly answer: AnswerServer
  /** Whose request it is. One that nobody has named is nobody else's. */
  readonly client: unknown
  /** Questions that are open. */
  asked: number
}

export class Answering {
  readonly #waiting: Waiting[] = []

  /** Whoever waits for the work may be asked meanwhile. */
  async during<T>({ answer, client }: Pick<RelayOptions, 'answer' | 'client'>, work: () => Promise<T>): Promise<T> {
    if (!answer) return await work()
    const waiting: Waiting = { answer, client: client ?? answer, asked: 0 }
    this.#waiting.push(waiting)
    try {
      return await work()
    } finally {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
    }
  }

  /** `undefined` where it is not clear who would be asked. */
  find(): AnswerServer | undefined {
    if (new Set(this.#waiting.map(({ client }) => client)).size !== 1) return undefined
    // Of one client's requests any may carry the question; one that was asked already may never come back.
    const waiting = this.#waiting.findLast(({ asked }) => asked === 0) ?? this.#waiting.at(-1)
    return waiting && ((...question) => ask(waiting, question))
  }
}

async function ask(waiting: Waiting, question: Parameters<AnswerServer>): Promise<Json> {
  waiting.asked++
  try {
    return await waiting.answer(...question)
  } finally {
    waiting.asked--
  }
}
