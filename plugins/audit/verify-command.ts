// The command that checks the log; its first line says what is wrong and where, and it must never write to the log.
import type { Json } from 'cloned/kernel'
import type { Command, CommandContext } from '../cli/slot.js'
import type { FileAuditLog } from './log.js'
import { parseVerifierKey } from './note.js'
import { optionText, readSmall } from './small-file.js'
import { printable } from './text.js'
import type { AuditProblem, VerifyResult } from './verdict.js'
import type { VerifyOptions } from './verify.js'

export function verifyCommand(log: () => FileAuditLog): Command {
  return {
    name: 'audit verify',
    summary: 'Check that no byte of the audit log was changed or lost',
    options: [
      {
        flags: '--since <note>',
        description: 'A checkpoint that was kept elsewhere (a file, or -): the log must go on from it',
      },
      { flags: '--key <vkey>', description: 'The only key to trust: a verifier key, or a file with one on each line' },
      { flags: '--full', description: 'Read every record as JSON, too (slower)' },
    ],
    examples: [
      'cloned audit verify',
      'cloned audit verify --since kept.note',
      'cloned audit verify --key audit.vkey --since - --json < kept.note',
    ],
    needs: 'workspace',
    run: async (ctx) => {
      const result = await log().verify(await optionsOf(ctx))
      return { ...(result.ok ? {} : { exit: 5 as const }), json: document(result), text: text(result) }
    },
  }
}

async function optionsOf(ctx: CommandContext): Promise<VerifyOptions> {
  const [since, key] = [optionText(ctx, 'since'), optionText(ctx, 'key')]
  const keys = key === undefined ? undefined : await keysOf(key, ctx)
  return {
    ...(since === undefined ? {} : { since: await readSmall(since, ctx) }),
    ...(keys ? { trusts: async (found) => keys.some((trusted) => trusted.equals(found)) } : {}),
    full: ctx.options['full'] === true,
  }
}

async function keysOf(key: string, ctx: CommandContext) {
  const lines = key.includes('+') ? [key] : (await readSmall(key, ctx)).split('\n')
  return lines.filter((line) => line !== '').map((line) => parseVerifierKey(line).publicKey)
}

/** What `--json` prints, also for the commands that verify on the way. */
export function document(result: VerifyResult): Json {
  const { ok, entries, lastHash, problem, signed, pruned, evidence } = result
  return {
    ok,
    entries,
    last_hash: lastHash,
    ...(signed ? { signed: { ...signed } } : {}),
    ...(pruned === undefined ? {} : { pruned }),
    ...(problem ? { problem: { ...problem } } : {}),
    ...(evidence === undefined ? {} : { evidence }),
  }
}

/** What people read. */
export function text(result: VerifyResult): string {
  const { entries, problem, evidence } = result
  if (!problem) return sound(result)
  const lines = [
    `${problem.kind}: line ${problem.line} (${place(problem)}): ${printable(problem.message)}`,
    `${entries} records before it are unbroken.`,
    NEXT[problem.kind],
    ...(evidence === undefined ? [] : ['The newest checkpoint of this log:', ...evidence.split('\n').map(printable)]),
  ]
  return lines.join('\n')
}

function sound({ entries, lastHash, signed, pruned }: VerifyResult): string {
  return [
    `ok: ${entries} records, unbroken`,
    `last hash: ${lastHash}`,
    ...(pruned === undefined ? [] : [`pruned: records 1 to ${pruned}, as a record in the log says`]),
    ...(signed ? [`signed: records 1 to ${signed.size} by ${printable(signed.vkey)}`] : ['signed: nothing']),
    ...(signed && entries > signed.size + 1 ? [`not signed yet: ${entries - signed.size} records`] : []),
    ...(signed?.trust === 'first-use'
      ? ['Nobody but the log vouches for that key. Compare it with one kept elsewhere: cloned audit verify --key VKEY']
      : []),
  ].join('\n')
}

function place({ file, offset }: AuditProblem): string {
  return file === 'audit.log' ? `byte ${offset}` : `byte ${offset}, ${printable(file)}`
}

const EVIDENCE = 'Nothing more is recorded, so nothing runs. Keep the files as evidence and compare them with a copy.'
const NEXT: Readonly<Record<AuditProblem['kind'], string>> = {
  torn: 'A writer died or is still writing; the next record notes what was dropped. Then run: cloned audit verify',
  tampered: EVIDENCE,
  truncated: EVIDENCE,
  unverifiable: EVIDENCE,
  forked: 'This log and the remembered checkpoint have different pasts. Keep both notes: together they prove it.',
}
