import { builtIns, defaultDistribution } from 'cloned'
import { createKernel, definePlugin, plan, scrubberSlot } from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const ids = builtIns.map(({ manifest }) => manifest.id)
const without = (...off: string[]) => plan(defaultDistribution(), {}, off)

/** Without any of these something would be let through that the default distribution stops: none may go, alone or with others. */
const GUARDS = ['cloned.policy', 'cloned.firewall', 'cloned.store-guard', 'cloned.budgets', 'cloned.scrub']

/** What goes with these is an ability: nothing that is denied with them is allowed without them. */
const ABILITIES = [
  ...['cloned.approvals', 'cloned.approvals-command'], // an ask is a denial, and nobody is told of it
  ...['cloned.vault-file', 'cloned.vault-env', 'cloned.vault-command'], // secrets that are not found
  ...['cloned.vault-openbao', 'cloned.vault-keychain', 'cloned.vault-azure'],
  ...['cloned.egress-proxy', 'cloned.sandbox-bubblewrap', 'cloned.sandbox-runtime'], // programs that cannot be confined do not run
  ...['cloned.fs', 'cloned.artifacts', 'cloned.registry', 'cloned.runs', 'cloned.mcp-upstream'], // guards of their own tools
  ...['cloned.webhooks', 'cloned.mcp', 'cloned.mcp-clients', 'cloned.api', 'cloned.pairing'], // doors
  ...['cloned.doctor', 'cloned.builder', 'cloned.plugin-kit', 'cloned.quickstart'], // commands
]

describe('what a run may switch off of the default distribution', () => {
  it.each(ids)('is decided for %s', (id) => {
    const { problems } = without(id)
    if (ABILITIES.includes(id)) return expect(problems).toEqual([])
    const codes = problems.map(({ code }) => code)
    expect(codes).toContain(GUARDS.includes(id) ? 'GUARD_MISSING' : 'SLOT_MISSING')
    expect(() => createKernel(defaultDistribution(), { off: [id] })).toThrow(
      expect.objectContaining({ code: 'PLAN_FAILED' }),
    )
  })

  it('never is a guard, whatever goes with it', () => {
    fc.assert(
      fc.property(fc.subarray(ids), (off) => {
        const { problems, requiredGuards, plugins } = without(...off)
        if (off.some((id) => GUARDS.includes(id))) return problems.some(({ code }) => code === 'GUARD_MISSING')
        if (problems.length > 0) return true
        const present = plugins.map(({ id }) => id)
        return GUARDS.every(
          (id) => present.includes(id) && Object.values(requiredGuards).some((all) => all.includes(id)),
        )
      }),
      { numRuns: 150 },
    )
  })

  it('nor by an owner of the scrubber that looks at no input', () => {
    const blind = definePlugin({
      id: 'acme.scrub',
      version: '1.0.0',
      kernel: '^0.1.0',
      provides: { scrubber: scrubberSlot },
      setup: () => ({ scrubber: {} as never }),
    })
    const replaced = { plugins: [blind], replace: { 'cloned.scrubber': 'acme.scrub' } }
    expect(plan(defaultDistribution(replaced)).problems.map(({ code, message }) => `${code} ${message}`)).toEqual([
      expect.stringMatching(/^GUARD_MISSING .*cloned\.scrubber.* on beforeAction, and it does not tap that hook/),
    ])
  })
})
