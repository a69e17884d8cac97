// The registry's own votes: what may be installed, in words from the verified package, and which connectors may be called.
import { type Action, ask, deny, isClonedError, type ToolCall, type Verdict } from 'cloned/kernel'
import type { Policy } from '../policy/slot.js'
import { describeInstall } from './changes.js'
import { type ChangeParts, manifestOf } from './install.js'
import { judge } from './judge.js'
import type { ConnectorInstall } from './kinds.js'
import type { LiveRegistry } from './live.js'
import { hostsWithoutRule, publisherAnswer } from './permit.js'

/** Asks in words of its own unless the policy allows the publisher unasked; about a downgrade or another publisher in any case. */
export async function voteOnInstall(
  parts: ChangeParts & { readonly policy: Pick<Policy, 'snapshot'> },
  action: Action,
): Promise<Verdict | undefined> {
  return await refusing(async () => {
    const input = action.input as unknown as ConnectorInstall
    const judged = await judge(parts, parts.incoming.get(input.archive))
    const { manifest, kids, head, highest, downgrade } = judged
    const same = head.digest === input.digest && manifest.id === action.target
    if (!same || manifest.publisher_id !== input.publisher) return deny('it is another package than it says')
    const answer = publisherAnswer(manifest.publisher_id, parts.policy.snapshot())
    const row = (await parts.table.state()).installed.find(({ id }) => id === manifest.id)
    const from = row && row.publisher !== manifest.publisher_id ? row.publisher : undefined
    if (answer === 'allow' && !downgrade && from === undefined) return undefined
    const before = row && manifestOf(parts.packages, parts.directory(), row)
    const unruled = hostsWithoutRule(manifest, parts.egress)
    const words = [
      `install ${manifest.id} ${manifest.version} of publisher ${manifest.publisher_id} (key ${kids.join(', ')})`,
      ...(row ? [`in the place of ${row.version}`] : []),
      ...(from === undefined ? [] : [`ANOTHER PUBLISHER: what is installed is from ${from}`]),
      ...(downgrade ? [`a DOWNGRADE: ${highest} was installed here`] : []),
      ...(manifest.supersedes === undefined ? [] : [`it says that it supersedes ${manifest.supersedes}`]),
      ...describeInstall(manifest, before),
      ...(unruled.length > 0 ? [`no egress rule allows ${unruled.join(', ')} yet`] : []),
    ]
    return ask(words.join('; '), downgrade ? 'downgrade' : from === undefined ? 'install' : 'publisher')
  })
}

/** Denies a call of a connector that may not run now, or whose publisher the policy denies; says nothing about other tools. */
export function voteOnCall(
  live: LiveRegistry | undefined,
  policy: Pick<Policy, 'snapshot'>,
  call: ToolCall,
): undefined | Promise<Verdict | undefined> {
  const id = live?.owner(call.tool.id)
  if (live === undefined || id === undefined) return undefined
  return refusing(async () => {
    await live.mayRun(id)
    const publisher = live.enabled().find((connector) => connector.id === id)?.publisher
    if (publisher !== undefined && publisherAnswer(publisher, policy.snapshot()) === 'deny') {
      const help = 'See what the policy allows: cloned policy show'
      return deny(`the policy denies tools of publisher ${publisher}`, { code: 'CONNECTOR_REFUSED', help })
    }
    return undefined
  })
}

async function refusing(judged: () => Promise<Verdict | undefined>): Promise<Verdict | undefined> {
  try {
    return await judged()
  } catch (error) {
    if (!isClonedError(error)) throw error
    return deny(error.message, { code: error.code, help: error.help })
  }
}
