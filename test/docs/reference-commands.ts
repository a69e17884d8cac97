// The page of every command: its words, options, needs and examples, and what all of them share.
import { defaultDistribution } from 'cloned'
import { createKernel } from 'cloned/kernel'
import { type Command, cliSlot, type ExitCode } from 'cloned/plugins/cli'
import { GLOBAL_HELP } from '../../plugins/cli/globals.js'
import { code, HEAD, table } from './markdown.js'

const EXITS: Readonly<Record<ExitCode, string>> = {
  0: 'done',
  1: 'failed',
  2: 'usage: the command line or its input is wrong',
  3: 'denied',
  4: 'waiting for an approval',
  5: 'verification failed',
  6: 'the workspace cannot be used',
}

const NEEDS: Readonly<Record<Command['needs'], string>> = {
  workspace: 'Needs a workspace.',
  nothing: 'Works anywhere.',
  'workspace-if-usable': 'Works anywhere; says more in a workspace.',
}

export function commandsPage(): string {
  const kernel = createKernel(defaultDistribution())
  const commands = kernel
    .service(cliSlot)
    .commands()
    .map(({ item }) => item)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  return [
    `# Commands\n\n${HEAD}With \`--json\` a command prints one JSON document on standard output. Everything else goes to standard error.\n`,
    '## Options of every command\n',
    table(
      ['option', 'what it does'],
      GLOBAL_HELP.map(([flags, text]) => [code(flags), text]),
    ),
    '## Exit codes\n',
    table(
      ['exit', 'meaning'],
      Object.entries(EXITS).map(([exit, meaning]) => [exit, meaning]),
    ),
    ...commands.map(commandSection),
  ].join('\n')
}

function commandSection({ name, summary, args = [], options = [], examples, needs }: Command): string {
  const usage = ['cloned', name, ...args.map((arg) => (arg.required ? `<${arg.name}>` : `[${arg.name}]`))].join(' ')
  const lines = [
    ...args.map((arg) => [code(arg.name), arg.description]),
    ...options.map(({ flags, description }) => [code(flags), description]),
  ]
  const details = lines.length > 0 ? `\n${table(['argument or option', 'what it is'], lines)}` : ''
  const shown = `Examples:\n\n\`\`\`sh\n${examples.join('\n')}\n\`\`\`\n`
  return `## \`${name}\`\n\n${summary}. ${NEEDS[needs]}\n\n\`\`\`text\n${usage}\n\`\`\`\n${details}\n${shown}`
}
