// Makes what a command gets from a line that nobody sits at; every question is answered as if nobody were there.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type ClonedError, describeThrown } from 'cloned/kernel'
import { type Cli, type CommandContext, printable, type RunOptions } from 'cloned/plugins/cli'
import type { Screen } from './line.js'
import { type Line, usageError } from './parse.js'

const MAX_BYTES = 16 * 1024 * 1024

export interface ContextParts extends Pick<RunOptions, 'io' | 'cwd'> {
  readonly signal: AbortSignal
  readonly screen: Screen
  readonly startError: ClonedError | undefined
  readonly cli: Cli
}

export function contextOf(line: Line, { io, cwd, signal, screen, startError, cli }: ContextParts): CommandContext {
  const { options, actor } = line
  const json = options['json'] === true
  const plain = (text: string) => text
  const tell = (text: string) => screen.write('stderr', text)
  const howToDecide: CommandContext['howToDecide'] = (request) => printable(cli.howToDecide(request))
  const stdin = () => readAll(io.stdin)
  return {
    ...line,
    actor: actor === undefined ? undefined : { id: actor, claimed: true },
    dryRun: options['dryRun'] === true,
    yes: options['yes'] === true,
    json,
    interactive: false,
    startError,
    cwd,
    workspace: resolve(cwd, typeof options['workspace'] === 'string' ? options['workspace'] : '.'),
    signal,
    stdin,
    async inputJson(option) {
      if (typeof option !== 'string') return {}
      try {
        if (option === '-') return JSON.parse(await stdin())
        return JSON.parse(option.startsWith('@') ? await readText(resolve(cwd, option.slice(1))) : option)
      } catch (error) {
        throw usageError(line.command, `its JSON cannot be read: ${describeThrown(error)}`)
      }
    },
    note: (text) => (options['quiet'] ? undefined : tell(text)),
    tell,
    progress() {},
    print: (text) => (json ? undefined : screen.write('stdout', text)),
    emit: (document) => (json ? screen.write('stdout', printable(JSON.stringify(document))) : undefined),
    confirm: async () => options['yes'] === true,
    choose: async () => undefined,
    ask: async () => undefined,
    askSecret: async () => undefined,
    usageError: (problem) => usageError(line.command, problem),
    howToDecide,
    waiting: ({ id, asks, action: { actor: asked } }) =>
      `${printable(`Waiting for approval ${id}: ${asks.map(({ reason }) => reason).join('; ')}`)}
Decide: ${howToDecide({ id, osUser: asked.osUser })}`,
    printable,
    paint: { bold: plain, dim: plain, green: plain, yellow: plain, red: plain, cyan: plain },
    table: (head, rows) => [head, ...rows].map((row) => row.map((cell) => printable(cell)).join('\t')).join('\n'),
  }
}

async function readAll(stream: AsyncIterable<Buffer | string>): Promise<string> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of stream) {
    size += pieces[pieces.push(Buffer.from(piece)) - 1]?.length ?? 0
    if (size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`)
  }
  return Buffer.concat(pieces).toString('utf8')
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path)
  if (bytes.length > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`)
  return bytes.toString('utf8')
}
