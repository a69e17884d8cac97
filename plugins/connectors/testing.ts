// The rules that everybody who runs connectors keeps, as cases for any test runner; needs a machine that can confine programs.
import assert from 'node:assert/strict'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type JsonObject, type Kernel, type Outcome, policyWrite } from 'cloned/kernel'
import { type ContractCase, type ContractSubject, codeOf, contractCase, mustAct } from 'cloned/testing'
import { toolIdAtGate } from '../package/slot.js'
import { policySlot } from '../policy/slot.js'
import type { Connectors } from './slot.js'
import { TEST_CONNECTOR, writeSource } from './testing-source.js'

/** Who runs connectors, under test, in the kernel of a workspace whose policy lets low risks through. */
export interface ConnectorsSubject extends ContractSubject {
  readonly connectors: Connectors
  /** Its gate: the tools of connectors are called there. */
  readonly kernel: Kernel
  /** Puts the root of trust in a mode. There is none before. */
  trustMode(mode: 'dev' | 'strict'): Promise<void>
}

/** The contract of slot `cloned.connectors`. `make` is called once per case. */
export function connectorsSuite(make: () => Promise<ConnectorsSubject>): readonly ContractCase[] {
  const rule: Rule = (name, check) =>
    contractCase(
      name,
      async () => {
        const subject = await make()
        const directory = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-trial-')))
        writeSource(join(directory, 'source'), 'hello')
        return {
          subject,
          directory,
          close: async () => {
            await subject.close()
            rmSync(directory, { recursive: true, force: true })
          },
        }
      },
      ({ subject, directory }) => check(subject, directory),
    )
  const developed: Rule = (name, check) =>
    rule(name, async (subject, directory) => {
      await subject.trustMode('dev')
      await subject.connectors.develop(join(directory, 'source'))
      await check(subject, directory)
    })
  return [...offers(rule, developed), ...calls(developed), ...walls(developed)]
}

type Rule = (name: string, check: (subject: ConnectorsSubject, directory: string) => Promise<void>) => ContractCase

function offers(rule: Rule, developed: Rule): readonly ContractCase[] {
  return [
    rule('where nobody said that unsigned connectors may run, none does', async (subject, directory) => {
      const { connectors } = subject
      const develop = () => codeOf(() => connectors.develop(join(directory, 'source')))
      assert.equal(await develop(), 'CONNECTOR_DEV', 'without a root of trust')
      await subject.trustMode('strict')
      assert.equal(await develop(), 'CONNECTOR_DEV', 'in strict mode')
      assert.deepEqual([offered(subject), connectors.running()], [[], []])
    }),
    rule('a connector from source offers the tools that its code says', async (subject, directory) => {
      await subject.trustMode('dev')
      const { connectors } = subject
      const { manifest } = await connectors.develop(join(directory, 'source'))
      assert.deepEqual([manifest.id, manifest.version], [TEST_CONNECTOR, '1.0.0'])
      const ids = manifest.tools.map(({ id }) => toolIdAtGate(id)).sort()
      assert.ok(ids.includes(idOf('say')))
      assert.deepEqual(offered(subject), ids)
      assert.deepEqual(outputOf(await call(subject, 'say', { text: 'Ada' })), 'hello Ada')
    }),
    developed('changed code counts once it is taken again', async (subject, directory) => {
      assert.equal(outputOf(await call(subject, 'say', { text: 'Ada' })), 'hello Ada')
      writeSource(join(directory, 'source'), 'good day')
      await subject.connectors.develop(join(directory, 'source'))
      assert.equal(outputOf(await call(subject, 'say', { text: 'Ada' })), 'good day Ada')
    }),
    developed('what is no connector changes nothing', async (subject, directory) => {
      writeFileSync(join(directory, 'source', 'serve.js'), 'syntax error')
      assert.notEqual(await codeOf(() => subject.connectors.develop(join(directory, 'source'))), 'ok')
      assert.notEqual(await codeOf(() => subject.connectors.develop(directory)), 'ok')
      assert.ok(offered(subject).includes(idOf('say')))
    }),
  ]
}

function calls(developed: Rule): readonly ContractCase[] {
  return [
    developed('a call that is at work is seen to run, and ends when it is cancelled', async (subject) => {
      const aborter = new AbortController()
      let waiting = (): void => undefined
      const started = new Promise<void>((resolve) => {
        waiting = resolve
      })
      const options = { signal: aborter.signal, onProgress: waiting }
      const cancelled = subject.kernel.call({ tool: idOf('wait'), input: {}, actor: 'agent:tester' }, options)
      await started
      assert.deepEqual(subject.connectors.running(), [TEST_CONNECTOR])
      aborter.abort()
      const outcome = await cancelled
      assert.equal(outcome.status, 'failed', JSON.stringify(outcome))
      assert.notEqual('effect' in outcome && outcome.effect, 'none')
    }),
    developed('a tool that fails, or answers something else than it said, fails its call alone', async (subject) => {
      const failed = await call(subject, 'fail', {})
      assert.equal(failed.status, 'failed')
      assert.ok(JSON.stringify(failed).includes('it did not work'))
      const junk = await call(subject, 'junk', {})
      assert.notEqual(junk.status, 'done', JSON.stringify(junk))
      assert.equal(outputOf(await call(subject, 'say', { text: 'Ada' })), 'hello Ada')
    }),
    developed('a program that dies leaves open what its call did, and the next call runs', async (subject) => {
      const died = await call(subject, 'die', {})
      assert.deepEqual([died.status, 'effect' in died && died.effect], ['failed', 'unknown'], JSON.stringify(died))
      assert.equal(outputOf(await call(subject, 'say', { text: 'Ada' })), 'hello Ada')
    }),
  ]
}

function walls(developed: Rule): readonly ContractCase[] {
  return [
    developed('a program sees no file, no variable and no network of this machine', async (subject, directory) => {
      const server = createServer((socket) => socket.destroy())
      await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
      try {
        const path = join(directory, 'secret.txt')
        writeFileSync(path, 'of the host')
        const { port } = server.address() as { port: number }
        const is = outputOf(await call(subject, 'probe', { path, port })) as Record<string, unknown>
        assert.notEqual(is['file'], 'of the host')
        assert.notEqual(is['network'], 'ok')
        const inherited = Object.keys(is['env'] as object).filter((name) => !USUAL.test(name))
        assert.deepEqual(inherited, [], 'variables of the host')
      } finally {
        await new Promise((closed) => server.close(closed))
      }
    }),
    developed('a tool reaches a host only if it declares it and a rule of the policy allows it', async (subject) => {
      const { kernel } = subject
      const { pack, overlay: previous } = kernel.service(policySlot).snapshot()
      const egress = { global: { allow: [{ host: 'undeclared.example.com' }] } }
      const content = JSON.stringify({ version: 1, pack, egress })
      await mustAct(kernel, policyWrite, pack, { pack, content, previous })
      for (const host of ['undeclared.example.com', 'declared.example.com']) {
        const outcome = await call(subject, 'away', { url: `https://${host}/` })
        assert.equal(outcome.status, 'failed', JSON.stringify(outcome))
        assert.match(String('code' in outcome && outcome.code), /^(EGRESS_DENIED|CONNECTOR_HOST)$/)
      }
    }),
  ]
}

/** What a sandbox may set by itself. */
const USUAL = /^(PATH|HOME|TMPDIR|LANG|PWD|CLONED_\w+)$/

const idOf = (name: string) => toolIdAtGate(`${TEST_CONNECTOR}.${name}@v1`)

function offered({ kernel }: ConnectorsSubject): readonly string[] {
  const prefix = toolIdAtGate(`${TEST_CONNECTOR}.`)
  return kernel
    .tools()
    .map(({ id }) => id)
    .filter((id) => id.startsWith(prefix))
    .sort()
}

async function call({ kernel }: ConnectorsSubject, name: string, input: JsonObject): Promise<Outcome> {
  return await kernel.call({ tool: idOf(name), input, actor: 'agent:tester' })
}

function outputOf(outcome: Outcome): unknown {
  assert.equal(outcome.status, 'done', JSON.stringify(outcome))
  return (outcome as { output?: { is?: unknown } }).output?.is
}
