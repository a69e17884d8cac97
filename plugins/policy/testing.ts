// The rules that every policy keeps, as cases for any test runner; must never rely on what a policy allows or how it is written.
import assert from 'node:assert/strict'
import {
  type Action,
  actionKind,
  allow,
  beforeAction,
  definePlugin,
  defineTool,
  type Kernel,
  type Outcome,
  policyWrite,
  type Risk,
  toolsCollection,
} from 'cloned/kernel'
import {
  approved,
  type ContractCase,
  codeOf,
  contractCase,
  type OpenReplaced,
  type TestWorkspace,
} from 'cloned/testing'
import { type Answer, type Policy, type PolicySnapshot, policySlot } from './slot.js'

/** What a policy can do besides judging; leave out what it cannot. */
export interface PolicyAbilities {
  /** It can be changed through the gate: a text of its overlay that changes the answer to `bench.low.do@v1`. */
  readonly overlay?: string
}

/** A workspace with tools and a kind of action that the policy has never heard of, and with what was judged of them. */
interface PolicySubject extends Pick<TestWorkspace, 'kernel' | 'reopen' | 'close'> {
  readonly policy: Policy
  readonly judged: Action[]
  readonly ran: string[]
}

const RISKS: readonly Risk[] = ['low', 'medium', 'high']
const STATUS: Readonly<Record<Answer, Outcome['status']>> = { allow: 'done', ask: 'pending', deny: 'denied' }
const thing = actionKind<Record<string, never>, null, 'bench.thing'>({
  id: 'bench.thing',
  contract: 1,
  record: 'thing',
  onApproval: 'caller',
})

/** The contract of slot `cloned.policy`. */
export function policySuite(open: OpenReplaced, { overlay }: PolicyAbilities = {}): readonly ContractCase[] {
  const rule = (name: string, check: (subject: PolicySubject) => Promise<unknown>) =>
    contractCase(
      name,
      () => openPolicy(open),
      async (subject) => void (await check(subject)),
    )
  return [
    rule('a tool call ends as the policy answers, and nothing runs that it does not allow', agrees),
    rule('an action of a kind that it has never heard of ends as it answers', async (subject) => {
      const outcome = await subject.kernel.act(thing, { target: 'it', input: {} })
      const { answer } = subject.policy.decide(lastOf(subject))
      assert.equal(outcome.status, STATUS[answer])
    }),
    rule('its vote names the rule of its answer, in a dry run too', async (subject) => {
      const owner = subject.kernel.plan().owners[policySlot.id]
      for (const risk of RISKS) {
        const judged = await subject.kernel.explain({ tool: `bench.${risk}.do@v1`, input: {} })
        const vote = judged.ballot.find(({ plugin, effect }) => plugin === owner && effect !== 'abstain')
        const { answer, rule } = subject.policy.decide(lastOf(subject))
        assert.equal(vote?.effect, answer)
        assert.ok(rule !== '' && JSON.stringify(vote).includes(JSON.stringify(rule).slice(1, -1)), `no rule "${rule}"`)
      }
      assert.deepEqual(subject.ran, [])
    }),
    rule('its snapshot has everything that others read, frozen to its depth', async ({ policy }) => {
      const snapshot = policy.snapshot()
      checkShape(snapshot)
      assert.ok(isFrozen(snapshot), 'somebody could bend it')
    }),
    rule('its snapshot stays the same while nothing changes, and over a restart', async ({ policy, reopen }) => {
      const before = policy.snapshot()
      assert.equal(policy.snapshot(), before)
      assert.equal((await reopen()).service(policySlot).snapshot().digest, before.digest)
    }),
    rule('a preview of what is no overlay is refused, and changes nothing', async ({ policy }) => {
      const before = policy.snapshot()
      for (const text of ['{', 'version: 7', '"a text"', '\u0000'])
        assert.equal(await codeOf(() => policy.preview(text)), 'FILE_INVALID')
      assert.equal(policy.snapshot(), before)
    }),
    rule('no change of it passes unasked, whatever it says', async ({ kernel, policy, ran }) => {
      const before = policy.snapshot()
      for (const content of [overlay ?? 'tools: {}', '{'])
        assert.ok(['pending', 'denied'].includes((await write(kernel, policy, content)).status))
      assert.equal(policy.snapshot(), before)
      assert.deepEqual(ran, [])
    }),
    ...(overlay === undefined ? [] : writingRules(rule, overlay)),
  ]
}

type Rule = (name: string, check: (subject: PolicySubject) => Promise<unknown>) => ContractCase

function writingRules(rule: Rule, overlay: string): readonly ContractCase[] {
  return [
    rule('an approved change is in force at once, as it was shown, and after a restart', async (subject) => {
      const { kernel, policy } = subject
      const before = policy.snapshot()
      const shown = policy.preview(overlay)
      assert.equal(policy.snapshot(), before)
      assert.notEqual(shown.digest, before.digest)
      const answers = await agrees(subject)
      assert.equal((await approved(kernel, await write(kernel, policy, overlay))).status, 'done')
      const after = policy.snapshot()
      assert.deepEqual([after.digest, after.drift], [shown.digest, false])
      assert.notEqual(after.overlay, before.overlay)
      assert.ok(after.epoch > before.epoch)
      assert.notDeepEqual(await agrees(subject), answers)
      assert.equal((await subject.reopen()).service(policySlot).snapshot().digest, after.digest)
    }),
    rule('a change that was prepared for another policy is refused', async ({ kernel, policy }) => {
      await approved(kernel, await write(kernel, policy, overlay))
      const { digest } = policy.snapshot()
      const stale = await write(kernel, policy, `${overlay}\n`, null)
      assert.equal(stale.status, 'denied')
      assert.equal(policy.snapshot().digest, digest)
    }),
  ]
}

async function openPolicy(open: OpenReplaced): Promise<PolicySubject> {
  const judged: Action[] = []
  const ran: string[] = []
  const bench = definePlugin({
    id: 'bench.policy',
    version: '1.0.0',
    kernel: '^0.1.0',
    taps: [beforeAction],
    executes: [thing],
    contributes: { tools: toolsCollection },
    setup({ hooks, actions }) {
      // A word of somebody else: it must not lift what the policy says.
      hooks.guard(beforeAction, (action) => {
        judged.push(action)
        return action.kind === policyWrite.id ? undefined : allow()
      })
      actions.execute(thing, { input: { type: 'object' }, execute: () => null })
      return { tools: RISKS.map((risk) => toolOf(risk, ran)) }
    },
  })
  const { kernel, reopen, close } = await open({ plugins: [bench] })
  return { kernel, reopen, close, policy: kernel.service(policySlot), judged, ran }
}

function toolOf(risk: Risk, ran: string[]) {
  return defineTool({
    id: `bench.${risk}.do@v1`,
    title: 'Do',
    description: 'Does nothing',
    risk,
    capability: 'bench.run',
    input: { type: 'object' },
    output: {},
    handler: (_, { callId }) => {
      ran.push(callId)
      return null
    },
  })
}

/** Calls a tool of every risk; answers how each ended. */
async function agrees(subject: PolicySubject): Promise<readonly string[]> {
  const ends: string[] = []
  for (const risk of RISKS) {
    const { status, callId } = await subject.kernel.call({ tool: `bench.${risk}.do@v1`, input: {} })
    const { answer, rule } = subject.policy.decide(lastOf(subject))
    assert.equal(status, STATUS[answer], `${risk}: ${rule}`)
    assert.equal(subject.ran.includes(callId), answer === 'allow')
    ends.push(status)
  }
  return ends
}

function lastOf({ judged }: PolicySubject): Action {
  return judged.at(-1) ?? assert.fail('nothing was judged')
}

function write(kernel: Kernel, policy: Policy, content: string, previous = policy.snapshot().overlay) {
  const { pack } = policy.snapshot()
  return kernel.act(policyWrite, { target: pack, input: { pack, content, previous } })
}

function checkShape({ tools, capabilities, publishers, actions, approvals, limits, ...rest }: PolicySnapshot): void {
  const answers: readonly unknown[] = ['allow', 'ask', 'deny']
  for (const lists of [tools, capabilities, publishers])
    for (const answer of ['deny', 'ask', 'allow'] as const) assert.ok(Array.isArray(lists[answer]), answer)
  for (const answer of [...Object.values(tools.risk), publishers.others, ...Object.values(actions)])
    assert.ok(answers.includes(answer), answer)
  assert.ok(approvals.expiresMs > 0 && approvals.maxPendingPerActor > 0 && limits.depth > 0 && limits.timeoutMs > 0)
  assert.equal(typeof approvals.selfDecision, 'boolean')
  assert.match(rest.digest, /^[0-9a-f]{64}$/)
  for (const list of [approvals.approvers, approvals.rules, rest.ui.origins, rest.budgets])
    assert.ok(Array.isArray(list))
  for (const list of [rest.egress.global.deny, rest.egress.global.allow]) assert.ok(Array.isArray(list))
}

function isFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return Object.isFrozen(value) && Object.values(value).every(isFrozen)
}
