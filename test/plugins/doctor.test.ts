import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ClonedError, definePlugin } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { machineChecks } from '../../plugins/doctor/checks.js'
import { examine } from '../../plugins/doctor/examine.js'
import { programVersion } from '../../plugins/doctor/programs.js'
import { type DoctorCheck, doctorChecksCollection } from '../../plugins/doctor/slot.js'
import { cliWorld, distributionWith, runIn } from './cli-fixture.js'

const check = (run: () => unknown, more: Partial<DoctorCheck> = {}) => ({
  plugin: 'test.ill',
  item: { id: 'test.check', run: run as DoctorCheck['run'], ...more },
})

const sick = (level: 'ok' | 'warn' | 'fail', message = 'found') =>
  definePlugin({
    id: 'test.ill',
    version: '1.0.0',
    kernel: '^0.1.0',
    contributes: { checks: doctorChecksCollection },
    setup: () => ({ checks: [{ id: 'test.check', run: async () => ({ level, message, fix: 'take care' }) }] }),
  })

describe('a doctor check', () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('boom')
      },
      /boom/,
    ],
    ['rejects with nothing', () => Promise.reject(undefined), /failed/],
    ['never answers', () => new Promise(() => {}), /did not answer in 20 ms/],
    ['answers nothing', () => undefined, /something else/],
    ['answers another level', () => ({ level: 'great', message: '' }), /something else/],
    ['answers a fix that is no text', () => ({ level: 'ok', message: '', fix: 1 }), /something else/],
  ])('that %s is a failed row with a fix', async (_, run, message) => {
    const [row] = await examine([check(run)], { workspaceOpen: true, deadlineMs: 20 })
    expect(row).toMatchObject({
      id: 'test.check',
      plugin: 'test.ill',
      level: 'fail',
      message: expect.stringMatching(message),
    })
    expect(row?.fix).toContain('test.ill')
  })

  it('that finds an error of the table shows it, with its own way out', async () => {
    const lost = new ClonedError('AUDIT_MISSING', {})
    const rows = await examine([check(() => Promise.reject(lost))], { workspaceOpen: true })
    expect(rows).toMatchObject([{ level: 'fail', message: lost.message, fix: lost.help }])
  })

  it('is left out without a workspace, unless it needs none', async () => {
    const well = () => ({ level: 'ok', message: 'well' })
    const rows = await examine([check(well), check(well, { needs: 'nothing' })], { workspaceOpen: false })
    expect(rows.map(({ level }) => level)).toEqual(['skip', 'ok'])
  })
})

describe('the checks of the machine', () => {
  const machine = { nodeVersion: '20.19.0', generateCode: () => 1, programVersion: async () => undefined }
  const levels = async (more: Partial<typeof machine>) => {
    const found = await Promise.all(
      machineChecks({ ...machine, ...more }).map(async (item) => [item.id, await item.run()] as const),
    )
    return Object.fromEntries(found.map(([id, { level }]) => [id, level]))
  }

  it.each([
    ['20.18.3', 'fail'],
    ['20.19.0', 'ok'],
    ['22.12.0', 'ok'],
    ['24.1.0', 'ok'],
  ])('judge Node %s as %s', async (nodeVersion, level) => {
    expect(await levels({ nodeVersion })).toMatchObject({ 'node.version': level })
  })

  it('fail where code cannot be generated', async () => {
    const generateCode = () => {
      throw new EvalError('Code generation from strings disallowed for this context')
    }
    expect(await levels({ generateCode })).toMatchObject({ 'node.code-generation': 'fail' })
  })

  it('never fail for an optional program that is missing or broken', async () => {
    for (const answer of [async () => undefined, () => Promise.reject(new Error('EACCES'))]) {
      const found = await levels({ programVersion: answer })
      expect(
        Object.entries(found)
          .filter(([id]) => id.startsWith('optional.'))
          .map(([, level]) => level),
      ).toEqual(['ok', 'ok', 'ok', 'ok'])
    }
  })

  it('tell a program that is there from one that is not', async () => {
    expect(await programVersion('node')).toBe(process.version)
    expect(await programVersion('cloned-no-such-program')).toBeUndefined()
  })
})

describe('cloned doctor', () => {
  it.each([
    ['ok', 0],
    ['warn', 0],
    ['fail', 1],
  ] as const)('with a check at %s exits %i and shows the fix', async (level, code) => {
    const world = await cliWorld(sick(level, 'x\x1b[2J'))
    try {
      const ran = await world.run(['doctor'])
      expect(ran.code).toBe(code)
      expect(ran.out).toContain('take care')
      expect(ran.out).not.toContain('\x1b')
      const { checks } = JSON.parse((await world.run(['doctor', '--json'])).out)
      expect(checks).toContainEqual(expect.objectContaining({ id: 'test.check', level, fix: 'take care' }))
    } finally {
      await world.close()
    }
  })

  it('works without a workspace, and in one that is broken', async () => {
    const nowhere = await mkdtemp(join(tmpdir(), 'cloned-nowhere-'))
    const world = await cliWorld()
    try {
      const none = await runIn(distributionWith(), nowhere, ['--workspace', nowhere, 'doctor', '--json'])
      expect(none.code).toBe(0)
      expect(JSON.parse(none.out).checks).toContainEqual(
        expect.objectContaining({ id: 'workspace.open', level: 'warn', fix: expect.stringContaining('cloned init') }),
      )
      await writeFile(join(world.root, '.cloned', 'config.yaml'), 'version: 9\n')
      const broken = await world.run(['doctor', '--json'])
      expect(broken.code).toBe(1)
      expect(JSON.parse(broken.out).checks).toContainEqual(
        expect.objectContaining({ id: 'workspace.open', level: 'fail' }),
      )
    } finally {
      await world.close()
      await rm(nowhere, { recursive: true, force: true })
    }
  })
})
