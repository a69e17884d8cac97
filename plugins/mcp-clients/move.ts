// Moves one server behind the gateway: its secrets into the vault, then the server itself, each by its own governed action.
import {
  type Approvals,
  type AuditLog,
  canonical,
  type Gate,
  isClonedError,
  type Json,
  type Outcome,
  type Pending,
} from 'cloned/kernel'
import type { CommandContext } from '../cli/slot.js'
import { mcpWrap, type Upstreams } from '../mcp-upstream/slot.js'
import type { SecretScope, Vault } from '../vault/slot.js'
import { exact, exactCommand } from './exact.js'
import type { Ledger, Ledgers } from './ledger.js'
import type { FoundServer } from './look.js'
import type { SecretPart, Wrappable } from './server.js'

export interface MoveParts {
  readonly gate: Pick<Gate, 'act' | 'actor'>
  readonly approvals: Pick<Approvals, 'get' | 'decide'> | undefined
  readonly audit: Pick<AuditLog, 'append' | 'token'>
  readonly vault: Pick<Vault, 'put' | 'info'>
  readonly upstreams: Pick<Upstreams, 'servers'> | undefined
  readonly ledgers: Ledgers
  /** Whether whoever asks may decide too. */
  readonly selfDecision: () => boolean
}

/** How far a server came. `why` is for people and holds no secret. */
export type Moved =
  | { readonly state: 'moved' }
  | { readonly state: 'waiting'; readonly approval: string; readonly why: string }
  | { readonly state: 'left'; readonly why: string }

type Step = Moved | { readonly state: 'done' }

/** Goes as far as it may; what waits for a decision goes on in the next run. */
export async function move(found: FoundServer, made: Wrappable, parts: MoveParts, ctx: CommandContext): Promise<Moved> {
  const { name, digest } = found
  if (isWrapped(name, parts)) {
    if (parts.ledgers.read().servers[name] === digest || waitsFor(parts.ledgers.read(), name, digest)) {
      return settle(parts.ledgers, name, digest)
    }
    return { state: 'left', why: `another server of the name ${name} is wrapped already: cloned mcp unwrap ${name}` }
  }
  for (const secret of made.secrets) {
    const step = await store(name, made, secret, parts, ctx)
    if (step.state !== 'done') return step
  }
  const key = `server:${name}:${digest}`
  const waiting = await stillWaiting(key, parts)
  if (waiting) return waiting
  const input = { name, server: made.server, previous: null }
  const words = made.server.kind === 'url' ? exact(made.server.url) : exactCommand(made.server.command)
  const about = { title: `Put the MCP server ${name} behind the gateway: ${words}` }
  const actor = ctx.actor === undefined ? {} : { actor: ctx.actor }
  const outcome = await decided(await parts.gate.act(mcpWrap, { target: name, input, about, ...actor }), parts, ctx)
  const step = judged(outcome, key, parts, ctx)
  return step.state === 'done' ? settle(parts.ledgers, name, digest) : step
}

async function store(
  server: string,
  { server: spec }: Wrappable,
  part: SecretPart,
  parts: MoveParts,
  ctx: CommandContext,
): Promise<Step> {
  const { ledgers, audit, vault } = parts
  const typed = part.value ?? (await ctx.askSecret(`${part.reference} of ${server} (${part.where})`))
  if (typed === undefined || typed === '') {
    return { state: 'left', why: `its ${part.where} is ${part.reference}, which only the client fills in` }
  }
  const token = audit.token('import.secret', canonical(typed))
  const key = `secret:${part.name}:${token}`
  const known = await vault.info(part.name)
  if (known) {
    const { secrets, pending } = ledgers.read()
    if (secrets[part.name] !== token && pending[key] === undefined) {
      return {
        state: 'left',
        why: `the vault has another secret of the name ${part.name}: cloned vault remove ${part.name}`,
      }
    }
    remember(ledgers, { secrets: { [part.name]: token } }, key)
    return { state: 'done' }
  }
  const waiting = await stillWaiting(key, parts)
  if (waiting) return waiting
  const scope: SecretScope = { hosts: hostsOf(spec), tools: [`mcp.${server}.*`], slots: [part.slot] }
  const step = await put(part.name, typed, scope, key, parts, ctx)
  if (step.state === 'done') remember(ledgers, { secrets: { [part.name]: token } }, key)
  return step
}

async function put(
  name: string,
  typed: string,
  scope: SecretScope,
  key: string,
  parts: MoveParts,
  ctx: CommandContext,
) {
  try {
    const outcome = await parts.vault.put(name, Buffer.from(typed), scope, { actor: ctx.actor })
    return judged(await decided(outcome, parts, ctx), key, parts, ctx)
  } catch (error) {
    // A value that the vault does not take says so before anything is asked.
    if (!isClonedError(error)) throw error
    return { state: 'left', why: `${error.message} ${error.help}` } as const
  }
}

function hostsOf(spec: Wrappable['server']): readonly string[] {
  if (spec.kind === 'url') return [new URL(spec.url).host]
  // A program without network is a place on this machine.
  return spec.hosts.length === 0 ? ['127.0.0.1'] : spec.hosts
}

/** What was asked for before and not decided yet. One that was refused or has run without effect is asked for anew. */
async function stillWaiting(key: string, { ledgers, approvals }: MoveParts): Promise<Moved | undefined> {
  const approval = ledgers.read().pending[key]
  const request = approval === undefined ? undefined : await approvals?.get(approval)
  if (request?.state !== 'pending') return undefined
  return { state: 'waiting', approval: request.id, why: request.asks.map(({ reason }) => reason).join('; ') }
}

function judged(outcome: Outcome, key: string, { ledgers }: MoveParts, ctx: CommandContext): Step {
  if (outcome.status === 'done') return { state: 'done' }
  if (outcome.status !== 'pending')
    return { state: 'left', why: `${outcome.reason ?? outcome.status} ${outcome.help ?? ''}`.trim() }
  const { approval } = outcome
  remember(ledgers, { pending: { [key]: approval.id } })
  return {
    state: 'waiting',
    approval: approval.id,
    why: ctx.howToDecide({ id: approval.id, osUser: approval.action.actor.osUser }),
  }
}

/** Has the person at the terminal decide at once; without an answer it stays pending. */
async function decided<O>(
  outcome: Outcome<O>,
  { approvals, gate, selfDecision }: MoveParts,
  ctx: CommandContext,
): Promise<Outcome> {
  if (outcome.status !== 'pending' || !approvals || !ctx.interactive || !selfDecision()) return outcome as Outcome
  const { id } = outcome.approval
  const answer = await ctx.choose(`Approve ${id}?`, [
    { value: 'later', label: 'Later: leave it waiting' },
    { value: 'approve', label: 'Approve: do it now' },
    { value: 'deny', label: 'Deny' },
  ])
  if (answer !== 'approve' && answer !== 'deny') return outcome as Pending
  // Whoever sits here decides, not the actor that it was asked for: `--actor` does not count.
  const { outcome: ended } = await approvals.decide(id, { verdict: answer, by: gate.actor() })
  if (ended) return ended
  const { callId, ballot } = outcome
  return { status: 'denied', callId, ballot, code: 'APPROVAL_DENIED', reason: 'it was denied here.', help: '' }
}

function isWrapped(name: string, { upstreams }: MoveParts): boolean {
  return upstreams?.servers().some((server) => server.name === name) ?? false
}

function waitsFor({ pending }: Ledger, name: string, digest: string): boolean {
  return pending[`server:${name}:${digest}`] !== undefined
}

function settle(ledgers: Ledgers, name: string, digest: string): Moved {
  remember(ledgers, { servers: { [name]: digest } }, `server:${name}:${digest}`)
  return { state: 'moved' }
}

function remember(
  ledgers: Ledgers,
  more: Partial<Pick<Ledger, 'servers' | 'secrets' | 'pending'>>,
  settled?: string,
): void {
  const ledger = ledgers.read()
  const pending = { ...ledger.pending, ...more.pending }
  if (settled !== undefined) delete pending[settled]
  const next = {
    ...ledger,
    servers: { ...ledger.servers, ...more.servers },
    secrets: { ...ledger.secrets, ...more.secrets },
    pending,
  }
  if (canonical(next as unknown as Json) !== canonical(ledger as unknown as Json)) ledgers.write(next)
}
