// The commands `policy diff` and `policy validate`: say what a text would change, or what is wrong with it; never more.
import { resolve } from 'node:path'
import type { Command } from '../cli/slot.js'
import type { PackName } from './document.js'
import { compilePolicy, type Effective } from './effective.js'
import type { Judges } from './egress-judge.js'
import type { LivePolicy } from './live.js'
import { compileNamed, readNamed } from './loose.js'
import type { ShownRule } from './shown.js'

/** Of which workspace. */
export interface CompareParts {
  readonly policy: () => LivePolicy
  readonly name: () => string
  readonly pack: () => PackName
  readonly judges: Judges
}

export function diffCommand({ policy, name, pack }: CompareParts): Command {
  return {
    name: 'policy diff',
    summary: 'Show which rules a file would change, rule by rule',
    args: [{ name: 'file', description: 'The text to compare; the overlay file of the workspace when absent' }],
    examples: ['cloned policy diff', 'cloned policy diff proposal.yaml --json'],
    needs: 'workspace',
    async run(ctx) {
      const live = policy()
      live.snapshot()
      await live.reading()
      const named = ctx.args['file']
      const file = named === undefined ? live.file() : readNamed(resolve(ctx.cwd, named))
      const candidate = compilePolicy(pack(), file?.text, named ?? name())
      const removed = missing(live.effective(), candidate)
      const added = missing(candidate, live.effective())
      const row = (sign: string) => (rule: ShownRule) =>
        [sign, rule.section, rule.value, rule.at].map((cell) => ctx.printable(cell))
      const changes = [...removed.map(row('-')), ...added.map(row('+'))]
      return {
        json: { file: named ?? name(), added: added.map(plain), removed: removed.map(plain) },
        text:
          changes.length === 0 ? 'No rule would change.' : ctx.table(['', 'section', 'value', 'stands in'], changes),
      }
    },
  }
}

export function validateCommand({ judges }: Pick<CompareParts, 'judges'>): Command {
  return {
    name: 'policy validate',
    summary: 'Check a policy file; needs no workspace',
    args: [{ name: 'file', description: 'The file', required: true }],
    examples: ['cloned policy validate .cloned/policy/personal.yaml'],
    needs: 'nothing',
    async run(ctx) {
      const path = ctx.args['file']
      if (path === undefined) throw ctx.usageError('it needs a file')
      const { pack, content, rules } = compileNamed(resolve(ctx.cwd, path))
      const egress = judges()
      for (const judge of egress) judge.compile(content.egress)
      const unchecked = egress.length === 0
      if (unchecked) ctx.note('No firewall is here: the egress rules were checked for their form only.')
      return {
        json: { file: path, pack, rules: rules.length, egress_checked: !unchecked },
        text: `${ctx.printable(path)} is a valid overlay on the ${pack} pack.`,
      }
    },
  }
}

function missing({ rules }: Effective, { rules: from }: Effective): ShownRule[] {
  const there = new Set(from.map(({ section, value }) => `${section} ${value}`))
  return rules.filter(({ section, value }) => !there.has(`${section} ${value}`))
}

function plain({ section, value, at }: ShownRule) {
  return { section, value, at }
}
