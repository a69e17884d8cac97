// Puts a question to the person at the terminal; without a person there is no answer, and never a default one.
import type { CliIo } from './io.js'
import { printable } from './printable.js'
import type { Choice } from './slot.js'

/** The answer chosen, or `undefined` when the person walked away (Escape, Ctrl-C, end of input). */
export async function askChoice<V extends string>(
  io: CliIo,
  signal: AbortSignal,
  question: string,
  choices: readonly Choice<V>[],
): Promise<V | undefined> {
  // Loaded by the first question: a hundred milliseconds that most commands never need.
  const { select, isCancel } = await import('@clack/prompts')
  const answer = await select<string>({
    message: printable(question),
    options: choices.map(({ value, label }) => ({ value, label: printable(label) })),
    input: io.stdin,
    output: io.stderr,
    signal,
  })
  return isCancel(answer) ? undefined : choices.find(({ value }) => value === answer)?.value
}

/** A text; `undefined` when the person walked away. */
export async function askText(
  io: CliIo,
  signal: AbortSignal,
  question: string,
  initial = '',
): Promise<string | undefined> {
  const { text, isCancel } = await import('@clack/prompts')
  const answer = await text({
    message: printable(question),
    initialValue: printable(initial),
    input: io.stdin,
    output: io.stderr,
    signal,
  })
  return isCancel(answer) ? undefined : answer
}

/** A text typed without being shown, not even its length; `undefined` when the person walked away. */
export async function askHidden(io: CliIo, signal: AbortSignal, question: string): Promise<string | undefined> {
  const { password, isCancel } = await import('@clack/prompts')
  const answer = await password({
    message: printable(question),
    mask: '',
    input: io.stdin,
    output: io.stderr,
    signal,
  })
  return isCancel(answer) ? undefined : answer
}
