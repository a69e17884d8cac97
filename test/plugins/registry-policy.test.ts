// What the policy says of publishers, capabilities, tools and risks, as installations and calls are judged by it.
import { definePlugin, defineTool, policyWrite, toolsCollection } from 'cloned/kernel'
import { firewallPlugin } from 'cloned/plugins/firewall'
import { policySlot } from 'cloned/plugins/policy'
import { vaultPlugin } from 'cloned/plugins/vault'
import { vaultFilePlugin } from 'cloned/plugins/vault-file'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Made, publisherDocument, type Vendor, vendor } from './package-fixture.js'
import { type Opened, type RegistryWorld, registryWorld } from './registry-fixture.js'

let acme: Vendor
let one: Made
let two: Made
let world: RegistryWorld
let here: Opened

/** The tool of the package, as it would be offered. */
const offered = definePlugin({
  id: 'test.tools',
  version: '1.0.0',
  kernel: '^0.1.0',
  contributes: { tools: toolsCollection },
  setup: () => ({
    tools: [
      defineTool({
        id: 'connector.acme.weather.today@v1',
        title: 'T',
        description: 'D',
        risk: 'low',
        capability: 'net.fetch',
        input: { type: 'object' },
        output: {},
        handler: () => ({}),
      }),
    ],
  }),
})

beforeAll(async () => {
  acme = vendor()
  one = await acme.make()
  two = await acme.make({ version: '1.1.0' })
})
afterAll(() => acme.close())
beforeEach(async () => {
  world = registryWorld()
  here = await world.open([offered])
  await here.change({ op: 'publisher.put', content: publisherDocument([acme.key]) })
})
afterEach(() => world.close())

async function overlay(lines: string): Promise<void> {
  const { overlay: previous } = here.kernel.service(policySlot).snapshot()
  const content = `version: 1\npack: personal\n${lines}\n`
  expect((await here.act(policyWrite, 'personal', { pack: 'personal', content, previous })).end).toBe('done')
}

const ALLOWED = 'actions: { connector.install: allow }'

describe('a package', () => {
  it.each<[string, string, string, RegExp]>([
    ['of a publisher that no list names', '', 'done', /install acme.weather 1.0.0 of publisher acme/],
    ['where every kind of action is allowed', ALLOWED, 'done', /of publisher acme/],
    ['of an allowed publisher', 'publishers: { allow: [acme] }', 'done', /^the policy asks before connector.install/],
    ['of an allowed publisher, where it is all allowed', `publishers: { allow: [ac*] }\n${ALLOWED}`, 'done', /^$/],
    ['of a publisher allowed and asked for', `publishers: { allow: [acme], ask: [ac*] }\n${ALLOWED}`, 'done', /acme/],
    ['of a denied publisher', 'publishers: { deny: [acme], allow: [acme] }', 'CONNECTOR_REFUSED', /^$/],
    [
      'of another publisher than the allowed',
      'publishers: { allow: [other], others: deny }',
      'CONNECTOR_REFUSED',
      /^$/,
    ],
    ['of the only allowed publisher', `publishers: { allow: [acme], others: deny }\n${ALLOWED}`, 'done', /^$/],
    ['with a denied capability', 'capabilities: { deny: [net.*] }', 'CONNECTOR_REFUSED', /^$/],
    ['with a denied tool', 'tools: { deny: [connector.acme.weather.today@v1] }', 'CONNECTOR_REFUSED', /^$/],
    ['with a tool of a denied risk', 'tools: { risk: { low: deny } }', 'CONNECTOR_REFUSED', /^$/],
    [
      'with a tool of a denied risk that a list names',
      'tools: { risk: { low: deny }, ask: [connector.acme.*] }',
      'done',
      /acme/,
    ],
    [
      'with a tool of a denied risk whose capability a list names',
      'tools: { risk: { low: deny } }\ncapabilities: { allow: [net.fetch] }',
      'done',
      /acme/,
    ],
    ['where installing is denied', 'actions: { connector.install: deny }', 'POLICY_DENIED', /^$/],
  ])('%s ends as the policy says', async (_, lines, end, asked) => {
    if (lines !== '') await overlay(lines)
    const ended = await here.install(one)
    expect([ended.end === 'POLICY_DENIED' || ended.end, ended.asked]).toEqual([
      end === 'POLICY_DENIED' ? expect.anything() : end,
      expect.stringMatching(asked),
    ])
    expect(await here.registry.list()).toHaveLength(end === 'done' ? 1 : 0)
  })

  it('that is a downgrade is asked for, whatever is allowed', async () => {
    await overlay(`publishers: { allow: [acme] }\n${ALLOWED}`)
    expect((await here.install(two)).asked).toBe('')
    expect((await here.install(one)).asked).toContain('DOWNGRADE')
  })
})

describe('a package whose hosts the firewall judges', () => {
  beforeEach(async () => {
    await here.stop()
    here = await world.open([offered, vaultPlugin, vaultFilePlugin, firewallPlugin])
  })

  it.each<[string, string, string, boolean]>([
    ['that no rule names', '', 'done', true],
    ['that a rule allows', 'egress: { global: { allow: [{ host: api.example.com }] } }', 'done', false],
    [
      'that a rule allows one connector',
      'egress: { connectors: { acme.weather: { allow: [{ host: api.example.com }] } } }',
      'done',
      false,
    ],
    ['that a rule denies', 'egress: { global: { deny: [{ host: api.example.com }] } }', 'CONNECTOR_REFUSED', false],
    [
      'that a rule denies with others',
      "egress: { global: { deny: [{ host: '*.example.com' }] } }",
      'CONNECTOR_REFUSED',
      false,
    ],
    [
      'that a rule denies one method',
      'egress: { global: { deny: [{ host: api.example.com, methods: [GET] }] } }',
      'done',
      false,
    ],
    [
      'that a rule allows on another port',
      'egress: { global: { allow: [{ host: api.example.com, ports: [8443] }] } }',
      'done',
      false,
    ],
  ])('with a host %s ends as the rules say', async (_, lines, end, warned) => {
    if (lines !== '') await overlay(lines)
    const ended = await here.install(one)
    expect(ended.end).toBe(end)
    expect(ended.asked.includes('no egress rule allows api.example.com yet')).toBe(warned)
  })
})

it('a package that needs what the policy denies is refused, and what it needs is shown', async () => {
  const needy = await acme.make({ version: '1.2.0', requires_capabilities: ['fs.write'] })
  expect((await here.install(needy)).asked).toContain('needs fs.write')
  await overlay('capabilities: { deny: [fs.*] }')
  const another = await acme.make({ version: '1.3.0', requires_capabilities: ['fs.write'] })
  expect((await here.install(another)).end).toBe('CONNECTOR_REFUSED')
})

describe('a tool of a package', () => {
  it.each([
    ['', 'done'],
    ['capabilities: { deny: [net.*] }', 'denied'],
    ['capabilities: { ask: [net.fetch] }', 'pending'],
    ['tools: { deny: [connector.acme.*] }', 'denied'],
    ['publishers: { deny: [acme] }', 'denied'],
    ['publishers: { allow: [other], others: deny }', 'denied'],
    ['publishers: { ask: [acme] }', 'done'],
    ['tools: { risk: { low: deny } }', 'denied'],
    ['tools: { risk: { low: deny }, allow: [connector.acme.weather.*] }', 'done'],
  ])('is called under %j: %s', async (lines, status) => {
    await here.install(one)
    await here.enable('acme.weather')
    if (lines !== '') await overlay(lines)
    expect((await here.kernel.call({ tool: 'connector.acme.weather.today@v1', input: {} })).status).toBe(status)
  })
})

it('switching off needs nobody, switching on does', async () => {
  await here.install(one)
  expect((await here.enable('acme.weather')).asked).toContain('connector.enable')
  expect(await here.disable('acme.weather')).toMatchObject({ end: 'done', asked: '' })
})
