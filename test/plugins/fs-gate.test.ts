import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace, open } from 'cloned'
import { approvalsSlot, type Kernel } from 'cloned/kernel'
import { artifactsSlot } from 'cloned/plugins/artifacts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

let root: string
let kernel: Kernel

beforeAll(async () => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-fs-gate-')))
  initWorkspace(root, { type: 'personal', now: Date.now })
  mkdirSync(join(root, 'docs'))
  writeFileSync(join(root, 'docs', 'a.md'), '# A\n')
  symlinkSync('/etc/hostname', join(root, 'out'))
  kernel = await open({ root, config: { 'cloned.audit': { thread: 'inline' } } })
})
afterAll(async () => {
  await kernel.stop()
  rmSync(root, { recursive: true, force: true })
})

const call = (verb: string, input: unknown) =>
  kernel.call({ tool: `cloned.internal.${verb}@v1`, input, actor: 'agent:tester' })

describe('through the default gate of a personal workspace', () => {
  it('listing and reading pass unasked', async () => {
    expect(await call('fs.list', { path: 'docs' })).toMatchObject({
      status: 'done',
      output: { entries: [{ path: 'docs/a.md', kind: 'file', size: 4 }] },
    })
    expect(await call('fs.read', { path: 'docs/a.md' })).toMatchObject({ status: 'done', output: { content: '# A\n' } })
  })

  it('writing asks, and happens once approved', async () => {
    const input = { path: 'docs/new/b.md', content: 'b' }
    const asked = await call('fs.write', input)
    expect(asked).toMatchObject({ status: 'pending' })
    expect(existsSync(join(root, 'docs', 'new'))).toBe(false)
    const approval = asked.status === 'pending' ? asked.approval.id : ''
    const by = kernel.actor('user:tester')
    await kernel.service(approvalsSlot).decide(approval, { verdict: 'approve', by })
    expect(await call('fs.write', input)).toMatchObject({ status: 'done', output: { created: true, size: 1 } })
    expect(readFileSync(join(root, 'docs', 'new', 'b.md'), 'utf8')).toBe('b')
    expect(await call('fs.write', input)).toMatchObject({ status: 'pending' })
  })

  it.each([
    ['fs.read', { path: '../secret' }],
    ['fs.read', { path: '.cloned/audit.log' }],
    ['fs.list', { path: '/etc' }],
    ['fs.write', { path: '.cloned/policy/personal.yaml', content: 'tools: {}' }],
    ['fs.write', { path: 'notes/../../out.md', content: 'x' }],
  ])('%s of %j is denied at the gate, and nobody is asked', async (verb, input) => {
    const approvals = () => kernel.service(approvalsSlot).list()
    const before = await approvals()
    expect(await call(verb, input)).toMatchObject({
      status: 'denied',
      code: 'FS_PATH_REFUSED',
      reason: expect.stringMatching(/./),
      help: expect.stringMatching(/./),
    })
    expect(await approvals()).toEqual(before)
  })

  it.each([
    ['fs.read', { path: 'out' }, 'FS_PATH_REFUSED'],
    ['fs.read', { path: 'docs/none.md' }, 'FS_NOT_FOUND'],
    ['fs.list', { path: '.', glob: '../*' }, 'FS_GLOB_REFUSED'],
    ['artifact.save', { filename: 'nul.txt', content: '' }, 'ARTIFACT_REFUSED'],
  ])('%s of %j fails without effect, with a code and a way on', async (verb, input, code) => {
    expect(await call(verb, input)).toMatchObject({
      status: 'failed',
      code,
      effect: 'none',
      reason: expect.stringMatching(/./),
      help: expect.stringMatching(/./),
    })
  })

  it('an input that the schema refuses never reaches the tool', async () => {
    expect(await call('fs.read', { path: '', follow: true })).toMatchObject({ status: 'denied', code: 'INPUT_INVALID' })
    expect(await call('artifact.save', { filename: '../x', content: '' })).toMatchObject({ code: 'INPUT_INVALID' })
  })

  it('an artifact passes unasked and names its call and its actor', async () => {
    const saved = await call('artifact.save', { filename: 'note.md', content: 'x' })
    expect(saved).toMatchObject({ status: 'done', output: { filename: 'note.md', size: 1 } })
    expect(await kernel.service(artifactsSlot).list()).toMatchObject([
      {
        call_id: saved.callId,
        created_by: 'agent:tester',
        provenance: { actor: { id: 'agent:tester', os_user: expect.any(String) } },
      },
    ])
  })
})
