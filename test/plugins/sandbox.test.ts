// The sandbox as a service: required, or off for one connector on a person's word that ends; never anything between.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectorsSlot } from 'cloned/plugins/connectors'
import { sandboxPlugin } from 'cloned/plugins/sandbox'
import { afterEach, describe, expect, it } from 'vitest'
import { sandboxChecks } from '../../plugins/sandbox/doctor.js'
import { sandboxOff, sandboxRequired } from '../../plugins/sandbox/kinds.js'
import { createSandbox } from '../../plugins/sandbox/sandbox.js'
import { type SandboxExemption, sandboxSlot } from '../../plugins/sandbox/slot.js'
import { bubblewrapBackend } from '../../plugins/sandbox-bubblewrap/backend.js'
import { type ConnectorsWorld, connectorsWorld, trustIn, type WorldOptions } from './connectors-fixture.js'
import { publisherDocument, vendor } from './package-fixture.js'
import { registryWorld } from './registry-fixture.js'

const PROGRAM = { connector: 'acme.x', directory: '/nowhere', command: ['true'] }
const none = async (): Promise<readonly SandboxExemption[]> => []

describe('a machine that cannot confine', () => {
  it.each([
    [
      'without bubblewrap',
      { places: ['/nowhere/bwrap'], architecture: process.arch },
      'linux',
      /apt-get install bubblewrap/,
    ],
    ['of another architecture', { places: ['/bin/true'], architecture: 'riscv64' }, 'linux', /x64 or arm64/],
    ['of another platform', { places: ['/bin/true'], architecture: process.arch }, 'darwin', /on Linux/],
    [
      'whose bubblewrap is something else',
      { places: ['/bin/true'], architecture: process.arch },
      'linux',
      /apt-get install bubblewrap/,
    ],
  ] as const)('%s starts nothing', async (_, surroundings, platform, says) => {
    const sandbox = createSandbox({ backends: () => [bubblewrapBackend(surroundings)], exemptions: none, platform })
    await expect(sandbox.start(PROGRAM)).rejects.toMatchObject({
      code: 'SANDBOX_MISSING',
      help: expect.stringMatching(says),
    })
  })
})

const DAY = 86_400_000
const MAIN = `
import { defineConnector, defineTool, serve } from 'cloned/connector'
serve(defineConnector({ id: 'acme.off', version: '1.0.0', publisher: 'acme', title: 'Off', description: '', tools: [
  defineTool({ id: 'acme.off.do', version: 1, title: 'Off', description: '', input: { type: 'object' }, output: {},
    risk: 'low', capability: 'test', run: ({ wait }) => wait ? new Promise(() => {}) : ({ env: Object.keys(process.env).sort(), confined: process.cwd() === '/app/connector' }) })] }))`
const OFF = { connector: 'acme.off', reason: 'a test that wants it off', until: 0 }

describe('an exemption', () => {
  let world: ConnectorsWorld | undefined
  afterEach(() => world?.close())

  const exempt = async (until: number, options: WorldOptions = {}) => {
    world = await connectorsWorld(options)
    world.enable({ id: 'acme.off', files: { 'main.mjs': MAIN } })
    const asked = await world.kernel.act(sandboxOff, {
      target: 'acme.off',
      input: { ...OFF, until },
      actor: 'user:ann',
    })
    expect(asked.status).toBe('pending')
    if (asked.status !== 'pending') throw new Error('it was not asked')
    const { approvalsSlot } = await import('cloned/kernel')
    return await world.kernel.service(approvalsSlot).decide(asked.approval.id, {
      verdict: 'approve',
      by: { id: 'user:ann', claimed: false, osUser: 'ann' },
    })
  }

  it('is asked for, lets one connector run, is recorded at every call and ends', async () => {
    const { outcome } = await exempt(Date.now() + DAY)
    expect(outcome).toMatchObject({ status: 'done' })
    const call = await world?.call('acme.off.do@v1')
    expect(call).toMatchObject({
      status: 'done',
      output: { env: ['HOME', 'LANG', 'PATH', 'PWD', 'TMPDIR'], confined: false },
    })
    const records = await world?.records(call?.callId ?? '')
    expect(records?.filter(({ type }) => type === 'connector.unconfined')).toMatchObject([
      { connector: 'acme.off', reason: OFF.reason, by: 'user:ann' },
    ])
    const check = async () => {
      const exemptions = () => world?.kernel.service(sandboxSlot).exemptions() ?? none()
      const checks = sandboxChecks({ backends: () => [bubblewrapBackend()], exemptions, platform: 'linux' })
      return await checks.find(({ id }) => id === 'sandbox.exemptions')?.run()
    }
    expect(await check()).toMatchObject({
      level: 'warn',
      message: expect.stringMatching(/acme\.off until .* on the word of user:ann \(a test that wants it off\)/),
      fix: 'cloned sandbox require acme.off',
    })
    const required = await world?.kernel.act(sandboxRequired, { target: 'acme.off', input: { connector: 'acme.off' } })
    expect(required?.status).toBe('done')
    const confined = await world?.call('acme.off.do@v1')
    expect(confined).toMatchObject({ status: 'done', output: { confined: true } })
    expect(JSON.stringify(await world?.records(confined?.callId ?? ''))).not.toContain('connector.unconfined')
    expect(await world?.kernel.service(sandboxSlot).exemptions()).toEqual([])
    expect(await check()).toMatchObject({ level: 'ok' })
  })

  it('that runs out takes its worker with it', async () => {
    await exempt(Date.now() + DAY)
    expect(await world?.call('acme.off.do@v1')).toMatchObject({ output: { confined: false } })
    world?.advance(DAY)
    expect(await world?.call('acme.off.do@v1')).toMatchObject({ output: { confined: true } })
  })

  it('that runs out in the middle of a call ends the call', async () => {
    await exempt(Date.now() + DAY)
    const waiting = world?.call('acme.off.do@v1', { wait: true })
    await expect.poll(() => world?.kernel.service(connectorsSlot).running()).toEqual(['acme.off'])
    world?.advance(DAY)
    expect(await waiting).toMatchObject({ status: 'failed', effect: 'unknown' })
  })

  it('is not for an unsigned source that calls itself so', async () => {
    await exempt(Date.now() + DAY, { plugins: [trustIn('dev')] })
    const directory = mkdtempSync(join(tmpdir(), 'cloned-source-'))
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ cloned: { connector: 'main.mjs' } }))
    writeFileSync(join(directory, 'main.mjs'), MAIN)
    await world?.kernel.service(connectorsSlot).develop(directory)
    expect(await world?.call('acme.off.do@v1')).toMatchObject({ output: { confined: true } })
    rmSync(directory, { recursive: true })
  })

  it('is told to whoever is asked about a package of the connector', async () => {
    const [acme, signed] = [vendor(), registryWorld()]
    signed.now = Date.now()
    try {
      const here = await signed.open([sandboxPlugin])
      await here.change({ op: 'publisher.put', content: publisherDocument([acme.key]) })
      expect((await here.install(await acme.make())).asked).not.toContain('SANDBOX')
      const input = { ...OFF, connector: 'acme.weather', until: signed.now + DAY }
      expect((await here.act(sandboxOff, 'acme.weather', input)).end).toBe('done')
      const { asked } = await here.install(await acme.make({ version: '1.1.0' }))
      expect(asked).toMatch(/acme\.weather runs WITHOUT A SANDBOX until .*, and so would this version/)
    } finally {
      await signed.close()
      acme.close()
    }
  })

  it.each([-DAY, 91 * DAY])('does not begin when it would end in %i ms', async (ms) => {
    const { outcome } = await exempt(Date.now() + ms)
    expect(outcome).toMatchObject({ status: 'failed', code: 'SANDBOX_UNTIL', effect: 'none' })
  })
})
