// A connector that is running when its trust ends: it is ended, and what may not run is not offered.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { definePlugin } from 'cloned/kernel'
import { connectorsPlugin, connectorsSlot } from 'cloned/plugins/connectors'
import { firewallPlugin } from 'cloned/plugins/firewall'
import { sandboxBackendsCollection, sandboxPlugin } from 'cloned/plugins/sandbox'
import { sandboxBubblewrapPlugin } from 'cloned/plugins/sandbox-bubblewrap'
import { vaultPlugin } from 'cloned/plugins/vault'
import { vaultFilePlugin } from 'cloned/plugins/vault-file'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bubblewrapBackend } from '../../plugins/sandbox-bubblewrap/backend.js'
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
const PARTS = [vaultPlugin, vaultFilePlugin, firewallPlugin, sandboxPlugin, sandboxBubblewrapPlugin]
const TOOL_PARTS = {
  input_schema: { type: 'object', properties: { wait: { type: 'boolean' } } },
  ...{ output_schema: {}, auth: [], egress_hosts: [], loggable_fields: [] },
}

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
    here = await world.open([...PARTS, connectorsPlugin])
    await here.change({ op: 'publisher.put', content: publisherDocument([acme.key]) })
    const tools = [tool(TOOL_PARTS)]
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

  it('is ended in the middle of a call when another process has revoked its publisher', async () => {
    const outcome = call({ wait: true })
    await call()
    expect((await revoke(await world.open())).end).toBe('done')
    expect(await outcome).toMatchObject({ status: 'failed', effect: 'unknown' })
    expect(running()).toEqual([])
  })

  it('does nothing that was approved for the package before it', async () => {
    const risky = (version: string) => ({
      version,
      tools: [tool({ ...TOOL_PARTS, risk: 'high', id: 'acme.risky.today@v1' })],
    })
    const made = async (version: string) =>
      await acme.make({ id: 'acme.risky', ...risky(version) }, { files: { 'index.js': `// ${version}\n${MAIN}` } })
    expect((await here.install(await made('1.0.0'))).end).toBe('done')
    expect((await here.enable('acme.risky')).end).toBe('done')
    const callRisky = async () => await here.kernel.call({ tool: 'connector.acme.risky.today@v1', input: {} })
    const waiting = await callRisky()
    if (waiting.status !== 'pending') throw new Error(waiting.status)
    await here.approvals.decide(waiting.approval.id, { verdict: 'approve', by: waiting.approval.action.actor })
    expect((await here.install(await made('1.0.1'))).end).toBe('done')
    expect(await here.registry.get('acme.risky')).toMatchObject({ version: '1.0.1', status: 'enabled' })
    expect((await callRisky()).status).toBe('pending')
  })

  it('is judged by its own revocation, not by that of one whose id its own begins with', async () => {
    const id = `${ID}.pro`
    const own = MAIN.replaceAll(ID, id)
    const tools = [tool({ ...TOOL_PARTS, id: `${id}.today@v1` })]
    expect((await here.install(await acme.make({ id, tools }, { files: { 'index.js': own } }))).end).toBe('done')
    expect((await here.enable(id)).end).toBe('done')
    const callPro = async () => await here.kernel.call({ tool: `connector.${id}.today@v1`, input: {} })
    expect(await callPro()).toMatchObject({ status: 'done' })
    const entry = { kind: 'package', id, reason: 'leaks', effective: 'always' } as const
    expect((await (await world.open()).change({ op: 'revoke', entry })).end).toBe('done')
    expect(await callPro()).toMatchObject({ status: 'denied', code: 'CONNECTOR_QUARANTINED' })
    expect(await call()).toMatchObject({ status: 'done' })
  })
})

describe.skipIf(!canConfine)(`files of a connector (skipped only where ${NO_SANDBOX})`, () => {
  it('that were exchanged after they were hashed get no call, whatever was loaded', async () => {
    const acme = vendor()
    const world = registryWorld()
    world.now = Date.now()
    const exchanged = { sandbox: false }
    // Whoever can write there waits for the moment between the two.
    const late = definePlugin({
      ...{ id: 'test.late', version: '1.0.0', kernel: '^0.1.0' },
      contributes: { backends: sandboxBackendsCollection },
      setup: () => ({
        backends: [
          {
            ...bubblewrapBackend(),
            async start(program) {
              const file = join(program.directory, 'index.js')
              chmodSync(file, 0o600)
              writeFileSync(file, MAIN.replace('process.pid', '"not what was signed"'))
              exchanged.sandbox = true
              return await bubblewrapBackend().start(program)
            },
          },
        ],
      }),
    })
    try {
      const here = await world.open([
        ...PARTS.filter((part) => part !== sandboxBubblewrapPlugin),
        late,
        connectorsPlugin,
      ])
      await here.change({ op: 'publisher.put', content: publisherDocument([acme.key]) })
      const made = await acme.make({ tools: [tool(TOOL_PARTS)] }, { files: { 'index.js': MAIN } })
      expect((await here.install(made)).end).toBe('done')
      expect((await here.enable(ID)).end).toBe('done')
      const outcome = await here.kernel.call({ tool: TOOL, input: {} })
      expect(exchanged.sandbox).toBe(true)
      expect(outcome).toMatchObject({ status: 'failed', code: 'CONNECTOR_QUARANTINED', effect: 'none' })
    } finally {
      await world.close()
      acme.close()
    }
  })
})
