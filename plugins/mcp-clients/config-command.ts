// The command `mcp config`: prints what to paste into the configuration of a client; changes nothing.
import { ClonedError, didYouMean, type Json } from 'cloned/kernel'
import type { Command } from '../cli/slot.js'
import { CLIENTS, placesOf, type Surroundings } from './clients.js'
import { editDocument } from './documents/document.js'
import { gatewayEntry, isAddress, remoteEntry, TOKEN } from './entry.js'
import { GATEWAY } from './look.js'
import { CLIENT_IDS } from './slot.js'

export function configCommand(where: Surroundings, program: readonly string[]): Command {
  return {
    name: 'mcp config',
    summary: 'Print what to paste into the configuration of a client',
    args: [{ name: 'client', description: CLIENT_IDS.join(', '), required: true }],
    options: [{ flags: '--url <url>', description: 'Address of /mcp at `cloned serve`, for clients that speak HTTP' }],
    examples: ['cloned mcp config cursor', 'cloned mcp config cursor --url http://127.0.0.1:4117/mcp'],
    needs: 'nothing',
    async run({ args, options, cwd, note, printable, usageError }) {
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
      const { url } = options
      if (url !== undefined && (typeof url !== 'string' || !isAddress(url)))
        throw usageError('--url takes an https URL, or an http one of this machine, without a user and a fragment')
      const remote = typeof url === 'string' ? remoteEntry(url, id) : undefined
      if (url !== undefined && !remote) throw usageError(`${id} starts its servers itself: leave --url out`)
      const entry = remote ?? gatewayEntry([...program, 'mcp'], dialect)
      const path = placesOf(id, where, cwd)[0]?.path ?? ''
      note(printable(`Into ${path}:`))
      if (remote) note(`Start the client with the token of the server in ${TOKEN}: .cloned/api.json names its file.`)
      const text = editDocument('', format, [{ op: 'set', path: [...root, GATEWAY], value: entry }]).trimEnd()
      return {
        json: { client: id, path, format, root, entry } as unknown as Json,
        text: printable(text, { lines: true }),
      }
    },
  }
}
