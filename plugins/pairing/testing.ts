// The rules that every list of devices keeps, as cases for any test runner; must never rely on how a device proves itself.
import assert from 'node:assert/strict'
import { approvalsSlot, type Kernel, type Outcome } from 'cloned/kernel'
import {
  approved,
  benchRules,
  benchTool,
  benchTools,
  type ContractCase,
  type OpenReplaced,
  type TestWorkspace,
} from 'cloned/testing'
import type { Scope } from '../api/slot.js'
import { type PairingApprove, pairingApprove, pairingRevoke } from './kinds.js'
import { type Device, pairingsSlot } from './slot.js'

/** A device in the hand of whoever holds it. */
export interface DeviceInHand {
  readonly id: string
  /** Asks the API of the kernel for something, with whatever proof there is; answers the HTTP status. */
  ask(kernel: Kernel, method: 'GET' | 'POST', path: string, body?: object): Promise<number>
  /** Sends what it sent last once more, to the byte, as somebody would who has listened; answers the HTTP status. */
  repeat(): Promise<number>
}

/** How a device asks to be paired: the way in is every implementation's own. */
export type Enrol = (
  workspace: TestWorkspace,
  wish: { readonly name: string; readonly scopes: readonly Scope[] },
) => Promise<DeviceInHand>

const HOUR_MS = 3_600_000
/** A day, and more: the way in may lead through another process, by its own clock. */
const OVER_A_DAY_MS = 25 * HOUR_MS
const CALL = `/v1/tools/${benchTool('free')}/call`
const WISH = { name: 'Phone of Ada', scopes: ['tools:read', 'tools:call'] as const }

/** The contract of slot `cloned.pairings`, and of the actions `pairing.approve` and `pairing.revoke`. */
export function pairingSuite(open: OpenReplaced, enrol: Enrol): readonly ContractCase[] {
  const rule = benchRules(open, () => benchTools())
  return [
    rule('a device that asks is pending: with its name, its scopes and a code, and no right', async (workspace) => {
      const hand = await enrol(workspace, WISH)
      const device = await known(workspace.kernel, hand)
      assert.match(device.id, /^dev_[0-9a-z]{12}$/)
      assert.deepEqual([device.name, device.scopes, device.state], [WISH.name, WISH.scopes, 'pending'])
      assert.match(device.thumbprint, /^[\w-]{43}$/)
      assert.ok(device.code.length >= 8 && isNow(device.createdAt, workspace))
      assert.deepEqual([device.pairedAt, device.revokedAt], [undefined, undefined])
      await shutOut(workspace.kernel, hand)
    }),
    rule(
      'a person lets it in, always asked, and it may then do what it asked for and no more',
      async (workspace, { ran }) => {
        const { kernel } = workspace
        const hand = await enrol(workspace, WISH)
        const first = await askFor(kernel, await known(kernel, hand))
        assert.ok(first.status === 'pending', 'nobody was asked')
        const owner = kernel.plan().owners[pairingsSlot.id]
        assert.ok(
          first.approval.asks.some(({ plugin }) => plugin === owner),
          'only the policy asked, which may allow it one day',
        )
        await shutOut(kernel, hand)
        assert.equal((await letIn(kernel, await known(kernel, hand))).status, 'done')
        const device = await known(kernel, hand)
        assert.equal(device.state, 'paired')
        assert.ok(isNow(device.pairedAt, workspace))
        assert.equal(await hand.ask(kernel, 'POST', CALL, { input: {} }), 200)
        assert.equal(await hand.ask(kernel, 'GET', '/v1/tools'), 200)
        assert.equal(await hand.ask(kernel, 'GET', '/v1/workspace'), 403)
        assert.deepEqual(
          ran.map(({ actor }) => actor),
          [`device:${device.id}`],
        )
      },
    ),
    rule('it is let in exactly as the person saw it, or not at all', async (workspace) => {
      const { kernel } = workspace
      const hand = await enrol(workspace, WISH)
      const device = await known(kernel, hand)
      const changes: Partial<PairingApprove>[] = [
        { scopes: [...device.scopes, 'vault:read'] },
        { scopes: ['tools:read'] },
        { name: 'Another name' },
        { thumbprint: 'A'.repeat(43) },
        { code: '0000-0000' },
        { id: 'dev_000000000000' },
      ]
      for (const change of changes) {
        const outcome = await letIn(kernel, { ...device, ...change })
        assert.notEqual(outcome.status, 'done', JSON.stringify(change))
        assert.equal((await known(kernel, hand)).state, 'pending')
      }
      await shutOut(kernel, hand)
    }),
    rule('what a device sent proves nothing a second time', async (workspace, { ran }) => {
      const { kernel } = workspace
      const hand = await enrol(workspace, WISH)
      await letIn(kernel, await known(kernel, hand))
      assert.equal(await hand.ask(kernel, 'POST', CALL, { input: {} }), 200)
      assert.equal(await hand.repeat(), 401)
      assert.equal(ran.length, 1)
    }),
    rule('a device that a person refused stays out', async (workspace) => {
      const { kernel } = workspace
      const hand = await enrol(workspace, WISH)
      const asked = await askFor(kernel, await known(kernel, hand))
      assert.ok(asked.status === 'pending')
      const by = asked.approval.action.actor
      await kernel.service(approvalsSlot).decide(asked.approval.id, { verdict: 'deny', by })
      assert.equal((await known(kernel, hand)).state, 'pending')
      await shutOut(kernel, hand)
    }),
    rule('a revoked device has no right from then on, in no process, and never again', async (workspace) => {
      const { kernel } = workspace
      const hand = await enrol(workspace, WISH)
      await letIn(kernel, await known(kernel, hand))
      assert.equal(await hand.ask(kernel, 'GET', '/v1/tools'), 200)
      const beside = await workspace.beside()
      assert.equal((await revoke(beside, hand.id)).status, 'done')
      await shutOut(kernel, hand)
      const device = await known(kernel, hand)
      assert.equal(device.state, 'revoked')
      assert.ok(isNow(device.pairedAt, workspace) && isNow(device.revokedAt, workspace))
      assert.notEqual((await letIn(kernel, device)).status, 'done')
      await workspace.reopen()
      await shutOut(workspace.kernel, hand)
    }),
    rule('a request that nobody approved within a day is gone', async (workspace) => {
      const hand = await enrol(workspace, WISH)
      const device = await known(workspace.kernel, hand)
      workspace.advance(OVER_A_DAY_MS)
      const pairings = workspace.kernel.service(pairingsSlot)
      assert.equal(await pairings.get(hand.id), undefined)
      assert.deepEqual(await pairings.list(), [])
      assert.notEqual((await letIn(workspace.kernel, device)).status, 'done')
    }),
    rule('lists the newest first; paired devices outlive the kernel, and the day', async (workspace) => {
      const ids: string[] = []
      for (const name of ['First', 'Second', 'Third']) {
        const hand = await enrol(workspace, { ...WISH, name })
        await letIn(workspace.kernel, await known(workspace.kernel, hand))
        ids.unshift(hand.id)
        workspace.advance(60_000)
      }
      assert.equal(new Set(ids).size, 3)
      const listed = async () => (await workspace.kernel.service(pairingsSlot).list()).map(({ id }) => id)
      assert.deepEqual(await listed(), ids)
      await workspace.reopen()
      workspace.advance(OVER_A_DAY_MS)
      assert.deepEqual(await listed(), ids)
    }),
    rule('a device that is not there is undefined, and nothing can be done about it', async ({ kernel }) => {
      for (const id of ['dev_000000000000', '', '%', 'dev_'])
        assert.equal(await kernel.service(pairingsSlot).get(id), undefined, id)
      assert.notEqual((await revoke(kernel, 'dev_000000000000')).status, 'done')
    }),
  ]
}

function isNow(at: number | undefined, { now }: TestWorkspace): boolean {
  return Math.abs((at ?? 0) - now()) < HOUR_MS
}

async function known(kernel: Kernel, { id }: DeviceInHand): Promise<Device> {
  const device = await kernel.service(pairingsSlot).get(id)
  assert.ok(device, `there is no device ${id}`)
  return device
}

/** Asks to let a device in as it is said here. */
function askFor(kernel: Kernel, { id, name, thumbprint, scopes, code }: PairingApprove): Promise<Outcome> {
  return kernel.act(pairingApprove, { target: id, input: { id, name, thumbprint, scopes, code } })
}

/** The same, and approves it. */
async function letIn(kernel: Kernel, device: PairingApprove): Promise<Outcome> {
  return approved(kernel, await askFor(kernel, device))
}

async function revoke(kernel: Kernel, id: string): Promise<Outcome> {
  return approved(kernel, await kernel.act(pairingRevoke, { target: id, input: { id } }))
}

async function shutOut(kernel: Kernel, hand: DeviceInHand): Promise<void> {
  const status = await hand.ask(kernel, 'GET', '/v1/tools')
  assert.ok(status === 401 || status === 403 || status === 409, `a device without a right was answered ${status}`)
}
