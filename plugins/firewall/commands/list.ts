// The command `firewall list`: the egress rules in force and where each stands; reads only.
import type { Json } from 'cloned/kernel'
import type { Command } from '../../cli/slot.js'
import type { EgressPolicy, EgressRule } from '../../policy/slot.js'
import { allowCover, denyCover } from '../rule.js'
import type { FirewallCommandParts } from './parts.js'

interface Row {
  readonly scope: string
  readonly answer: 'deny' | 'allow'
  readonly rule: EgressRule
}

export function listCommand({ policy }: Pick<FirewallCommandParts, 'policy'>): Command {
  return {
    name: 'firewall list',
    summary: 'List the egress rules in force and where each stands',
    options: [
      { flags: '--effective', description: 'Fill in what a rule does not say, in the order in which rules are asked' },
    ],
    examples: ['cloned firewall list', 'cloned firewall list --effective --json'],
    needs: 'workspace',
    async run(ctx) {
      const effective = ctx.options['effective'] === true
      const rows = rowsOf(policy.snapshot().egress)
      const sorted = effective
        ? [...rows].sort((a, b) => Number(a.answer === 'allow') - Number(b.answer === 'allow'))
        : rows
      const rules = sorted.map((row) => ({ ...row, rule: effective ? filled(row) : row.rule }))
      if (rules.length === 0) return { json: { rules: [] }, text: 'No rule: nothing leaves.' }
      return {
        json: { rules: rules.map(({ scope, answer, rule }) => ({ scope, answer, ...rule })) as unknown as Json },
        text: ctx.table(
          ['scope', 'answer', 'host', 'schemes', 'ports', 'methods', 'addresses', 'stands in'],
          rules.map(({ scope, answer, rule }) => [
            scope,
            answer,
            rule.host,
            ...FIELDS.map((name) => words(rule, name)),
            rule.at,
          ]),
        ),
      }
    },
  }
}

const FIELDS = ['schemes', 'ports', 'methods', 'addresses'] as const

function words(rule: EgressRule, name: (typeof FIELDS)[number]): string {
  return rule[name]?.join(', ') ?? ''
}

/** Scopes in the order in which they are asked. */
function rowsOf({ tools, connectors, global }: EgressPolicy): readonly Row[] {
  const named = (list: string, all: EgressPolicy['tools']) =>
    Object.entries(all).map(([id, found]) => [`${list} ${id}`, found] as const)
  const scopes = [...named('tool', tools), ...named('connector', connectors), ['everybody', global] as const]
  return scopes.flatMap(([scope, lists]) =>
    (['deny', 'allow'] as const).flatMap((answer) => lists[answer].map((rule) => ({ scope, answer, rule }))),
  )
}

/** A rule with what it means where it says nothing; a list that is still absent stands for everything. */
function filled({ answer, rule }: Row): EgressRule {
  const { schemes, ports, methods } = answer === 'allow' ? allowCover(rule) : denyCover(rule)
  return { ...rule, ...(schemes ? { schemes } : {}), ...(ports ? { ports } : {}), ...(methods ? { methods } : {}) }
}
