// Asks external links whether they are there, always through the gate; a host that is not allowed is asked once and no more.
import type { HandlerContext, Outcome } from 'cloned/kernel'

/** What became of one URL. */
export type Answer = { readonly kind: 'fine' | 'broken' | 'unchecked'; readonly reason: string }

/** An origin that the policy does not allow. */
export interface Blocked {
  readonly origin: string
  /** URLs of it that were not asked. */
  readonly links: number
  /** The command that proposes to allow it, or why nothing would. */
  readonly propose: string
}

export interface ExternalAnswers {
  /** By URL. Those of blocked origins are not in it. */
  readonly answers: ReadonlyMap<string, Answer>
  readonly blocked: readonly Blocked[]
}

/** How external links are asked. */
export interface Asking {
  readonly limits?: typeof LIMITS
  /** `example.com`, or with `:port`: hosts of which an installed connector checks the links. */
  readonly connectorHosts?: ReadonlySet<string>
}

/** Of the connector in examples/connector-http-status. */
export const CHECK = 'acme.http-status.check@v1'
const CHECK_MOST = 50
const FETCH = 'cloned.internal.http.fetch@v1'
const LIMITS = { origins: 50, urls: 200, atOnce: 8, eachMs: 5_000, allMs: 15_000 }
/** Answers of servers that know no HEAD. */
const NO_HEAD = new Set([405, 501])
const GONE = new Set([404, 410])

/**
 * Asks each URL once: by the connector where it may and gets an answer, else by the built-in tool. Beyond the limits nothing is
 * asked, and the URL is unchecked.
 */
export async function askExternal(
  urls: readonly string[],
  ctx: Pick<HandlerContext, 'call'>,
  { limits = LIMITS, connectorHosts = new Set() }: Asking = {},
): Promise<ExternalAnswers> {
  const answers = new Map<string, Answer>()
  const blocked: Blocked[] = []
  const origins = byOrigin([...new Set(urls)].sort())
  const start = performance.now()
  let left = limits.urls
  const askOrigin = async (origin: string, all: readonly string[]): Promise<void> => {
    const mayCheck = origin.startsWith('https:') && connectorHosts.has(new URL(origin).host)
    const checked = mayCheck ? await askConnector(all.slice(0, Math.min(CHECK_MOST, left)), ctx) : new Map()
    for (const url of all) {
      const late = performance.now() - start > limits.allMs
      if (late || left-- <= 0) {
        answers.set(url, { kind: 'unchecked', reason: late ? 'no time was left to ask' : 'too many links to ask' })
        continue
      }
      const known = checked.get(url)
      if (known) {
        answers.set(url, known)
        continue
      }
      const outcome = await ask(url, ctx, limits.eachMs)
      if (outcome.status === 'failed' && outcome.code === 'EGRESS_DENIED') {
        blocked.push({ origin, links: all.length, propose: proposal(outcome.help) })
        return
      }
      answers.set(url, answerOf(outcome))
    }
  }
  const waiting = [...origins]
  for (const [, all] of waiting.splice(limits.origins)) {
    for (const url of all) answers.set(url, { kind: 'unchecked', reason: 'too many hosts to ask' })
  }
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await askOrigin(...next)
  }
  await Promise.all(Array.from({ length: limits.atOnce }, lane))
  return { answers, blocked: blocked.sort((a, b) => (a.origin < b.origin ? -1 : 1)) }
}

/** What the connector has a status for. */
async function askConnector(
  urls: readonly string[],
  ctx: Pick<HandlerContext, 'call'>,
): Promise<ReadonlyMap<string, Answer>> {
  const outcome = await ctx.call(`connector.${CHECK}`, { urls })
  if (outcome.status !== 'done') return new Map()
  const { checked } = outcome.output as { checked: readonly { url: string; status?: number }[] }
  return new Map(checked.flatMap(({ url, status }) => (status === undefined ? [] : [[url, answerOfStatus(status)]])))
}

async function ask(url: string, ctx: Pick<HandlerContext, 'call'>, timeout_ms: number): Promise<Outcome> {
  const outcome = await ctx.call(FETCH, { url, method: 'HEAD', timeout_ms })
  return NO_HEAD.has(statusOf(outcome)) ? await ctx.call(FETCH, { url, timeout_ms }) : outcome
}

function answerOf(outcome: Outcome): Answer {
  if (outcome.status === 'done') return answerOfStatus(statusOf(outcome))
  if (outcome.status === 'pending') return { kind: 'unchecked', reason: 'asking it needs an approval' }
  return { kind: 'unchecked', reason: outcome.status === 'dry-run' ? outcome.status : outcome.code }
}

function answerOfStatus(status: number): Answer {
  if (status < 400) return { kind: 'fine', reason: '' }
  return { kind: GONE.has(status) ? 'broken' : 'unchecked', reason: `answered with status ${status}` }
}

function statusOf(outcome: Outcome): number {
  return outcome.status === 'done' ? (outcome.output as { status: number }).status : 0
}

/** The command alone: what an agent would call is not for a report that people read. */
function proposal(help: string): string {
  return /cloned firewall allow [^()]*[^() ]/.exec(help)?.[0] ?? help
}

function byOrigin(urls: readonly string[]): Map<string, string[]> {
  const origins = new Map<string, string[]>()
  for (const url of urls) {
    const { origin } = new URL(url)
    origins.set(origin, [...(origins.get(origin) ?? []), url])
  }
  return origins
}
