// Words the reference tables of the docs from the code itself, so that they cannot drift from it.
import { builtIns, defaultDistribution } from 'cloned'
import { createKernel, ERRORS, type Hook, KERNEL_HOOKS, type Plugin, plan } from 'cloned/kernel'
import { type Command, cliSlot } from 'cloned/plugins/cli'

const HEAD = '<!-- Generated from the code by `npm run docs`. Do not edit. -->\n\n'

/** Every reference page by its file name. */
export function referencePages(): Readonly<Record<string, string>> {
  return { 'hooks.md': hooksPage(), 'slots.md': slotsPage(), 'errors.md': errorsPage(), 'commands.md': commandsPage() }
}

const KINDS: Readonly<Record<Hook['kind'], { method: string; answers: string; failure: string }>> = {
  transform: {
    method: '`hooks.transform`',
    answers: 'a new value, or nothing to keep it',
    failure: 'before the call: denied; on a result: withheld',
  },
  guard: {
    method: '`hooks.guard`',
    answers: '`allow()`, `ask(reason, key)`, `deny(reason)` or nothing',
    failure: 'a deny vote',
  },
  check: {
    method: '`hooks.guard`',
    answers: '`allow()`, `deny(reason)` or nothing; an ask is a deny that names the proposal',
    failure: 'denied',
  },
  reserve: {
    method: '`hooks.reserve`',
    answers: '`{ ok: true, token }` or `{ ok: false, reason }`',
    failure: 'call denied, whatever was taken is given back',
  },
  notify: {
    method: '`hooks.notify`',
    answers: '`true` when it was delivered',
    failure: 'that channel did not deliver',
  },
  observe: { method: '`hooks.observe`', answers: 'nothing that matters', failure: 'logged, nothing else' },
}

function hooksPage(): string {
  const { hooks } = plan(defaultDistribution())
  const rows = allHooks().map((hook) => {
    const { method, answers, failure } = KINDS[hook.kind]
    const taps = (hooks[hook.id] ?? []).map(code).join(', ') || '–'
    return [code(hook.id), hook.kind, String(hook.contract), method, answers, failure, taps]
  })
  const head = [
    'hook',
    'kind',
    'contract',
    'register with',
    'a handler answers',
    'a throw, a hang or junk means',
    'built-ins on it',
  ]
  return `# Hooks\n\n${HEAD}${table(head, rows)}`
}

function allHooks(): readonly Hook[] {
  const known = new Map(KERNEL_HOOKS.map((hook) => [hook.id, hook]))
  for (const { manifest } of builtIns)
    for (const hook of [...manifest.taps, ...manifest.fires]) known.set(hook.id, hook)
  return [...known.values()]
}

function slotsPage(): string {
  const report = plan(defaultDistribution())
  const contracts = contractsOf(builtIns)
  const slots = Object.entries(report.owners).map(([id, owner]) => {
    const needers = report.plugins.filter(({ requires }) => requires.includes(id)).map((plugin) => code(plugin.id))
    return [code(id), String(contracts.get(id) ?? 1), code(owner), needers.join(', ') || '–']
  })
  const lists = Object.entries(report.collections).map(([id, owner]) => {
    const givers = report.plugins.filter(({ contributes }) => contributes.includes(id)).map((plugin) => code(plugin.id))
    return [code(id), code(owner), givers.join(', ') || '–']
  })
  return `# Slots and collections\n\n${HEAD}## Slots\n\n${table(['slot', 'contract', 'owner in the default distribution', 'used by'], slots)}\n## Collections\n\n${table(['collection', 'read by', 'added to by'], lists)}`
}

function contractsOf(plugins: readonly Plugin[]): Map<string, number> {
  return new Map(
    plugins.flatMap(({ manifest }) => Object.values(manifest.provides).map(({ id, contract }) => [id, contract])),
  )
}

function errorsPage(): string {
  const rows = Object.entries(ERRORS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, { what, next, exit }]) => [
      `<a id="${id.toLowerCase()}"></a>${code(id)}`,
      what.trim(),
      next,
      String(exit),
    ])
  return `# Errors\n\n${HEAD}Words in braces are filled in. The exit code is the one of a command that ends with the error.\n\n${table(['code', 'what happened', 'what to type or change next', 'exit'], rows)}`
}

function commandsPage(): string {
  const kernel = createKernel(defaultDistribution())
  const commands = kernel
    .service(cliSlot)
    .commands()
    .map(({ item }) => item)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  return `# Commands\n\n${HEAD}${commands.map(commandSection).join('\n')}`
}

function commandSection({ name, summary, args = [], options = [], examples }: Command): string {
  const usage = ['cloned', name, ...args.map((arg) => (arg.required ? `<${arg.name}>` : `[${arg.name}]`))].join(' ')
  const lines = [
    ...args.map(({ name: arg, description }) => [code(arg), description]),
    ...options.map(({ flags, description }) => [code(flags), description]),
  ]
  const details = lines.length > 0 ? `\n${table(['argument or option', ''], lines)}` : ''
  return `## \`${name}\`\n\n${summary}.\n\n\`\`\`text\n${usage}\n\`\`\`\n${details}\nExamples:\n\n\`\`\`sh\n${examples.join('\n')}\n\`\`\`\n`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`
}

function code(text: string): string {
  return `\`${text}\``
}
