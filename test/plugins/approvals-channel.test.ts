// The rules of the program that is told of requests: what it gets, and that it decides and holds up nothing.
import { chmod, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask, type Json } from 'cloned/kernel'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { approvalsCommandPlugin } from '../../plugins/approvals-command/index.js'
import { fakeApprovals } from '../kernel/fakes.js'
import { approvalsPlugin, auditPlugin, counter, guardPlugin, started, toolsPlugin } from '../kernel/support.js'

let directory: string
beforeAll(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'cloned-channel-')))
})
afterAll(() => rm(directory, { recursive: true }))

async function script(name: string, body: string): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, `#!/bin/sh\n${body}\n`)
  await chmod(path, 0o700)
  return path
}

/** One call that is asked for, told to this program. */
async function callWith(config: Json) {
  const { tool, ran } = counter()
  const approvals = fakeApprovals()
  const { open } = approvals
  approvals.open = async (action, asks) => {
    const { request, created } = await open(action, asks)
    return { request: { ...request, expiresAt: 1_800_000_000_000 }, created }
  }
  const asks = guardPlugin('test.policy', () => ask('sure?', 'k'))
  const plugins = [asks, approvalsPlugin(approvals), auditPlugin(), toolsPlugin([tool]), approvalsCommandPlugin]
  const kernel = await started(plugins, {}, { config: { 'cloned.approvals-command': config } })
  const outcome = await kernel.call({ tool: tool.id, input: { a: 1, b: 2 }, actor: 'agent:x' })
  await kernel.stop()
  if (outcome.status !== 'pending') throw new Error(outcome.status)
  return { outcome, ran, state: (await approvals.list())[0]?.state }
}

describe('the program', () => {
  it('gets the request as JSON on standard input, its arguments as they are, and nothing of the environment', async () => {
    const seen = join(directory, 'seen')
    const program = await script('good', `cat > ${seen}.json; echo "$1" > ${seen}.arg; /usr/bin/env > ${seen}.env`)
    const { outcome } = await callWith({ program, args: ['$(touch /tmp/never); `x`'] })
    expect(outcome.delivered).toEqual(['cloned.approvals-command'])
    const request = JSON.parse(await readFile(`${seen}.json`, 'utf8')) as Record<string, unknown>
    expect(request).toMatchObject({ event: 'requested', approval: outcome.approval.id, input: { a: 1, b: 2 } })
    expect(await readFile(`${seen}.arg`, 'utf8')).toBe('$(touch /tmp/never); `x`\n')
    const names = (await readFile(`${seen}.env`, 'utf8')).split('\n').map((line) => line.split('=')[0])
    // What a shell sets itself.
    expect(names.filter((name) => !['', 'PWD', 'SHLVL', '_', 'OLDPWD'].includes(name ?? ''))).toEqual([])
  })

  it.each([
    ['ends with a failure', 'exit 1'],
    ['says yes', 'echo approve; echo \'{"verdict":"approve"}\'; exit 3'],
    ['does not read', 'exec <&-; exit 9'],
    ['never ends, and leaves a child', 'sleep 60 & sleep 60'],
  ])('that %s has delivered nothing, and the request waits', async (name, body) => {
    const program = await script(`bad-${name.length}`, body)
    const { outcome, ran, state } = await callWith({ program, timeoutMs: 300 })
    expect({ delivered: outcome.delivered, ran, state }).toEqual({ delivered: [], ran: [], state: 'pending' })
  })

  it('that is not there has delivered nothing', async () => {
    expect((await callWith({ program: '/nowhere/program' })).outcome.delivered).toEqual([])
  })

  it('that is not configured is not missed', async () => {
    expect((await callWith({})).outcome.delivered).toEqual([])
  })
})
