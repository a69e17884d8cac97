// Taking a connector out of the sandbox on the command line: what is asked says who, why and until when, and doctor goes on saying it.
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sandboxPlugin } from 'cloned/plugins/sandbox'
import { sandboxBubblewrapPlugin } from 'cloned/plugins/sandbox-bubblewrap'
import { initWorkspace } from 'cloned/plugins/workspace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { distributionWith, runIn } from './cli-fixture.js'

const distribution = distributionWith(sandboxPlugin, sandboxBubblewrapPlugin)
const REASON = 'needs a device, ticket 41'
const DAY = new Date(Date.now() + 30 * 86_400_000).toISOString().slice(0, 10)
let root: string
const run = (...argv: string[]) => runIn(distribution, root, ['--workspace', root, ...argv])

beforeAll(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'cloned-sandbox-cli-')))
  initWorkspace(root, { type: 'personal', now: Date.now })
})
afterAll(() => rm(root, { recursive: true, force: true }))

describe('sandbox off', () => {
  it.each<[string, string[], string]>([
    ['no reason', ['acme.x', '--until', DAY], '--reason'],
    ['a reason of a word', ['acme.x', '--reason', 'need it', '--until', DAY], '--reason'],
    ['no end', ['acme.x', '--reason', REASON], '--until'],
    ['an end that is no day', ['acme.x', '--reason', REASON, '--until', '2026-13-40'], '--until'],
    ['an id that no connector has', ['a b', '--reason', REASON, '--until', DAY], 'no id of a connector'],
  ])('with %s is a mistake of whoever typed it', async (_, argv, says) => {
    expect(await run('sandbox', 'off', ...argv)).toMatchObject({ code: 2, err: expect.stringContaining(says) })
  })

  it('waits for a decision, is shown while it holds, and is taken back at once', async () => {
    const asked = await run('sandbox', 'off', 'acme.legacy', '--reason', REASON, '--until', DAY, '--json')
    expect([asked.code, asked.err]).toEqual([4, ''])
    const { id } = JSON.parse(asked.out).approval
    const shown = (await run('approvals', 'show', id)).out
    expect(shown).toContain(`Run the connector acme.legacy without a sandbox until ${DAY}: ${REASON}`)
    expect((await run('sandbox', 'list')).out).toContain('Every connector is confined.')
    expect((await run('approvals', 'approve', id)).code).toBe(0)
    for (const command of [['sandbox', 'list'], ['doctor']]) {
      const { out } = await run(...command)
      expect(out).toContain('acme.legacy')
      expect(out).toContain(REASON)
    }
    expect(await run('sandbox', 'require', 'acme.legacy')).toMatchObject({ code: 0 })
    expect((await run('sandbox', 'list')).out).toContain('Every connector is confined.')
  })
})
