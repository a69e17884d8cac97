// Names the list of CLI commands and the service that a terminal reads it through; interfaces and tokens only.
import {
  type ActorInput,
  type ApprovalRequest,
  type ClonedError,
  type Contribution,
  collection,
  type Json,
  type Outcome,
  slot,
} from 'cloned/kernel'

/** 0 done, 1 failed, 2 usage, 3 denied, 4 waiting for approval, 5 verification failed, 6 workspace unusable. */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6

export interface CommandArgument {
  readonly name: string
  readonly description: string
  readonly required?: boolean
  /** Takes every further word too, as `rest` of the context. Only the last argument may. */
  readonly many?: boolean
}

export interface CommandOption {
  /** As cac reads it: `--input <json>` takes a value, `--wait` does not. */
  readonly flags: string
  readonly description: string
}

/** One answer to choose. */
export interface Choice<V extends string = string> {
  readonly value: V
  readonly label: string
}

/** A request for approval: its id, and the operating-system user it was made by. */
export interface Asked {
  readonly id: string
  readonly osUser: string
}

/** What a command gets. */
export interface CommandContext {
  /** Positional arguments by name. */
  readonly args: Readonly<Record<string, string | undefined>>
  /** Every word of an argument with `many`, the first one included. */
  readonly rest: readonly string[]
  /** Options by camel-cased name. */
  readonly options: Readonly<Record<string, string | boolean | undefined>>
  /** Who acts: `--actor` as a claim, or the user of the process. */
  readonly actor: ActorInput | undefined
  readonly dryRun: boolean
  /** Skips confirmations; never answers an approval. */
  readonly yes: boolean
  readonly json: boolean
  /** Whether a person can be asked: standard input and error are terminals, and `--json` is off. */
  readonly interactive: boolean
  /** Why the kernel did not start; set only for commands with `needs: 'workspace-if-usable'`. */
  readonly startError: ClonedError | undefined
  /** Current directory. */
  readonly cwd: string
  /** Where the workspace is looked for: the directory of `--workspace`, or the current one. Absolute. */
  readonly workspace: string
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal
  /** Reads standard input to its end, at most 16 MiB. */
  stdin(): Promise<string>
  /**
   * The JSON value of an option: as typed, `@FILE`, or `-` for standard input, each at most 16 MiB; `{}` for an absent one.
   * Throws a usage error (exit 2) with line and column.
   */
  inputJson(option: string | boolean | undefined): Promise<unknown>
  /** A line on standard error, unless `--quiet`. */
  note(text: string): void
  /** Lines on standard error that a person has to see, `--quiet` or not. Already escaped. */
  tell(text: string): void
  /** One or more lines of progress in the place of the last ones, on a terminal only, once the command has taken a second. */
  progress(text: string): void
  /** Prints a line to standard output while the command runs; does nothing with `--json`. For commands that follow. */
  print(line: string): void
  /**
   * Prints one JSON document as one line of standard output while the command runs; does nothing without `--json`. For
   * commands that follow; their result has `json: undefined`.
   */
  emit(document: Json): void
  /** Asks a yes/no question: `true` with `--yes`, else `false` when nobody can be asked. Never for an approval. */
  confirm(question: string): Promise<boolean>
  /** Asks for one of several answers; `undefined` when nobody can be asked or the person walks away. Ignores `--yes`. */
  choose<V extends string>(question: string, choices: readonly Choice<V>[]): Promise<V | undefined>
  /** Asks for a text; `undefined` when nobody can be asked or the person walks away. Ignores `--yes`. */
  ask(question: string, initial?: string): Promise<string | undefined>
  /** Asks for a text that is never shown while it is typed; `undefined` when nobody can be asked or walks away. */
  askSecret(question: string): Promise<string | undefined>
  /** The error to throw when an argument or option has a value that the command cannot take: exit 2, with the usage. */
  usageError(problem: string): ClonedError
  /** Who decides a request for approval, and what they type. Escaped, without a full stop. */
  howToDecide(request: Asked): string
  /** That an action waits for this request, why, and how it is decided: two lines, escaped. */
  waiting(request: ApprovalRequest): string
  /** Escapes whatever could steer a terminal or hide text. Every text that the command did not write itself needs it. */
  printable(text: string, options?: { readonly lines?: boolean }): string
  /** Colours that are off where they should be: no terminal, `--no-color`, `NO_COLOR`. */
  readonly paint: Readonly<Record<'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan', (text: string) => string>>
  /** A plain table for people. Cells are escaped as by `printable`; the colours of `paint` survive. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): string
}

/** How a command ended: one document for machines, one text for people. */
export interface CommandResult {
  readonly exit?: ExitCode
  /** `undefined`: everything was emitted already. */
  readonly json: Json | undefined
  /** For standard output: what was asked for. Left out of the output when empty. */
  readonly text: string
  /** For standard error: what kept the command from its end, and what to type next. */
  readonly problem?: string
}

export interface Command {
  /** One or two words: `call`, `audit verify`. */
  readonly name: string
  /** One sentence without a full stop. */
  readonly summary: string
  readonly args?: readonly CommandArgument[]
  readonly options?: readonly CommandOption[]
  /** An argument too many may be a secret typed by mistake: it is refused without being repeated. */
  readonly discreet?: boolean
  /** At least one; shown by `--help`, and run by the tests where marked in the docs. */
  readonly examples: readonly string[]
  /**
   * `workspace`: the kernel is started in the workspace before `run`. `nothing`: works anywhere, the kernel is set up and
   * not started. `workspace-if-usable`: a start is tried, and `ctx.startError` says why it failed.
   */
  readonly needs: 'workspace' | 'nothing' | 'workspace-if-usable'
  run(ctx: CommandContext): Promise<CommandResult>
}

export const commandsCollection = collection<Command>('cloned.commands', { contract: 1 })

/** Where a person sits. */
export interface Terminal {
  /** Writes one or more lines to the person, already escaped. */
  write(text: string): void
}

/** What the process that runs one command uses. */
export interface Cli {
  /** Every contributed command, in the order of the plan. Works once every plugin is set up. */
  commands(): readonly Contribution<Command>[]
  /** Says where approval requests can be shown from now on; without a terminal they are not. */
  attach(terminal: Terminal | undefined): void
  /** Who decides a request for approval, and what they type, by the policy in force. Not escaped. */
  howToDecide(request: Asked): string
  /** A text without the secrets that were used: everything that a command line writes passes it. */
  scrub(text: string): string
}

export const cliSlot = slot<Cli>('cloned.cli', { contract: 1 })

/** The exit code of a command that is one governed action. */
export const EXIT_CODES: Readonly<Record<Outcome['status'], ExitCode>> = {
  done: 0,
  'dry-run': 0,
  failed: 1,
  denied: 3,
  pending: 4,
}

/** What a command says of its action; each a whole sentence or line, already escaped. */
export interface ActionWords {
  /** It was carried out. */
  readonly done: string
  /** What stays as it is while it waits. */
  readonly meanwhile?: string
  /** What it would do: `Would delete 3 files`. */
  readonly would?: string
}

/** The result of a command that is one governed action. */
export function actionResult(outcome: Outcome, words: string | ActionWords, ctx: CommandContext): CommandResult {
  const { printable } = ctx
  const { done, meanwhile, would = 'Would end in' } = typeof words === 'string' ? { done: words } : words
  const result = { exit: EXIT_CODES[outcome.status], json: outcome as unknown as Json }
  switch (outcome.status) {
    case 'done':
      return { ...result, text: done }
    case 'dry-run':
      return {
        ...result,
        text: [would, outcome.verdict, printable(outcome.reason ?? '')].filter(Boolean).join(': '),
      }
    case 'pending':
      return { ...result, text: '', problem: [ctx.waiting(outcome.approval), meanwhile].filter(Boolean).join('\n') }
    default:
      return { ...result, text: '', problem: `${printable(outcome.reason)}\n${printable(outcome.help)}` }
  }
}
