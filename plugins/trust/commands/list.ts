// The command `trust list`: what is trusted here, and what is revoked; reads only.
import type { Command } from '../../cli/slot.js'
import { describeEntry } from '../plan.js'
import { trustJson } from '../request.js'
import { revokedKeys, staleness } from '../revoked.js'
import type { TrustCommandParts } from './parts.js'

export function listCommand({ state, drift, now }: TrustCommandParts): Command {
  return {
    name: 'trust list',
    summary: 'List the root of trust, the publishers with their keys, and what is revoked',
    examples: ['cloned trust list', 'cloned trust list --json'],
    needs: 'workspace',
    async run({ table, printable, paint }) {
      const current = await state()
      const { root, revocations, publishers } = current
      const drifted = drift(current)
      const json = trustJson(current, drifted, now())
      if (!root) return { json, text: 'Nothing is trusted here. Add a publisher: cloned trust add FILE' }
      const stale = staleness(current, drifted, now())
      const revoked = revokedKeys(current, undefined)
      const all = [...publishers.values()]
      const rows = all.flatMap(({ publisher_id, namespaces, threshold, keys }) =>
        keys.map(({ kid, use, status }) => [
          publisher_id,
          namespaces.join(' '),
          `${threshold} of ${keys.length}`,
          kid,
          use,
          revoked.has(kid) ? paint.red('revoked') : status,
        ]),
      )
      const entries = revocations?.entries ?? []
      return {
        json,
        text: [
          `Root of trust, version ${root.version}, ${root.mode} mode, ${root.threshold} of:`,
          ...root.keys.map(({ kid }) => `  ${kid}`),
          all.length === 0 ? 'No publishers.' : table(['publisher', 'namespaces', 'needs', 'key', 'for', ''], rows),
          ...(entries.length === 0 ? ['Nothing is revoked.'] : ['Revoked:']),
          ...entries.map(
            (entry) => `  ${printable(describeEntry(entry))}: ${printable(entry.reason)} (${entry.revoked_at})`,
          ),
          revocations === undefined
            ? 'There are no revocations.'
            : `The revocations count until ${revocations.expires}.`,
        ].join('\n'),
        ...(stale === undefined
          ? {}
          : { problem: paint.yellow(`The trust store cannot be relied on: ${printable(stale)}.`) }),
      }
    },
  }
}
