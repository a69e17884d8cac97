// The command `firewall test`: judges a table of requests and fails where the rules answer otherwise; sends nothing.
import { resolve } from 'node:path'
import { ClonedError, describeThrown, isClonedError, type Json } from 'cloned/kernel'
import type { Command, CommandContext } from '../../cli/slot.js'
import type { EgressDecision } from '../slot.js'
import { type EgressCase, readCases } from './cases.js'
import { callerIn, type FirewallCommandParts, SCOPE_OPTIONS } from './parts.js'

export function testCommand({ firewall }: Pick<FirewallCommandParts, 'firewall'>): Command {
  return {
    name: 'firewall test',
    summary: 'Judge requests by the rules in force; fails when an answer is not the one expected',
    args: [
      {
        name: 'cases',
        description: 'Files of cases (docs/firewall.md), or URLs, expected to be allowed',
        required: true,
        many: true,
      },
    ],
    options: [
      ...SCOPE_OPTIONS,
      { flags: '--method <method>', description: 'Where a case says nothing else (default: GET)' },
      { flags: '--deny', description: 'URLs are expected to be denied' },
    ],
    examples: ['cloned firewall test egress.cases.yaml', 'cloned firewall test https://evil.example/ --deny'],
    needs: 'workspace',
    async run(ctx) {
      const judged = casesIn(ctx).map((each) =>
        judge(each, firewall.explain(each.caller, each.method, each.url).decision),
      )
      const failed = judged.filter(({ ok }) => !ok)
      const summary = `${judged.length} judged, ${failed.length} not as expected`
      return {
        exit: failed.length === 0 ? 0 : 1,
        json: { judged: judged.length, failed: failed.length, cases: judged } as unknown as Json,
        text: `${table(ctx, judged)}\n\n${failed.length === 0 ? ctx.paint.green(summary) : ctx.paint.red(summary)}`,
      }
    },
  }
}

function casesIn(ctx: CommandContext): readonly EgressCase[] {
  const { method, deny } = ctx.options
  const defaults = { caller: callerIn(ctx), method: typeof method === 'string' ? method : 'GET' }
  const expect = deny === true ? 'deny' : 'allow'
  return ctx.rest.flatMap((word): readonly EgressCase[] =>
    word.includes('://')
      ? [{ ...defaults, url: word, expect }]
      : readFile(word, () => readCases(resolve(ctx.cwd, word), defaults)),
  )
}

function readFile<T>(word: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (isClonedError(cause)) throw cause
    throw new ClonedError('CLI_INPUT_UNREADABLE', { source: `in ${word}`, cause: describeThrown(cause) }, { cause })
  }
}

function judge({ url, method, caller, expect, code }: EgressCase, decision: EgressDecision) {
  const answer = decision.allowed ? 'allow' : 'deny'
  const given = decision.allowed ? undefined : decision.code
  const ok = answer === expect && (code === undefined || code === given)
  const expected = { expect, ...(code === undefined ? {} : { expected_code: code }) }
  return {
    ok,
    url,
    method,
    ...caller,
    ...expected,
    answer,
    ...(given ? { code: given } : {}),
    rule: decision.rule ?? null,
  }
}

function table(ctx: CommandContext, judged: readonly ReturnType<typeof judge>[]): string {
  return ctx.table(
    ['', 'request', 'expected', 'answer', 'rule'],
    judged.map(({ ok, url, method, expect, answer, code = '', rule }) => [
      ok ? ctx.paint.green('ok') : ctx.paint.red('FAIL'),
      `${method} ${url}`,
      expect,
      `${answer} ${code}`.trimEnd(),
      rule ?? '',
    ]),
  )
}
