// The command `approvals watch`: shows requests as they come, until Ctrl-C; it must never decide one.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApprovalRequest, Approvals, Json, JsonObject } from 'cloned/kernel'
import type { Command, CommandContext } from '../cli/slot.js'
import { requestJson } from './documents.js'
import { nameOf, whoIs } from './render.js'

const POLL_MS = 500

interface WatchParts {
  readonly approvals: Pick<Approvals, 'list'>
  readonly escalate: (approvalId: string) => Promise<void>
  readonly scrub: (value: Json) => Json
}

export function watchCommand({ approvals, escalate, scrub }: WatchParts): Command {
  return {
    name: 'approvals watch',
    summary: 'Show requests that wait, and new ones as they come, until interrupted',
    examples: ['cloned approvals watch', 'cloned approvals watch --json'],
    needs: 'workspace',
    async run(ctx) {
      const seen = new Set<string>()
      while (!ctx.signal.aborted) {
        const waiting = [...(await approvals.list({ state: 'pending' }))].reverse()
        for (const request of waiting) {
          // Whoever opened it may be gone by the time it is due.
          await escalate(request.id)
          if (seen.has(request.id)) continue
          ctx.print(line(request, ctx))
          ctx.emit(scrub(requestJson(request)) as JsonObject)
        }
        seen.clear()
        for (const { id } of waiting) seen.add(id)
        await sleep(POLL_MS, undefined, { signal: ctx.signal }).catch((error: unknown) => {
          if (!ctx.signal.aborted) throw error
        })
      }
      return { json: undefined, text: '' }
    },
  }
}

function line({ id, action, asks, expiresAt }: ApprovalRequest, { printable, paint }: CommandContext): string {
  const why = asks.map(({ reason }) => reason).join('; ')
  const facts = `${nameOf(action)} for ${whoIs(action.actor)}: ${why} (until ${new Date(expiresAt).toISOString()})`
  return `${paint.yellow(id)}  ${printable(facts)}`
}
