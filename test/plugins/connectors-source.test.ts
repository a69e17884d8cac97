// Connectors from source, and programs that go out by a proxy: what a door lets through is the door's to say.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { definePlugin } from 'cloned/kernel'
import { afterEach, describe, expect, it } from 'vitest'
import { scaffold } from '../../plugins/connectors/scaffold.js'
import { connectorsSlot } from '../../plugins/connectors/slot.js'
import { type EgressDoor, egressProxySlot } from '../../plugins/egress-proxy/slot.js'
import { type Trust, trustSlot } from '../../plugins/trust/slot.js'
import { type ConnectorsWorld, canConfine, connectorsWorld, NO_SANDBOX } from './connectors-fixture.js'

const trustIn = (mode: 'dev' | 'strict') =>
  definePlugin({
    id: 'test.trust',
    version: '1.0.0',
    kernel: '^0.1.0',
    provides: { trust: trustSlot },
    setup: () => ({ trust: { standing: async () => ({ mode, digest: '' }) } as unknown as Trust }),
  })

describe.skipIf(!canConfine)(`a connector from source (skipped only where ${NO_SANDBOX})`, () => {
  let world: ConnectorsWorld
  const directory = join(mkdtempSync(join(tmpdir(), 'cloned-dev-')), 'weather')
  afterEach(() => world.close())

  it('is taken as its code is at that moment, and its changed code the next time', async () => {
    world = await connectorsWorld({ plugins: [trustIn('dev')] })
    scaffold(directory, 'acme.weather')
    const connectors = world.kernel.service(connectorsSlot)
    expect((await connectors.develop(directory)).manifest.tools.map(({ id }) => id)).toEqual(['acme.weather.greet@v1'])
    expect(world.logged.join('\n')).toContain('UNSIGNED connector acme.weather')
    const greet = async () => await world.call('acme.weather.greet@v1', { name: 'Ada' })
    expect(await greet()).toMatchObject({ output: { text: 'Hello, Ada.' } })
    const source =
      "import { connector } from './connector.js'\nimport { serve } from 'cloned/connector'\nconst [tool] = connector.tools\nserve({ ...connector, tools: [{ ...tool, run: () => ({ text: 'changed' }) }] })\n"
    writeFileSync(join(directory, 'serve.js'), source)
    await connectors.develop(directory)
    expect(await greet()).toMatchObject({ output: { text: 'changed' } })
    rmSync(directory, { recursive: true })
  })

  it('does not run where the root of trust is strict', async () => {
    world = await connectorsWorld({ plugins: [trustIn('strict')] })
    mkdirSync(directory, { recursive: true })
    const taken = world.kernel.service(connectorsSlot).develop(directory)
    await expect(taken).rejects.toMatchObject({ code: 'CONNECTOR_DEV' })
  })
})

const CURL = `
read -r line
echo '{"jsonrpc":"2.0","id":"initialize","result":{"protocol":1,"connector":{"id":"acme.sh","version":"1.0.0"},"tools":["acme.sh.do@v1"]}}'
read -r line
id=$(printf %s "$line" | sed 's/.*"id":"\\([^"]*\\)".*/\\1/')
code=$(curl -s -m 5 -o /dev/null -w '%{http_code}' http://example.com/)
echo '{"jsonrpc":"2.0","id":"'$id'","result":{"output":"'$code'"}}'
cat >/dev/null
`

describe.skipIf(!canConfine)(`a program in a shell (skipped only where ${NO_SANDBOX})`, () => {
  let world: ConnectorsWorld
  let server: Server | undefined
  afterEach(async () => {
    server?.close()
    await world.close()
  })
  const shell = (hosts: readonly string[]) => ({
    id: 'acme.sh',
    files: { 'main.sh': CURL },
    command: ['sh', '{dir}/main.sh'],
    tools: [{ id: 'acme.sh.do@v1', egress_hosts: hosts }],
  })

  it.each([
    [['example.com'], '418', 1],
    [[], '000', 0],
  ])('with the hosts %j gets %s by its proxy', async (hosts, code, doors) => {
    const opened: string[] = []
    const heads: string[] = []
    let closed = 0
    const socket = join(mkdtempSync(join(tmpdir(), 'cloned-door-')), 'door')
    server = createServer((connection) => {
      connection.once('data', (data) => {
        heads.push(data.toString().split('\r\n')[0] ?? '')
        connection.end("HTTP/1.1 418 I'm a teapot\r\ncontent-length: 0\r\n\r\n")
      })
    })
    await new Promise<void>((ready) => server?.listen(socket, ready))
    const open = async ({ connector }: { connector: string }): Promise<EgressDoor> => {
      opened.push(connector)
      return { socket, close: async () => void closed++ }
    }
    const proxy = definePlugin({
      id: 'cloned.egress-proxy',
      version: '1.0.0',
      kernel: '^0.1.0',
      provides: { proxy: egressProxySlot },
      setup: () => ({ proxy: { open } }),
    })
    world = await connectorsWorld({ plugins: [proxy] })
    world.enable(shell(hosts))
    expect(await world.call('acme.sh.do@v1')).toMatchObject({ status: 'done', output: code })
    expect(opened).toEqual(Array.from({ length: doors }, () => 'acme.sh'))
    expect(heads).toEqual(Array.from({ length: doors }, () => 'GET http://example.com/ HTTP/1.1'))
    world.disable('acme.sh')
    await expect.poll(() => closed).toBe(doors)
  })
})
