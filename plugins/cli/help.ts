// Writes the help of everything, of one area and of one command; it needs no workspace and reads no input.
import type { JsonObject } from 'cloned/kernel'
import { GLOBAL_HELP } from './globals.js'
import type { Command, CommandContext } from './slot.js'
import { usageLine } from './usage.js'

type Paint = CommandContext['paint']
type Row = readonly [left: string, right: string]

/** The commands that a line asks help for: one, those of an area, or `undefined` when the words name neither. */
export function helpScope(commands: readonly Command[], words: readonly string[]): readonly Command[] | undefined {
  const name = words.slice(0, 2).join(' ')
  const exact = commands.find((command) => command.name === name || command.name === words[0])
  if (words.length === 0) return commands
  const area = commands.filter((command) => command.name.startsWith(`${words[0]} `))
  if (exact && (exact.name === name || area.length === 0)) return [exact]
  return area.length > 0 && words.length === 1 ? area : undefined
}

/** Help as one document for machines. */
export function helpJson(commands: readonly Command[]): JsonObject {
  return {
    commands: commands.map((command) => ({
      name: command.name,
      summary: command.summary,
      usage: usageLine(command),
      args: (command.args ?? []).map(({ name, description, required = false }) => ({ name, description, required })),
      options: (command.options ?? []).map(({ flags, description }) => ({ flags, description })),
      examples: [...command.examples],
    })),
    options: GLOBAL_HELP.map(([flags, description]) => ({ flags, description })),
  }
}

/** Everything, grouped by area: commands of one word first. */
export function overviewHelp(title: string, commands: readonly Command[], paint: Paint): string {
  const groups = new Map<string, Command[]>([['', []]])
  for (const command of commands) {
    const area = command.name.includes(' ') ? (command.name.split(' ')[0] ?? '') : ''
    groups.set(area, [...(groups.get(area) ?? []), command])
  }
  const width = Math.max(0, ...commands.map((command) => command.name.length))
  const sections = [...groups]
    .filter(([, members]) => members.length > 0)
    .map(([area, members]) => {
      const rows = members.map((command): Row => [command.name, command.summary])
      return `${paint.bold(area === '' ? 'Commands' : area)}\n${list(rows, width)}`
    })
  return [
    `${title}\n\nUsage: cloned <command> [options]`,
    ...sections,
    `${paint.bold('Options of every command')}\n${list(GLOBAL_HELP)}`,
    'Help of one command, with examples: cloned <command> --help',
  ].join('\n\n')
}

/** The commands of one area. */
export function areaHelp(area: string, commands: readonly Command[], paint: Paint): string {
  const rows = commands.map((command): Row => [usageLine(command), command.summary])
  const examples = commands.flatMap((command) => command.examples.slice(0, 1))
  return `${paint.bold(area)}\n${list(rows)}\n\n${paint.bold('Examples')}\n${indent(examples)}`
}

/** One command: usage, arguments, options, examples. */
export function commandHelp(command: Command, paint: Paint): string {
  const args = (command.args ?? []).map(({ name, description }): Row => [name, description])
  const options = (command.options ?? []).map(({ flags, description }): Row => [flags, description])
  const section = (title: string, body: string) => `${paint.bold(title)}\n${body}`
  return [
    `${command.summary}.\n\nUsage: ${usageLine(command)}`,
    ...(args.length > 0 ? [section('Arguments', list(args))] : []),
    ...(options.length > 0 ? [section('Options', list(options))] : []),
    section(command.examples.length === 1 ? 'Example' : 'Examples', indent(command.examples)),
    section('Options of every command', list(GLOBAL_HELP)),
  ].join('\n\n')
}

function list(rows: readonly Row[], width = Math.max(0, ...rows.map(([left]) => left.length))): string {
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join('\n')
}
