import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeSecretUse, definePlugin, defineTool, type Outcome, policyWrite, toolsCollection } from 'cloned/kernel'
import { type SecretContext, vaultSlot, vaultWrite } from 'cloned/plugins/vault'
import { afterEach, describe, expect, it } from 'vitest'
import { HOST, type Opened, SCOPE, SLOT, VALUE, vaultWorld, type World } from './vault-fixture.js'

let world: World
afterEach(() => world.close())

const sealed = () => {
  const directory = join(dirname(world.file), 'sealed')
  return existsSync(directory) ? readdirSync(directory) : []
}
const put = ({ vault }: Opened, value = VALUE) => vault.put('github', Buffer.from(value), SCOPE)
const approvalOf = (outcome: Outcome<unknown>): string => {
  if (outcome.status !== 'pending') throw new Error(`it is ${outcome.status}`)
  return outcome.approval.id
}
const by = { id: 'user:bob', claimed: false, osUser: 'bob' }

describe('a write that waits for a person', () => {
  it('keeps the value sealed, runs with it when approved, in whatever process decides, and then lets go of it', async () => {
    world = await vaultWorld('real')
    const opened = await world.open()
    const outcome = await put(opened)
    const approval = approvalOf(outcome)
    expect(existsSync(world.file)).toBe(false)
    expect(sealed()).toHaveLength(1)
    const shown = JSON.stringify(await opened.approvals().get(approval))
    const kept = [shown, ...filesUnder(join(world.root, '.cloned')).map((file) => readFileSync(file, 'latin1'))].join(
      '\n',
    )
    for (const text of [VALUE, Buffer.from(VALUE).toString('base64'), Buffer.from(VALUE).toString('hex')]) {
      expect(kept.includes(text)).toBe(false)
    }
    expect(shown).toContain('Store the secret github')
    expect(shown).toContain(HOST)
    await opened.kernel.stop()

    const decider = await world.open()
    const decided = await decider.approvals().decide(approval, { verdict: 'approve', by })
    expect(decided.outcome).toMatchObject({ status: 'done', output: { name: 'github', version: '1' } })
    const secret = await decider.vault.resolve('github', decider.context())
    expect(secret.reveal().toString()).toBe(VALUE)
    expect(sealed()).toEqual([])
  })

  it('is one request when the same value is given twice, and another for another value', async () => {
    world = await vaultWorld('real')
    const opened = await world.open()
    const first = approvalOf(await put(opened))
    expect(approvalOf(await put(opened))).toBe(first)
    expect(approvalOf(await put(opened, 'another-value-9876'))).not.toBe(first)
  })

  it('lets go of the value when a person denies it', async () => {
    world = await vaultWorld('real')
    const opened = await world.open()
    const approval = approvalOf(await put(opened))
    await opened.approvals().decide(approval, { verdict: 'deny', by })
    await opened.kernel.stop()
    expect(sealed()).toEqual([])
    expect(existsSync(world.file)).toBe(false)
  })

  it.each([
    ['is lost', (file: string) => renameSync(file, `${file}.away`)],
    ['was changed', (file: string) => writeFileSync(file, `${readFileSync(file, 'utf8').slice(0, -6)}AAAA=`)],
    ['was emptied', (file: string) => writeFileSync(file, '')],
  ])('fails without effect when the sealed value %s', async (_, damage) => {
    world = await vaultWorld('real')
    const opened = await world.open()
    const approval = approvalOf(await put(opened))
    damage(join(dirname(world.file), 'sealed', sealed()[0] ?? ''))
    const { outcome } = await opened.approvals().decide(approval, { verdict: 'approve', by })
    expect(outcome).toMatchObject({ status: 'failed', effect: 'none', code: 'VAULT_SEAL_GONE' })
    expect(existsSync(world.file)).toBe(false)
  })

  it('cannot be given the sealed value of another request', async () => {
    world = await vaultWorld('real')
    const opened = await world.open()
    const approval = approvalOf(await put(opened))
    const [wanted = ''] = sealed()
    approvalOf(await opened.vault.put('gitlab', Buffer.from('attackers-value-1'), SCOPE))
    const other = sealed().find((id) => id !== wanted) ?? ''
    const directory = join(dirname(world.file), 'sealed')
    renameSync(join(directory, other), join(directory, wanted))
    const { outcome } = await opened.approvals().decide(approval, { verdict: 'approve', by })
    expect(outcome).toMatchObject({ status: 'failed', code: 'VAULT_SEAL_GONE' })
  })

  it.each([
    ['another name', { name: 'mine' }],
    ['another scope', { scope: { ...SCOPE, hosts: ['evil.com'] } }],
    ['another change', { op: 'rotate' }],
  ] as const)('cannot be made to give its value to %s', async (_, change) => {
    world = await vaultWorld('real')
    const opened = await world.open()
    const wanted = approvalOf(await put(opened))
    const [stolen = ''] = sealed()
    const input = { op: 'set', provider: 'file', name: 'github', scope: SCOPE, sealed: stolen, ...change } as const
    const approval = approvalOf(await opened.kernel.act(vaultWrite, { target: input.name, input }))
    const { outcome } = await opened.approvals().decide(approval, { verdict: 'approve', by })
    expect(outcome).toMatchObject({ status: 'failed', code: 'VAULT_SEAL_GONE' })
    expect(existsSync(world.file)).toBe(false)
    const decided = await opened.approvals().decide(wanted, { verdict: 'approve', by })
    expect(decided.outcome).toMatchObject({ status: 'done' })
  })

  it('does not keep values for ever', async () => {
    world = await vaultWorld('real')
    const opened = await world.open()
    approvalOf(await put(opened))
    const [old = ''] = sealed()
    const long = Date.now() / 1_000 - 32 * 24 * 3_600
    utimesSync(join(dirname(world.file), 'sealed', old), long, long)
    approvalOf(await put(opened, 'another-value-9876'))
    expect(sealed()).not.toContain(old)
  })
})

it('a write that the policy denies leaves nothing behind', async () => {
  world = await vaultWorld('deny')
  const opened = await world.open()
  expect(await put(opened)).toMatchObject({ status: 'denied' })
  expect(sealed()).toEqual([])
  expect(existsSync(world.file)).toBe(false)
})

describe('inside a tool', () => {
  const user = (seen: string[]) =>
    definePlugin({
      id: 'test.user',
      version: '1.0.0',
      kernel: '^0.1.0',
      requires: { vault: vaultSlot },
      contributes: { tools: toolsCollection },
      setup: ({ deps: { vault } }) => ({
        tools: [
          defineTool<{ workspace: string }>({
            id: 'test.api.use@v1',
            title: 'Use',
            description: 'Uses a secret',
            risk: 'low',
            capability: 'test',
            input: { type: 'object' },
            output: {},
            async handler({ workspace }, ctx) {
              const context: SecretContext = {
                tool: 'test.api.use@v1',
                host: HOST,
                slot: SLOT,
                callId: ctx.callId,
                workspace,
                check: (subject) => ctx.check(beforeSecretUse, subject),
              }
              const secret = await vault.resolve('github', context)
              const use = { tool: context.tool, host: HOST, slot: SLOT, https: true, egress: [HOST] }
              seen.push(vault.bind(secret, use))
              return { used: String(secret) }
            },
          }),
        ],
      }),
    })

  it('a secret is bound when guards allow it, and its use is on record', async () => {
    world = await vaultWorld()
    const seen: string[] = []
    const opened = await world.open({ plugins: [user(seen)] })
    await opened.put('github')
    const { workspace } = opened.context()
    const outcome = await opened.kernel.call({ tool: 'test.api.use@v1', input: { workspace } })
    expect(outcome).toMatchObject({ status: 'done', output: { used: '[secret:github]' } })
    expect(seen).toEqual([VALUE])
    const records = await opened.audit.find(outcome.callId)
    expect(records.map(({ record }) => record['type'])).toEqual([
      'tool.intent',
      'check.before_secret_use',
      'tool.outcome',
    ])
    expect(records[1]?.record).toMatchObject({ allowed: true, subject: { secret: 'github', host: HOST, slot: SLOT } })
  })

  it.each([
    ['the built-in policy allows it', undefined, true],
    ['the policy denies it', 'secret.use: deny', false],
    ['the policy would ask: nobody can be asked in the middle of a call', 'secret.use: ask', false],
  ])('the real policy has its say: %s', async (_, rule, allowed) => {
    world = await vaultWorld('real')
    const seen: string[] = []
    const opened = await world.open({ plugins: [user(seen)] })
    await opened.approvals().decide(approvalOf(await put(opened)), { verdict: 'approve', by })
    if (rule) {
      mkdirSync(join(world.root, '.cloned', 'policy'), { recursive: true })
      const content = `version: 1\npack: personal\nactions:\n  ${rule}\n`
      const write = await opened.kernel.act(policyWrite, {
        target: 'personal',
        input: { pack: 'personal', content, previous: null },
      })
      await opened.approvals().decide(approvalOf(write), { verdict: 'approve', by })
    }
    const { workspace } = opened.context()
    const outcome = await opened.kernel.call({ tool: 'test.api.use@v1', input: { workspace } })
    expect(outcome.status).toBe(allowed ? 'done' : 'failed')
    expect(seen).toEqual(allowed ? [VALUE] : [])
  })
})

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesUnder(join(directory, entry.name)) : [join(directory, entry.name)],
  )
}
