// The page of every hook: what a handler may answer, what its failure means, who fires it and who listens.
import { builtIns, defaultDistribution } from 'cloned'
import { DEFAULT_LIMITS, type Hook, KERNEL_HOOKS, type Limits, plan } from 'cloned/kernel'
import { code, HEAD, names, table } from './markdown.js'

interface Kind {
  readonly method: string
  readonly answers: string
  readonly failure: string
  readonly limit: keyof Limits
}

const KINDS: Readonly<Record<Hook['kind'], Kind>> = {
  transform: {
    method: 'hooks.transform',
    answers: 'a new value, or nothing to keep it',
    failure: 'before the call: denied; on a result: withheld',
    limit: 'transformMs',
  },
  guard: {
    method: 'hooks.guard',
    answers: '`allow()`, `ask(reason, key)`, `deny(reason)` or nothing',
    failure: 'a deny vote',
    limit: 'guardMs',
  },
  check: {
    method: 'hooks.guard',
    answers: '`allow()`, `deny(reason)` or nothing; an ask is a deny that names the proposal',
    failure: 'denied',
    limit: 'checkMs',
  },
  reserve: {
    method: 'hooks.reserve',
    answers: '`{ ok: true, token }` or `{ ok: false, reason }`',
    failure: 'call denied; whatever was taken is given back',
    limit: 'reserveMs',
  },
  notify: {
    method: 'hooks.notify',
    answers: '`true` when it was delivered',
    failure: 'that channel did not deliver',
    limit: 'notifyMs',
  },
  observe: {
    method: 'hooks.observe',
    answers: 'nothing that matters',
    failure: 'logged, nothing else',
    limit: 'observeMs',
  },
}

export function hooksPage(): string {
  const { hooks } = plan(defaultDistribution())
  const kinds = Object.entries(KINDS).map(([kind, { method, answers, failure, limit }]) => [
    kind,
    code(method),
    answers,
    failure,
    `${code(limit)}, ${String(DEFAULT_LIMITS[limit])} ms`,
  ])
  const rows = allHooks().map((hook) => [
    code(hook.id),
    hook.kind,
    String(hook.contract),
    firedBy(hook),
    names(hooks[hook.id] ?? []),
  ])
  return [
    `# Hooks\n\n${HEAD}## Kinds\n\nThe kind of a hook says how to register, what a handler may answer and what its failure means.\n`,
    table(['kind', 'register with', 'a handler answers', 'a throw, a hang or junk means', 'time limit'], kinds),
    '## Every hook\n\nThe tokens of hooks that the kernel fires are exported by `cloned/kernel`.\n',
    table(['hook', 'kind', 'contract', 'fired by', 'built-ins on it'], rows),
  ].join('\n')
}

function firedBy({ id }: Hook): string {
  const plugins = builtIns.filter(({ manifest }) => manifest.fires.some((hook) => hook.id === id))
  const kernel = KERNEL_HOOKS.some((hook) => hook.id === id) ? ['cloned.kernel'] : []
  return names([...kernel, ...plugins.map(({ manifest }) => manifest.id)])
}

function allHooks(): readonly Hook[] {
  const known = new Map(KERNEL_HOOKS.map((hook) => [hook.id, hook]))
  for (const { manifest } of builtIns)
    for (const hook of [...manifest.taps, ...manifest.fires]) known.set(hook.id, hook)
  return [...known.values()]
}
