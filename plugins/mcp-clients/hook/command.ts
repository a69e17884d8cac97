// The command `hook`: answers the hook of a client on standard output; whatever goes wrong, its exit code is not 0.
import type { Command } from '../../cli/slot.js'
import { answerHook } from './answer.js'
import { HOOKED } from './formats.js'
import type { JudgeParts } from './judge.js'

export function hookCommand(parts: JudgeParts): Command {
  return {
    name: 'hook',
    summary: 'Judge one call of a tool of a client itself; run by its hooks, with the call on standard input',
    args: [{ name: 'client', description: HOOKED.join(', '), required: true }],
    examples: ['cloned hook claude-code'],
    needs: 'workspace',
    async run({ args, stdin }) {
      const answer = await answerHook(args['client'] ?? '', await stdin(), parts)
      return { json: answer, text: JSON.stringify(answer) }
    },
  }
}
