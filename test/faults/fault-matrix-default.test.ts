import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace } from 'cloned'
import {
  approvalsSlot,
  beforeSecretUse,
  createKernel,
  type Distribution,
  definePlugin,
  defineTool,
  KERNEL_HOOKS,
  policyWrite,
  toolsCollection,
} from 'cloned/kernel'
import { runsSlot } from 'cloned/plugins/runs'
import { defineSkillPack, skillPacksCollection } from 'cloned/plugins/skills'
import { type FaultSubject, faultMatrix } from 'cloned/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { defaultDistribution } from '../../plugins/default.js'
import { quiet } from '../kernel/support.js'

const ACTOR = 'agent:tester'
// Long enough that the real disk answers in it, short enough to wait for everything that never does.
const HANG_MS = 800

/** Kernels that several cases share, by the distribution they were made of. */
const shared = new Map<Distribution, Promise<FaultSubject & { end(): Promise<void> }>>()

afterAll(async () => {
  for (const subject of shared.values()) {
    await subject.then(
      ({ end }) => end(),
      () => undefined,
    )
  }
})

async function boot(distribution: Distribution): Promise<FaultSubject & { end(): Promise<void> }> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-faults-'))
  const remove = () => rmSync(root, { recursive: true, force: true })
  let n = 0
  try {
    initWorkspace(root, { type: 'personal', now: Date.now })
    const kernel = createKernel(distribution, { config: { 'cloned.workspace': { root } }, log: () => quiet })
    await kernel.start()
    // A host that may be asked for, so that only a fault can be what stops a request.
    const egress = 'egress: { global: { allow: [{ host: 127.0.0.1, schemes: [http], ports: [9] }] } }\n'
    const rules = `version: 1\npack: personal\n${egress}`
    const written = await kernel.act(policyWrite, {
      target: 'personal',
      input: { pack: 'personal', content: rules, previous: null },
      actor: ACTOR,
    })
    // A fault that is there from the start may deny it already.
    let previous: string | null = null
    if (written.status === 'pending') {
      const approve = { verdict: 'approve', by: kernel.actor() } as const
      const { outcome } = await kernel.service(approvalsSlot).decide(written.approval.id, approve)
      if (outcome?.status === 'done') previous = (outcome.output as { digest: string }).digest
    }
    const content = `${rules}# change\n`
    const call = () => ({
      tool: 'cloned.internal.artifact.save@v1',
      input: { filename: `a${n++}.md`, content: 'x' },
      actor: ACTOR,
    })
    return {
      kernel,
      call,
      asked: () => ({ tool: 'cloned.internal.fs.write@v1', input: { path: `w${n++}.md`, content: 'x' }, actor: ACTOR }),
      decider: kernel.actor(),
      ran: () => saved(root) + readdirSync(root).filter((name) => /^w\d+\.md$/.test(name)).length,
      act: {
        onPolicyWrite: () =>
          kernel.act(policyWrite, {
            target: 'personal',
            input: { pack: 'personal', content, previous },
            actor: ACTOR,
          }),
        beforeEgress: () =>
          kernel.call({
            tool: 'cloned.internal.http.fetch@v1',
            input: { url: `http://127.0.0.1:9/${n++}` },
            actor: ACTOR,
          }),
        // What a run may cost is taken of the calls of runs alone.
        'reserveToolCall.settle': async () => {
          const runs = kernel.service(runsSlot)
          const { id } = await runs.start({ pipeline: 'test.faults/save', inputs: { filename: `a${n++}.md` } })
          const { state, error } = await runs.settled(id)
          const rest = { callId: id, ballot: [] }
          return state === 'done'
            ? { status: 'done', output: null, record: { seq: 0, hash: '' }, ...rest }
            : {
                status: 'failed',
                code: error?.code ?? state,
                reason: error?.message ?? state,
                effect: 'unknown',
                help: '',
                ...rest,
              }
        },
        beforeSecretUse: () => kernel.call({ tool: 'test.faults.secret@v1', input: { n: n++ }, actor: ACTOR }),
      },
      dispose: async () => undefined,
      end: async () => {
        await kernel.stop()
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

function saved(root: string): number {
  try {
    // The staging directory stands beside the artifacts.
    return readdirSync(join(root, '.cloned', 'artifacts')).filter((name) => !name.startsWith('.')).length
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}

function make(distribution: Distribution): Promise<FaultSubject> {
  const known = shared.get(distribution)
  if (known) return known
  const made = boot(distribution)
  shared.set(distribution, made)
  return made
}

const SAVE = 'cloned.internal.artifact.save@v1'
const savingPack = defineSkillPack(
  {
    format: 1,
    id: 'test.faults',
    version: '1.0.0',
    title: 'Faults',
    description: 'Saves one file, at a cost that is limited.',
    allowed_tools: [SAVE],
    constitution: { max_cost: { calls: 5 } },
  },
  [
    {
      format: 1,
      id: 'test.faults/save',
      title: 'Save',
      description: 'Saves one file.',
      inputs: { type: 'object', properties: { filename: { type: 'string' } }, required: ['filename'] },
      allowed_tools: [SAVE],
      // biome-ignore lint/suspicious/noTemplateCurlyInString: an expression of the pipeline
      steps: [{ id: 'save', tool: SAVE, input: { filename: '${{ inputs.filename }}', content: 'x' } }],
    },
  ],
)

/** A tool that asks for a secret, as no built-in one does, and a pack whose runs are limited. */
const secretUser = definePlugin({
  id: 'test.faults',
  version: '1.0.0',
  kernel: '^0.1.0',
  contributes: { tools: toolsCollection, packs: skillPacksCollection },
  setup: () => ({
    packs: [savingPack],
    tools: [
      defineTool({
        id: 'test.faults.secret@v1',
        title: 'Use',
        description: 'Asks whether a secret may be used',
        risk: 'low',
        capability: 'test',
        input: { type: 'object' },
        output: {},
        handler: async (_, ctx) => {
          const answer = await ctx.check(beforeSecretUse, {
            secret: 'github',
            host: 'api.example.com',
            slot: 'header:a',
          })
          return answer.allowed
        },
      }),
    ],
  }),
})

const distribution = defaultDistribution({ plugins: [secretUser] })

describe('the default distribution', () => {
  it('runs when nothing fails', async () => {
    const subject = await boot(distribution)
    expect(await subject.kernel.call(subject.call())).toMatchObject({ status: 'done' })
    expect(await subject.kernel.call(subject.asked?.() ?? subject.call())).toMatchObject({ status: 'pending' })
    expect(await subject.act?.['onPolicyWrite']?.()).toMatchObject({ status: 'pending' })
    expect(await subject.act?.['beforeEgress']?.(), 'let out, to where nobody listens').toMatchObject({
      code: 'EGRESS_FAILED',
    })
    expect(await subject.act?.['beforeSecretUse']?.()).toMatchObject({ status: 'done', output: true })
    expect(subject.ran()).toBe(1)
    await subject.end()
  })

  const rules = faultMatrix(distribution, make, { hangMs: HANG_MS })
  const [waiting, rest] = [true, false].map((hangs) =>
    rules.filter(({ name }) => name.endsWith('never answers') === hangs).map((rule) => [rule.name, rule] as const),
  )
  it.each(rest ?? [])('%s', (_, rule) => rule.run())
  // Each of these waits for its own kernel, so they may wait together.
  it.concurrent.each(waiting ?? [])('%s', (_, rule) => rule.run())

  const taps = distribution.plugins.flatMap((entry) => {
    const { id, taps } = ('plugin' in entry ? entry.plugin : entry).manifest
    const ofKernel = taps.filter((tap) => KERNEL_HOOKS.some((known) => known.id === tap.id))
    return ofKernel.flatMap(({ id: hook, kind }) =>
      kind === 'reserve'
        ? ['peek', 'take', 'settle'].map((method) => `${id} on ${hook}.${method}`)
        : [`${id} on ${hook}`],
    )
  })
  const faults = [
    'throws an Error',
    'rejects with undefined',
    'never answers',
    'answers an unknown effect',
    'is missing',
  ]
  it.each(taps)('%s has a case of each kind', (tap) => {
    const names = rules.map(({ name }) => name)
    expect(faults.filter((fault) => !names.includes(`${tap}: ${fault}`))).toEqual([])
  })

  it('has a case of waiting for every place', () => {
    expect(waiting?.length).toBeGreaterThan(15)
    expect((waiting?.length ?? 0) + (rest?.length ?? 0)).toBe(rules.length)
  })
})
