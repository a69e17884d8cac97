// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets look like that
// The rules that every vault keeps, as cases for any test runner; must never rely on where a vault keeps its secrets.
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { CheckAnswer, Outcome } from 'cloned/kernel'
import { type ContractCase, type ContractSubject, codeOf, contractCase } from 'cloned/testing'
import type { Secret, SecretContext, SecretScope, SecretUse, Vault, VaultWritten } from './slot.js'

/** A vault under test, without secrets. */
export interface VaultSubject extends ContractSubject {
  readonly vault: Vault
  /** Id of its workspace. */
  readonly workspace: string
  /** Has the vault keep a secret, by whatever way its secrets come in. */
  put(name: string, value: string, scope: SecretScope): Promise<void>
  /** Approves a write that waits for somebody. Where writes are described, and only there. */
  approve?(outcome: Outcome<VaultWritten>): Promise<Outcome<VaultWritten>>
  /** What is left of a text on its way out of the process. Leave out where nothing takes secrets out of it. */
  scrub?(text: string): string
}

const TOOL = 'test.api.get@v1'
const HOST = 'api.example.com'
const SLOT = 'header:authorization'
const SCOPE: SecretScope = {
  hosts: [HOST, '*.wide.example'],
  tools: ['test.api.*'],
  slots: [SLOT, 'query:k', 'json:/k'],
}
/** A value that no other text holds, with everything that careless code trips over. */
const VALUE = 'tok-$&$1-${vault:other}-"7f3Qz'

/** The contract of slot `cloned.vault`. `make` is called once per case. */
export function vaultSuite(make: () => Promise<VaultSubject>): readonly ContractCase[] {
  const rule: Rule = (name, check) => contractCase(name, make, check)
  const kept: Rule = (name, check) =>
    rule(name, async (subject) => {
      await subject.put('token', VALUE, SCOPE)
      await check(subject)
    })
  return [...given(rule, kept), ...bound(kept), ...looks(rule, kept), ...writes(kept)]
}

type Rule = (name: string, check: (subject: VaultSubject) => Promise<void>) => ContractCase

function given(rule: Rule, kept: Rule): readonly ContractCase[] {
  return [
    kept('a secret is given out for what its scope names, and put where it was asked for', async (subject) => {
      const { vault } = subject
      const secret = await vault.resolve('token', contextOf(subject))
      assert.equal(secret.name, 'token')
      assert.ok(secret.version.length > 0)
      assert.equal(secret.reveal().toString('utf8'), VALUE)
      assert.equal(vault.bind(secret, USE), VALUE)
    }),
    kept('a secret shows its value to nobody who does not ask for it', async (subject) => {
      const secret = await subject.vault.resolve('token', contextOf(subject))
      for (const text of [
        `${secret}`,
        String(secret),
        secret.toString(),
        JSON.parse(JSON.stringify(secret)),
        inspect(secret),
      ]) {
        assert.equal(text, '[secret:token]')
      }
      assert.ok(!JSON.stringify({ ...secret }).includes(VALUE))
      assert.throws(() => structuredClone(secret))
    }),
    kept('who may not have a secret learns nothing, not even whether it is there', async (subject) => {
      const { vault } = subject
      const texts = new Set<string>()
      const refusals: Record<string, SecretContext | undefined> = {
        'another tool': contextOf(subject, { tool: 'test.other@v1' }),
        'another host': contextOf(subject, { host: 'api.example.com.evil.example' }),
        'another port': contextOf(subject, { host: `${HOST}:8443` }),
        'the name of a wildcard itself': contextOf(subject, { host: 'wide.example' }),
        'another slot': contextOf(subject, { slot: 'query:token' }),
        'another workspace': contextOf(subject, { workspace: 'f'.repeat(32) }),
        'a guard that denies': contextOf(subject, { check: () => DENIED }),
        'a guard that answers junk': contextOf(subject, { check: () => ({ allowed: 'yes' }) as never }),
        'a guard that answers nothing': contextOf(subject, { check: () => undefined as never }),
        'no secret at all': undefined,
      }
      for (const [why, context] of Object.entries(refusals)) {
        const name = context ? 'token' : 'gone'
        const error = await vault.resolve(name, context ?? contextOf(subject)).then(
          () => assert.fail(`it was given out: ${why}`),
          (thrown: { code?: string; message: string; help?: string }) => thrown,
        )
        assert.equal(error.code, 'SECRET_DENIED', why)
        texts.add(`${error.message} ${error.help}`.replaceAll(name, 'NAME'))
      }
      assert.equal(texts.size, 1, [...texts].join('\n'))
    }),
    rule('what is no name is no secret', async (subject) => {
      for (const name of ['', '../token', 'Token', '__proto__', 'a b', 'x'.repeat(65)]) {
        assert.equal(await codeOf(() => subject.vault.resolve(name, contextOf(subject))), 'SECRET_DENIED', name)
      }
    }),
    kept('the guards are asked for each use, and hear of no value', async (subject) => {
      const asked: unknown[] = []
      const check = (about: unknown): CheckAnswer => {
        asked.push(about)
        return { allowed: true, ballot: [] }
      }
      for (let n = 0; n < 2; n++) await subject.vault.resolve('token', contextOf(subject, { check }))
      const about = { secret: 'token', host: HOST, slot: SLOT }
      assert.deepEqual(asked, [about, about])
    }),
    kept('a value that was given out is taken out of what leaves the process', async (subject) => {
      if (!subject.scrub) return
      await subject.vault.resolve('token', contextOf(subject))
      assert.ok(!subject.scrub(`before ${VALUE} after`).includes(VALUE))
    }),
  ]
}

function bound(kept: Rule): readonly ContractCase[] {
  return [
    kept('a secret is bound for what it was resolved for, over TLS, where the tool may go', async (subject) => {
      const { vault } = subject
      const secret = await vault.resolve('token', contextOf(subject))
      const uses: Record<string, SecretUse> = {
        'another tool': { ...USE, tool: 'test.api.put@v1' },
        'another host': { ...USE, host: 'a.wide.example', egress: ['a.wide.example'] },
        'another slot': { ...USE, slot: 'query:k' },
        'no TLS': { ...USE, https: false },
        'a host that the tool does not declare': { ...USE, egress: ['other.example.com'] },
        'no declared hosts': { ...USE, egress: [] },
      }
      for (const [why, use] of Object.entries(uses)) {
        assert.equal(await codeOf(() => vault.bind(secret, use)), 'SECRET_UNBOUND', why)
      }
    }),
    kept('only a secret of this vault is bound', async (subject) => {
      const { vault } = subject
      const secret = await vault.resolve('token', contextOf(subject))
      const forged: Secret[] = [
        { name: 'token', version: secret.version, reveal: secret.reveal, toString: () => '', toJSON: () => '' },
        Object.create(secret) as Secret,
        { ...secret },
      ]
      for (const other of forged) assert.equal(await codeOf(() => vault.bind(other, USE)), 'SECRET_UNBOUND')
    }),
    kept('a value is encoded for its place, and breaks out of none', async (subject) => {
      const { vault, put } = subject
      const text = async (name: string, slot: string) =>
        vault.bind(await vault.resolve(name, contextOf(subject, { slot })), { ...USE, slot })
      assert.equal(decodeURIComponent(await text('token', 'query:k')), VALUE)
      assert.ok(!/[&=#"\s]/.test(await text('token', 'query:k')))
      assert.equal(JSON.parse(`"${await text('token', 'json:/k')}"`), VALUE)
      await put('lines', `${VALUE}\r\nx-evil: 1`, SCOPE)
      assert.equal(await codeOf(() => text('lines', SLOT)), 'SECRET_UNBOUND')
    }),
    kept('a template is filled in one pass: a value is never read for further references', async (subject) => {
      const { vault, put } = subject
      await put('other', 'another-value-0815', SCOPE)
      const template = vault.template('Bearer ${vault:token}, ${vault:other}.')
      const filled = await vault.fill(template, contextOf(subject), { https: true, egress: [HOST] })
      assert.equal(filled, `Bearer ${VALUE}, another-value-0815.`)
      const unbound = () => vault.fill(template, contextOf(subject), { https: false, egress: [HOST] })
      assert.equal(await codeOf(unbound), 'SECRET_UNBOUND')
      for (const text of ['${vault:token', '${vault:Bad Name}', '${vault:}']) {
        assert.equal(await codeOf(() => vault.template(text)), 'SECRET_TEMPLATE', text)
      }
      assert.deepEqual(vault.template('no ${reference} here').parts, ['no ${reference} here'])
    }),
  ]
}

function looks(rule: Rule, kept: Rule): readonly ContractCase[] {
  return [
    kept('what can be looked at holds no value', async (subject) => {
      const { vault, put } = subject
      await put('another', 'another-value-0815', SCOPE)
      const about = await vault.describe()
      const info = await vault.info('token')
      assert.deepEqual(
        [info?.name, info?.state, [...(info?.scope.hosts ?? [])].sort()],
        ['token', 'current', [...SCOPE.hosts].sort()],
      )
      assert.equal(await vault.info('gone'), undefined)
      const seen: unknown[] = [about, info, await vault.health()]
      if (about.list) {
        const listed = await vault.list()
        assert.deepEqual(
          listed.map(({ name }) => name),
          ['another', 'token'],
        )
        seen.push(listed)
      } else {
        assert.equal(await codeOf(() => vault.list()), 'VAULT_UNSUPPORTED')
      }
      assert.ok(!JSON.stringify(seen).includes('7f3Qz') && !JSON.stringify(seen).includes('0815'))
    }),
    rule('a secret whose scope names nothing is for nobody', async (subject) => {
      for (const [n, empty] of (['hosts', 'tools', 'slots'] as const).entries()) {
        // A vault may refuse to keep it at all.
        await codeOf(() => subject.put(`empty-${n}`, VALUE, { ...SCOPE, [empty]: [] }))
        assert.equal(await codeOf(() => subject.vault.resolve(`empty-${n}`, contextOf(subject))), 'SECRET_DENIED')
      }
    }),
    rule('a vault that is well says so', async ({ vault }) => {
      const { ok, detail } = await vault.health()
      assert.ok(ok && detail.length > 0, detail)
    }),
  ]
}

function writes(kept: Rule): readonly ContractCase[] {
  const writing: Rule = (name, check) =>
    kept(name, async (subject) => {
      if ((await subject.vault.describe()).write) await check(subject)
    })
  const done = async ({ approve }: VaultSubject, work: Promise<Outcome<VaultWritten>>) => {
    const outcome = await work
    const ended = outcome.status === 'pending' ? ((await approve?.(outcome)) ?? outcome) : outcome
    assert.equal(ended.status, 'done', JSON.stringify(ended))
  }
  return [
    kept('a value that is handed in is wiped, and where nothing can be written that is said', async (subject) => {
      const { vault } = subject
      const { write } = await vault.describe()
      const handed = Buffer.from('new-value-4711')
      const code = await codeOf(() => vault.put('new', handed, SCOPE))
      assert.equal(code, write ? 'ok' : 'VAULT_UNSUPPORTED')
      assert.ok(handed.every((byte) => byte === 0))
      if (write) return
      const others = [() => vault.rotate('token', handed), () => vault.disable('token'), () => vault.remove('token')]
      for (const work of others) assert.equal(await codeOf(work), 'VAULT_UNSUPPORTED')
    }),
    writing('a new value counts from its write on, under the scope that there was', async (subject) => {
      const { vault } = subject
      const before = await vault.resolve('token', contextOf(subject))
      await done(subject, vault.rotate('token', Buffer.from('rotated-value-4711')))
      const after = await vault.resolve('token', contextOf(subject))
      assert.equal(after.reveal().toString(), 'rotated-value-4711')
      assert.notEqual(after.version, before.version)
      assert.deepEqual((await vault.info('token'))?.scope, (await vault.info(before.name))?.scope)
      assert.equal(
        await codeOf(() => vault.resolve('token', contextOf(subject, { host: 'evil.example' }))),
        'SECRET_DENIED',
      )
    }),
    writing('a secret that was disabled or removed is given out no more', async (subject) => {
      const { vault, put } = subject
      await put('second', VALUE, SCOPE)
      await done(subject, vault.disable('token'))
      await done(subject, vault.remove('second'))
      for (const name of ['token', 'second']) {
        assert.equal(await codeOf(() => vault.resolve(name, contextOf(subject))), 'SECRET_DENIED', name)
      }
      assert.equal((await vault.info('token'))?.state, 'disabled')
      assert.equal(await vault.info('second'), undefined)
    }),
    writing('a dry run writes nothing', async (subject) => {
      const { vault } = subject
      const outcome = await vault.remove('token', { dryRun: true })
      assert.equal(outcome.status, 'dry-run', JSON.stringify(outcome))
      await vault.resolve('token', contextOf(subject))
    }),
  ]
}

const USE: SecretUse = { tool: TOOL, host: HOST, slot: SLOT, https: true, egress: [HOST] }
const DENIED: CheckAnswer = { allowed: false, reason: 'a guard said no', help: '', ballot: [] } as never

/** For the tool and host of the suite, let through by the guards. */
function contextOf({ workspace }: VaultSubject, change: Partial<SecretContext> = {}): SecretContext {
  const check = (): CheckAnswer => ({ allowed: true, ballot: [] })
  return { tool: TOOL, host: HOST, slot: SLOT, callId: 'call-1', workspace, check, ...change }
}
