// The command `mcp config`: prints what to paste into the configuration of a client; changes nothing.
import { ClonedError, didYouMean, type Json } from 'cloned/kernel'
import type { Command } from '../cli/slot.js'
import { CLIENTS, placesOf, type Surroundings } from './clients.js'
import { editDocument } from './documents/document.js'
import { gatewayEntry } from './entry.js'
import { GATEWAY } from './look.js'
import { CLIENT_IDS } from './slot.js'

export function configCommand(where: Surroundings, program: readonly string[]): Command {
  return {
    name: 'mcp config',
    summary: 'Print what to paste into the configuration of a client',
    args: [{ name: 'client', description: CLIENT_IDS.join(', '), required: true }],
    examples: ['cloned mcp config cursor'],
    needs: 'nothing',
    async run({ args, cwd, note, printable }) {
      const named = args['client'] ?? ''
      const id = CLIENT_IDS.find((known) => known === named)
      if (!id) {
        throw new ClonedError('CLIENT_UNKNOWN', {
          client: named,
          near: didYouMean(named, CLIENT_IDS),
          known: CLIENT_IDS.join(', '),
        })
      }
      const { dialect, format, root } = CLIENTS[id]
      const entry = gatewayEntry([...program, 'mcp'], dialect)
      const path = placesOf(id, where, cwd)[0]?.path ?? ''
      note(printable(`Into ${path}:`))
      const text = editDocument('', format, [{ op: 'set', path: [...root, GATEWAY], value: entry }]).trimEnd()
      return {
        json: { client: id, path, format, root, entry } as unknown as Json,
        text: printable(text, { lines: true }),
      }
    },
  }
}
