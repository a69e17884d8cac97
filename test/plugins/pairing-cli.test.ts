import { defaultDistribution } from 'cloned'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApiWorld, apiWorld } from './api-fixture.js'
import { runIn } from './cli-fixture.js'
import { ask, connected, fetchToken, newKey } from './pairing-fixture.js'

let world: ApiWorld
beforeAll(async () => {
  world = await apiWorld()
})
afterAll(() => world.close())

/** A command line of its own, beside the server that runs. */
const run = (...argv: string[]) => runIn(defaultDistribution(), world.root, ['pairings', ...argv])

describe('the commands about devices', () => {
  it('bring a device in: invite, compare, approve, and a person says yes', async () => {
    expect((await run('list')).out).toContain('cloned pairings invite')
    const invited = await run('invite', '--scopes', 'tools:read')
    const [, code = ''] = /Code: (\S+)/.exec(invited.out) ?? []
    expect([invited.code, code]).toEqual([0, expect.stringMatching(/^[0-9A-Z]{4}(-[0-9A-Z]{4}){2}$/)])

    const key = newKey()
    const { body } = await ask(world, key, code, { body: { name: 'Phone of Ada' } })
    expect((await run('list')).out).toMatch(
      new RegExp(`${body.id} .*Phone of Ada .*pending .*${body.code} .*tools:read`),
    )

    const asked = await run('approve', body.code)
    expect(asked.code).toBe(4)
    const [approval = ''] = /ap_\w{12}/.exec(asked.err) ?? []
    const approved = await runIn(defaultDistribution(), world.root, ['approvals', 'approve', approval])
    expect([approved.code, approved.out]).toEqual([0, expect.stringContaining('pairing.approve')])
    expect((await fetchToken(world, { id: body.id, key })).status).toBe(200)
    expect((await run('list')).out).toMatch(new RegExp(`${body.id} .*paired`))
  })

  it('revoke shuts a device out of the server that runs', async () => {
    const { id, as } = await connected(world)
    expect((await as('GET', '/v1/tools')).status).toBe(200)
    const revoked = await run('revoke', id)
    expect([revoked.code, revoked.out.trim()]).toEqual([0, 'Revoked "Phone".'])
    expect((await as('GET', '/v1/tools')).status).toBe(401)
  })

  it('with --json there is one document, with the code in it once', async () => {
    const { out } = await run('invite', '--json', '--minutes', '5')
    const { status, code } = JSON.parse(out)
    expect([status, out.split(code).length]).toEqual(['done', 2])
  })

  it('a dry run makes no invitation', async () => {
    const { code, out } = await run('invite', '--dry-run', '--json')
    expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ status: 'dry-run' })])
    expect(out).not.toContain('"code"')
  })

  it.each([
    [2, '', ['invite', '--scopes', '*']],
    [2, '', ['invite', '--scopes', 'tools:read,tools:read']],
    [2, '', ['invite', '--minutes', '0']],
    [2, '', ['invite', '--minutes', '1441']],
    [2, '', ['approve']],
    [3, 'PAIRING_CODE', ['approve', 'AAAA-AAAA']],
    [3, 'PAIRING_CODE', ['approve', '']],
    [1, 'PAIRING_UNKNOWN', ['revoke', 'dev_000000000000']],
  ] as const)('exit %i %s for %j', async (exit, code, argv) => {
    const { code: ended, out } = await run(...argv, '--json')
    expect(ended).toBe(exit)
    expect(out).toContain(code)
  })
})
