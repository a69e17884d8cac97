import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitGlobals } from '../../plugins/cli/globals.js'
import { findCommand, parseCommand } from '../../plugins/cli/parse.js'
import type { Command } from '../../plugins/cli/slot.js'

const command = (name: string, more: Partial<Command> = {}): Command => ({
  name,
  summary: `Does ${name}`,
  examples: [`cloned ${name}`],
  needs: 'nothing',
  run: async () => ({ json: null, text: '' }),
  ...more,
})

const COMMANDS = [
  command('call', {
    args: [{ name: 'tool', description: 'a tool' }],
    options: [
      { flags: '-i, --input <json>', description: 'input' },
      { flags: '--wait', description: 'wait' },
      { flags: '--max-lines <n>', description: 'how many' },
    ],
  }),
  command('run', { args: [{ name: 'pipeline', description: 'which', required: true }] }),
  command('runs list'),
  command('audit tail'),
  command('audit verify'),
]

function parse(...line: string[]) {
  const { globals, rest, problem } = splitGlobals(line)
  if (problem) throw problem
  const found = findCommand(COMMANDS, rest)
  const { command, args, options } = parseCommand(found.command, found.rest)
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  return { name: command.name, args, options: given, globals }
}

describe('a command line', () => {
  it.each<[string, string[], string, object, object]>([
    ['matches a command of two words', ['audit', 'verify'], 'audit verify', {}, {}],
    ['takes the second word of a one-word command as its argument', ['run', 'list'], 'run', { pipeline: 'list' }, {}],
    [
      'reads an option before and after the argument',
      ['call', '--wait', 't', '--input', '{}'],
      'call',
      { tool: 't' },
      { wait: true, input: '{}' },
    ],
    ['reads a value after =', ['call', '--input={"a":"=b"}'], 'call', {}, { input: '{"a":"=b"}' }],
    ['reads a short option', ['call', '-i', '1'], 'call', {}, { input: '1' }],
    ['reads an option of two words in camel case', ['call', '--max-lines', '5'], 'call', {}, { maxLines: '5' }],
    ['keeps numbers as they were typed', ['call', '007', '--input', '1e3'], 'call', { tool: '007' }, { input: '1e3' }],
    ['takes - as a value', ['call', '--input', '-'], 'call', {}, { input: '-' }],
    ['takes an empty value after =', ['call', '--input='], 'call', {}, { input: '' }],
    ['takes a value that starts with - after =', ['call', '--input=-5'], 'call', {}, { input: '-5' }],
    ['leaves the word after a flag alone', ['call', '--wait', 'false'], 'call', { tool: 'false' }, { wait: true }],
    ['takes everything after -- as arguments', ['call', '--', '--wait'], 'call', { tool: '--wait' }, {}],
    ['takes a global option after -- as an argument', ['call', '--', '--json'], 'call', { tool: '--json' }, {}],
  ])('%s', (_, line, name, args, options) => {
    expect(parse(...line)).toMatchObject({ name, args })
    expect(parse(...line).options).toEqual(options)
  })

  it.each<[string, string[], string, string]>([
    ['an unknown command', ['frobnicate'], 'COMMAND_UNKNOWN', 'there is no command "frobnicate"'],
    ['a slip in the first word', ['adit', 'verify'], 'COMMAND_UNKNOWN', 'did you mean "audit verify"'],
    ['a slip in an area alone', ['adit'], 'COMMAND_UNKNOWN', '(did you mean "audit"?).'],
    ['a slip in the second word', ['audit', 'verfy'], 'COMMAND_UNKNOWN', 'did you mean "audit verify"'],
    ['an area and a word like none', ['audit', 'xyzzyxyzzy'], 'COMMAND_UNKNOWN', '(did you mean "audit --help"?)'],
    ['an area alone', ['audit'], 'COMMAND_INCOMPLETE', 'audit tail, audit verify'],
    ['a short option in the wrong case', ['-V'], 'COMMAND_USAGE', '(did you mean "-v"?)'],
    ['an option before the command', ['--wait', 'call'], 'COMMAND_USAGE', '--wait stands before the command'],
    ['an unknown option', ['call', '--wat'], 'COMMAND_USAGE', 'unknown option --wat (did you mean "--wait"'],
    [
      'an option named like a member of every object',
      ['call', '--constructor=1'],
      'COMMAND_USAGE',
      'unknown option --constructor',
    ],
    ['the option __proto__', ['call', '--__proto__=1'], 'COMMAND_USAGE', 'unknown option --__proto__'],
    ['an option in camel case', ['call', '--maxLines', '1'], 'COMMAND_USAGE', 'unknown option --maxLines'],
    ['a negated flag', ['call', '--no-wait'], 'COMMAND_USAGE', 'unknown option --no-wait'],
    ['a nested option', ['call', '--input.a', '1'], 'COMMAND_USAGE', 'unknown option --input.a'],
    ['a missing value', ['call', '--input'], 'COMMAND_USAGE', '--input needs a value'],
    ['a missing value before another option', ['call', '--input', '--wait'], 'COMMAND_USAGE', '--input needs a value'],
    ['a value of a flag', ['call', '--wait=yes'], 'COMMAND_USAGE', '--wait takes no value'],
    ['an option given twice', ['call', '-i', '1', '--input', '2'], 'COMMAND_USAGE', '--input is given twice'],
    ['a missing argument', ['run'], 'COMMAND_USAGE', 'missing <pipeline>'],
    ['a surplus argument', ['run', 'a', 'b'], 'COMMAND_USAGE', 'unexpected argument "b"'],
    ['a global option without its value', ['call', '--workspace'], 'COMMAND_USAGE', '--workspace needs a value'],
    [
      'a global option given twice',
      ['call', '--actor', 'a', '--actor', 'b'],
      'COMMAND_USAGE',
      '--actor is given twice',
    ],
    ['a value of a global flag', ['call', '--json=yes'], 'COMMAND_USAGE', '--json takes no value'],
  ])('refuses %s', (_, line, code, text) => {
    expect(() => parse(...line)).toThrow(
      expect.objectContaining({ code, exit: 2, message: expect.stringContaining(text) }),
    )
  })

  it('shows the usage and an example with every usage error', () => {
    const refused = (): unknown => {
      try {
        return parse('run')
      } catch (error) {
        return error
      }
    }
    expect(refused()).toMatchObject({ help: 'Usage: cloned run <pipeline>   for example: cloned run' })
  })

  it('reports all that is wrong with the options at once', () => {
    expect(() => parse('call', '--wat', '--wait=1', '--input')).toThrow(/--wat.*--wait takes no value.*--input needs/)
  })

  it('takes the global options wherever they stand', () => {
    const words = ['audit', 'verify']
    for (let at = 0; at <= words.length; at++) {
      const line = [...words.slice(0, at), '--workspace', 'dir', '--json', '--actor=agent:a', ...words.slice(at)]
      expect(parse(...line)).toMatchObject({
        name: 'audit verify',
        globals: { workspace: 'dir', json: true, actor: 'agent:a', yes: false },
      })
    }
  })

  it('hands every argument and every value over as the text it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (tool, input) => {
        expect(parse('call', `--input=${input}`, '--', tool)).toMatchObject({ args: { tool }, options: { input } })
      }),
    )
  })

  it('answers any words at all with a command or an error of the table', () => {
    const word = fc.oneof(
      fc.constantFrom('call', 'audit', 'tail', '--', '-', '--input', '--wait', '-i', '='),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (line) => {
        try {
          parse(...line)
        } catch (error) {
          expect(error).toMatchObject({ name: 'ClonedError', exit: 2 })
        }
      }),
    )
  })
})
