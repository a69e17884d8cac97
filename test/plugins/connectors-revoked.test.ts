// A connector that is running when its trust ends: it is ended, and what may not run is not offered.
import { connectorsPlugin, connectorsSlot } from 'cloned/plugins/connectors'
import { firewallPlugin } from 'cloned/plugins/firewall'
import { sandboxPlugin } from 'cloned/plugins/sandbox'
import { sandboxBubblewrapPlugin } from 'cloned/plugins/sandbox-bubblewrap'
import { vaultPlugin } from 'cloned/plugins/vault'
import { vaultFilePlugin } from 'cloned/plugins/vault-file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { canConfine, NO_SANDBOX } from './connectors-fixture.js'
import { publisherDocument, tool, type Vendor, vendor } from './package-fixture.js'
import { type Opened, type RegistryWorld, registryWorld } from './registry-fixture.js'

const ID = 'acme.weather'
const TOOL = 'connector.acme.weather.today@v1'
const MAIN = `
import { defineConnector, defineTool, serve } from 'cloned/connector'
serve(defineConnector({ id: 'acme.weather', version: '1.0.0', publisher: 'acme', title: '', description: '', tools: [
  defineTool({ id: 'acme.weather.today', version: 1, title: '', description: '', input: { type: 'object' }, output: {},
    risk: 'low', capability: 'test',
    run: ({ wait }, { signal }) => wait ? new Promise((_, reject) => signal.addEventListener('abort', reject)) : process.pid,
  })] }))
`

describe.skipIf(!canConfine)(`a running connector (skipped only where ${NO_SANDBOX})`, () => {
  let acme: Vendor
  let world: RegistryWorld
  let here: Opened
  const running = () => here.kernel.service(connectorsSlot).running()
  const call = async (input = {}) => await here.kernel.call({ tool: TOOL, input })
  const revoke = async (opened: Opened) =>
    await opened.change({
      op: 'revoke',
      entry: { kind: 'publisher', publisher_id: 'acme', reason: 'key leaked', effective: 'always' },
    })

  beforeEach(async () => {
    acme = vendor()
    world = registryWorld()
    world.now = Date.now()
    const parts = [vaultPlugin, vaultFilePlugin, firewallPlugin, sandboxPlugin, sandboxBubblewrapPlugin]
    here = await world.open([...parts, connectorsPlugin])
    await here.change({ op: 'publisher.put', content: publisherDocument([acme.key]) })
    const input_schema = { type: 'object', properties: { wait: { type: 'boolean' } } }
    const tools = [tool({ input_schema, output_schema: {}, auth: [], egress_hosts: [], loggable_fields: [] })]
    expect((await here.install(await acme.make({ tools }, { files: { 'index.js': MAIN } }))).end).toBe('done')
    expect((await here.enable(ID)).end).toBe('done')
    expect(await call()).toMatchObject({ status: 'done' })
    expect(running()).toEqual([ID])
  })
  afterEach(async () => {
    await world.close()
    acme.close()
  })

  it('is ended as soon as its publisher is revoked, in the middle of a call, and quarantined with a record', async () => {
    const outcome = call({ wait: true })
    await call()
    expect((await revoke(here)).end).toBe('done')
    expect(await outcome).toMatchObject({ status: 'failed', effect: 'unknown' })
    expect(running()).toEqual([])
    expect(await call()).toMatchObject({ status: 'denied', code: 'TOOL_UNKNOWN' })
    expect(await here.registry.get(ID)).toMatchObject({
      status: 'quarantined',
      problem: expect.stringContaining('leaked'),
    })
    expect(await here.audit.latest('registry.quarantine')).toMatchObject({ record: { connector: ID } })
  })

  it('answers nothing any more, and is ended, when another process has revoked its publisher', async () => {
    expect((await revoke(await world.open())).end).toBe('done')
    expect(await call()).toMatchObject({ status: 'denied', code: 'CONNECTOR_QUARANTINED' })
    expect(running()).toEqual([])
    expect(here.registry.enabled()).toEqual([])
  })
})
