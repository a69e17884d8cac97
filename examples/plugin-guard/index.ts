// A guard of a third party: protects names from being written, and asks about writes outside office hours; allows nothing.
import { ask, beforeToolCall, configSchema, definePlugin, deny, type ToolCall } from 'cloned/kernel'
import { doctorChecksCollection } from 'cloned/plugins/doctor'
import { protectedPart } from './names.js'

/** How the guard is set up; every member has a default. */
export interface WriteGuardConfig {
  /** Names that no written path may contain, as file or as directory. */
  readonly names: readonly string[]
  /** Hours in UTC, Monday to Friday, in which writes are not asked about by this guard: from 8 until before 18. */
  readonly office: { readonly from: number; readonly until: number }
}

const config = configSchema<WriteGuardConfig>({
  type: 'object',
  properties: {
    names: {
      type: 'array',
      items: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[^/\\\\]+$' },
      maxItems: 1000,
      default: ['.env', '.git', '.ssh', 'id_rsa'],
    },
    office: {
      type: 'object',
      properties: {
        from: { type: 'integer', minimum: 0, maximum: 23 },
        until: { type: 'integer', minimum: 1, maximum: 24 },
      },
      required: ['from', 'until'],
      additionalProperties: false,
      default: { from: 8, until: 18 },
    },
  },
  additionalProperties: false,
})

/** Votes on every tool that can write files. An `allow()` from here would not count, so it never says so. */
export const writeGuard = definePlugin({
  id: 'acme.write-guard',
  version: '1.0.0',
  kernel: '^0.1.0',
  stability: 'beta',
  description: 'Protects names from being written and asks about writes outside office hours.',
  taps: [beforeToolCall],
  contributes: { checks: doctorChecksCollection },
  config,
  setup({ config: { names, office }, hooks }) {
    hooks.guard(beforeToolCall, (call) => {
      if (call.tool.capability !== 'fs.write') return undefined
      const path = pathOf(call)
      // Not knowing where a tool writes is no reason to let it.
      if (path === undefined) {
        return deny(`${call.target} does not say in "path" where it writes`, { code: 'ACME_PATH_UNKNOWN' })
      }
      const part = protectedPart(path, names)
      if (part !== undefined) {
        return deny(`"${part}" is a protected name`, {
          code: 'ACME_NAME_PROTECTED',
          help: 'Write it by hand, or take the name out of "names" in the configuration of acme.write-guard.',
        })
      }
      // The time is the action's own: a guard that looks at a clock answers differently when it is asked twice.
      if (isOpen(call.at, office)) return undefined
      // The key names the question. An approval that was given to other questions does not answer this one.
      return ask('it writes outside office hours', 'office-hours')
    })
    const check = {
      id: 'acme.write-guard.names',
      needs: 'nothing' as const,
      run: async () =>
        names.length > 0
          ? { level: 'ok' as const, message: `${names.length} names are protected from being written` }
          : { level: 'warn' as const, message: 'no name is protected', fix: 'List "names" for acme.write-guard.' },
    }
    return { checks: [check] }
  },
})

function pathOf({ input }: ToolCall): string | undefined {
  const path = (input as { readonly path?: unknown }).path
  return typeof path === 'string' ? path : undefined
}

function isOpen(at: number, { from, until }: WriteGuardConfig['office']): boolean {
  const time = new Date(at)
  const [day, hour] = [time.getUTCDay(), time.getUTCHours()]
  return day >= 1 && day <= 5 && hour >= from && hour < until
}
