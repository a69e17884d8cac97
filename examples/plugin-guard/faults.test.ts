import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultDistribution, initWorkspace } from 'cloned'
import { createKernel, type Distribution } from 'cloned/kernel'
import { type FaultSubject, faultMatrix } from 'cloned/testing'
import { expect, it } from 'vitest'
import { writeGuard } from './index.js'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const distribution = defaultDistribution({ plugins: [writeGuard] })

/** A kernel of its own in a workspace of its own, and a call that saves one artifact. */
async function make(wanted: Distribution): Promise<FaultSubject> {
  const root = mkdtempSync(join(tmpdir(), 'plugin-guard-faults-'))
  const remove = () => rmSync(root, { recursive: true })
  try {
    initWorkspace(root, { type: 'personal', now: Date.now })
    const config = { 'cloned.workspace': { root }, 'cloned.audit': { thread: 'inline' } }
    const kernel = createKernel(wanted, { config, log: () => silent })
    await kernel.start()
    const saved = join(root, '.cloned', 'artifacts')
    let n = 0
    return {
      kernel,
      call: () => ({ tool: 'cloned.internal.artifact.save@v1', input: { filename: `${n++}.md`, content: 'x' } }),
      ran: () => (existsSync(saved) ? readdirSync(saved).filter((name) => !name.startsWith('.')).length : 0),
      dispose: () => kernel.stop().finally(remove),
    }
  } catch (error) {
    remove()
    throw error
  }
}

it('a guard that works lets the call through', async () => {
  const subject = await make(distribution)
  expect(await subject.kernel.call(subject.call())).toMatchObject({ status: 'done' })
  expect(subject.ran()).toBe(1)
  await subject.dispose()
})

// The matrix has every plugin of the distribution; the built-in ones run their part themselves.
const rules = faultMatrix(distribution, make, { hangMs: 200, plugin: 'acme.write-guard' })

it('there is a case for every fault', () => expect(rules.length).toBeGreaterThan(10))
it.each(rules.map((rule) => [rule.name, rule] as const))('%s', (_, rule) => rule.run())
