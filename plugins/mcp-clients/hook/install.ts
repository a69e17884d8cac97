// Says how the hooks of a client read once this program is one of them; must never touch the hooks of others.
import { isDeepStrictEqual } from 'node:util'
import type { Json } from 'cloned/kernel'
import type { ClientHooks } from '../clients.js'
import { at, type Edit } from '../documents/document.js'
import type { ClientId } from '../slot.js'

/**
 * The command line of a hook. Without `|| exit 2` a program that is gone, killed or broken would let the call through:
 * clients take every other code than 2 for a fault of the hook.
 */
export function hookCommand(client: ClientId, program: readonly string[], guard: boolean): string {
  const words = [...program, 'hook', client].map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`,
  )
  return `${words.join(' ')}${guard ? ' || exit 2' : ''}`
}

/** What is missing in the file of hooks. `flags` stand between the program and its command. */
export function hookEdits(
  value: Json,
  client: ClientId,
  hooks: ClientHooks,
  program: readonly string[],
  flags: readonly string[] = [],
): readonly Edit[] {
  const edits: Edit[] = []
  if (hooks.version !== undefined && at(value, ['version']) === undefined) {
    edits.push({ op: 'set', path: ['version'], value: hooks.version })
  }
  for (const [i, event] of [hooks.before, ...hooks.after].entries()) {
    const path = ['hooks', event]
    const list = at(value, path)
    const there = Array.isArray(list) && list.some((entry: Json) => isOurs(entry, client, hooks, program, i === 0))
    if (there) continue
    const command = hookCommand(client, [...program, ...flags], i === 0)
    edits.push({ op: 'append', path, value: hooks.entry(command, i === 0) as Json })
  }
  return edits
}

/** Whether every hook is there. */
export function hasHook(value: Json, client: ClientId, hooks: ClientHooks, program: readonly string[]): boolean {
  return hookEdits(value, client, hooks, program).length === 0
}

/** Whether an entry is the one that an import writes, of whichever workspace; one that was weakened is not. */
function isOurs(
  entry: Json,
  client: ClientId,
  hooks: ClientHooks,
  program: readonly string[],
  guard: boolean,
): boolean {
  const command = at(entry, ['command']) ?? at(entry, ['hooks', 0, 'command'])
  if (typeof command !== 'string') return false
  const [head = '', tail = ''] = hookCommand(client, [...program, '\0'], guard).split("'\0'")
  const middle = command.slice(head.length, command.length - tail.length)
  const whole = command === hookCommand(client, program, guard)
  const named =
    command.startsWith(head) && command.endsWith(tail) && /^--workspace (?:[\w@%+=:,./-]+|'[^']*')$/.test(middle)
  return (whole || named) && isDeepStrictEqual(entry, hooks.entry(command, guard))
}
