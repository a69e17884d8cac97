// Words what an import found and did, for people and for programs; must never show the value of a secret.
import type { Json } from 'cloned/kernel'
import type { CommandContext } from '../cli/slot.js'
import { CLIENTS } from './clients.js'
import { exact, exactCommand } from './exact.js'
import type { FoundServer, Look } from './look.js'
import type { Moved } from './move.js'

/** A server with what became of it; nothing became of it in a dry run. */
export interface Entry {
  readonly found: FoundServer
  readonly moved: Moved | undefined
}

export function entryJson({ found, moved }: Entry): Json {
  const { place, key, name, made } = found
  const about = { client: place.client ?? null, scope: place.scope, path: place.path, key, name }
  if (made.kind === 'left') return { ...about, state: 'left', why: made.why }
  return {
    ...about,
    state: moved?.state ?? 'would move',
    ...(moved && 'why' in moved ? { why: moved.why } : {}),
    ...(moved?.state === 'waiting' ? { approval: moved.approval } : {}),
    shown: made.shown,
    server: made.server as unknown as Json,
    secrets: made.secrets.map(({ name: secret, where, reference }) => ({
      name: secret,
      where,
      reference: reference ?? null,
    })),
    notes: made.notes,
  }
}

/** One block for each file, one paragraph for each server. */
export function entriesText(entries: readonly Entry[], { paint, printable }: CommandContext): string {
  const lines: string[] = []
  const paths = [...new Set(entries.map(({ found }) => found.place.path))]
  for (const path of paths) {
    const here = entries.filter(({ found }) => found.place.path === path)
    const place = here[0]?.found.place
    const whose = place?.client === undefined ? 'a file you named' : CLIENTS[place.client].title
    const project =
      place?.scope === 'project' && place.client !== undefined ? ', of this project: look who wrote it' : ''
    lines.push(`${paint.bold(exact(path))}  ${whose}${project}`)
    for (const entry of here) {
      const [word, head, ...rest] = entryLines(entry)
      lines.push(`  ${stateWord(word, paint)} ${printable(head)}`, ...rest.map((line) => `      ${printable(line)}`))
    }
  }
  return lines.join('\n')
}

type Word = 'moves' | 'moved' | 'waiting' | 'stays'

/** What becomes of it, a headline, and details. */
function entryLines({ found, moved }: Entry): readonly [Word, string, ...string[]] {
  const { key, name, made } = found
  const head = exact(key) === name ? name : `${exact(key)} as ${name}`
  if (made.kind === 'left') {
    return ['stays', `${head}: ${made.why}`, ...(made.shown ? [`starts   ${exactCommand(made.shown)}`] : [])]
  }
  const { server } = made
  const shown = exactCommand(made.shown)
  const words = server.kind === 'command' ? exactCommand(server.command) : exact(server.url)
  const lists =
    server.kind === 'command'
      ? ([
          ['reads', server.read],
          ['writes', server.write],
          ['reaches', server.hosts],
        ] as const)
      : []
  return [
    moved === undefined ? 'moves' : moved.state === 'left' ? 'stays' : moved.state,
    moved && 'why' in moved ? `${head}: ${moved.why}` : head,
    `starts   ${shown}`,
    ...(shown === words ? [] : [`becomes  ${words}`]),
    ...lists.flatMap(([verb, list]) => (list.length === 0 ? [] : [`${verb.padEnd(8)} ${list.map(exact).join(' ')}`])),
    ...made.secrets.map(({ where, name: secret, reference }) =>
      reference === undefined
        ? `secret   ${where} goes into the vault as ${secret}`
        : `secret   ${where} is ${exact(reference)}: its value is asked for, for ${secret}`,
    ),
    ...made.notes.map((note) => `note     ${note}`),
  ]
}

const COLOURS = { moves: 'cyan', moved: 'green', waiting: 'yellow', stays: 'yellow' } as const

function stateWord(word: Word, paint: CommandContext['paint']): string {
  return paint[COLOURS[word]](word.padEnd(8))
}

/** What could not be looked at, and hooks that are missing. */
export function asideLines(
  look: Look,
  wrote: boolean,
  { paint, printable }: CommandContext,
  [start = '']: readonly string[],
): readonly string[] {
  const ask = wrote ? 'asks' : 'would ask'
  const shared = new Set(look.servers.filter(moves).map(({ place }) => place.path))
  return [
    ...[...shared].map(
      (path) =>
        `${paint.yellow('note')}     ${exact(path)} is of this project: what is written into it starts ${exact(start)}, which is on this machine. Leave it out of what you share`,
    ),
    ...look.problems.map(({ path, problem }) => `${paint.red('refused')}  ${exact(path)}: ${printable(problem)}`),
    ...look.hooks.map(
      ({ client, path }) =>
        `${paint.cyan('hook')}     ${CLIENTS[client].title} ${ask} before its own tools run, by ${exact(path)}`,
    ),
  ]
}

/** Whether its entry gives way to the gateway's in a file that others of a project have too. */
function moves({ place, made }: FoundServer): boolean {
  return place.scope === 'project' && made.kind === 'wrap'
}
