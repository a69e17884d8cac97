// The rules of tunnels: opened for one place, silent, and gone with their permission.
import assert from 'node:assert/strict'
import { type ContractCase, codeOf } from 'cloned/testing'
import { context, DENIED, type Served } from './testing-subject.js'

export function tunnels(rule: Served): readonly ContractCase[] {
  const loopbackTls = (port: number) => ({ global: { allow: [{ host: '127.0.0.1', ports: [port] }] } })
  return [
    rule('a tunnel is asked for as CONNECT, and says nothing by itself', async ({ firewall, rules, server }) => {
      await rules(loopbackTls(server.port))
      const { ctx, asked } = context()
      const url = `https://127.0.0.1:${server.port}/`
      const socket = await firewall.connect(ctx, url)
      socket.destroy()
      assert.deepEqual(asked, [`CONNECT ${url}`])
      assert.equal(socket.bytesWritten, 0)
    }),
    rule('a tunnel that is not allowed is not opened', async ({ firewall, rules, server }) => {
      const url = `https://127.0.0.1:${server.port}/`
      assert.equal(await codeOf(() => firewall.connect(context().ctx, url)), 'EGRESS_DENIED')
      await rules(loopbackTls(server.port))
      const plain = () => firewall.connect(context().ctx, server.url)
      assert.equal(await codeOf(plain), 'EGRESS_DENIED')
      const refusing = { ...context().ctx, check: () => DENIED }
      assert.equal(await codeOf(() => firewall.connect(refusing, url)), 'EGRESS_DENIED')
      assert.equal(server.connections(), 0)
    }),
    rule('a tunnel ends when its rule goes, and says so', async ({ firewall, rules, server }) => {
      await rules(loopbackTls(server.port))
      const socket = await firewall.connect(context().ctx, `https://127.0.0.1:${server.port}/`)
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      await rules({})
      await closed
      assert.equal((socket.errored as { code?: string } | null)?.code, 'EGRESS_REVOKED')
    }),
  ]
}
