import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { createKernel, defineDistribution, definePlugin, use } from 'cloned/kernel'
import { storePlugin, storeSlot } from 'cloned/plugins/store'
import { initWorkspace, workspacePlugin, workspaceSlot } from 'cloned/plugins/workspace'
import { describe, expect, it, onTestFinished } from 'vitest'
import { commandsCollection } from '../../plugins/cli/slot.js'
import { doctorChecksCollection } from '../../plugins/doctor/slot.js'
import { initCommand } from '../../plugins/workspace/init-command.js'
import { createInstances } from '../../plugins/workspace/instances.js'
import { openWorkspace } from '../../plugins/workspace/open.js'
import { clock, temporary } from './store-fixture.js'
import { copyDirectory } from './workspace-copy.js'

const { now } = clock()
const make = (root: string) => initWorkspace(root, { type: 'personal', now })

function madeWith(path: string, mode: number): void {
  make(join(path, '..'))
  chmodSync(path, mode)
}

describe('initWorkspace', () => {
  it.each(['personal', 'shared', 'enterprise'] as const)('makes a %s workspace that opens', (type) => {
    const root = join(temporary(), 'new', 'place')
    const { config, root: real } = initWorkspace(root, { type, now })
    const opened = openWorkspace({ root, cwd: '/' })
    expect(opened.config).toEqual(config)
    expect(opened.config).toMatchObject({
      type,
      id: expect.stringMatching(/^[0-9a-f]{32}$/),
      created_at: '2027-01-15T08:00:00.000Z',
    })
    expect(opened.root).toBe(real)
  })

  it('makes a personal one when nothing else is said, and refuses what is no type', () => {
    const root = temporary()
    expect(initWorkspace(root).config).toMatchObject({ type: 'personal', created_at: expect.stringMatching(/Z$/) })
    const type = 'friendly' as 'personal'
    expect(() => initWorkspace(temporary(), { type })).toThrow(
      expect.objectContaining({ code: 'WORKSPACE_TYPE', exit: 2 }),
    )
  })

  it.each([
    ['a file is in the way', (root: string) => writeFileSync(join(root, 'x'), ''), 'x/y', 'not a directory'],
    ['the place is a file', (root: string) => writeFileSync(join(root, 'x'), ''), 'x', 'not a directory'],
    [
      'the place is a link to nowhere',
      (root: string) => symlinkSync('nowhere', join(root, 'x')),
      'x',
      'not a directory',
    ],
    ['its name is too long', () => {}, 'n'.repeat(300), 'ENAMETOOLONG'],
  ])('says which path and why when %s', (_, place, name, cause) => {
    const root = temporary()
    place(root)
    const before = readdirSync(root)
    const refused = {
      code: 'WORKSPACE_UNWRITABLE',
      exit: 6,
      params: { path: join(root, name), cause: expect.stringContaining(cause) },
    }
    expect(() => make(join(root, name))).toThrow(expect.objectContaining(refused))
    expect(readdirSync(root)).toEqual(before)
  })

  it.runIf(process.platform === 'linux')('ends where the system takes no new directory', () => {
    expect(() => make('/proc/new/place')).toThrow(expect.objectContaining({ code: 'WORKSPACE_UNWRITABLE' }))
  })

  it('makes everything for its owner alone, whatever the umask', () => {
    const root = temporary()
    const before = process.umask(0)
    try {
      make(root)
    } finally {
      process.umask(before)
    }
    expect(statSync(join(root, '.cloned')).mode & 0o777).toBe(0o700)
    expect(statSync(join(root, '.cloned', 'config.yaml')).mode & 0o777).toBe(0o600)
    expect(readdirSync(root)).toEqual(['.cloned'])
  })

  it.each([
    ['a workspace', (path: string) => void make(join(path, '..'))],
    ['an empty directory', (path: string) => mkdirSync(path)],
    ['a file', (path: string) => writeFileSync(path, 'x')],
    ['a link', (path: string) => symlinkSync(temporary(), path)],
    ['a link to nowhere', (path: string) => symlinkSync('/nowhere/at/all', path)],
  ])('refuses where .cloned is %s, and changes nothing', (_, place) => {
    const root = temporary()
    const path = join(root, '.cloned')
    place(path)
    const before = existsSync(join(path, 'config.yaml')) && readFileSync(join(path, 'config.yaml'), 'utf8')
    expect(() => make(root)).toThrow(expect.objectContaining({ code: 'WORKSPACE_EXISTS', exit: 6 }))
    expect(existsSync(join(path, 'config.yaml')) && readFileSync(join(path, 'config.yaml'), 'utf8')).toBe(before)
    expect(readdirSync(root)).toEqual(['.cloned'])
  })
})

describe('openWorkspace', () => {
  it('falls back to the home directory, and to nothing else, where there is none upward', () => {
    const home = make(temporary()).root
    const elsewhere = temporary()
    expect(openWorkspace({ cwd: elsewhere, home })).toMatchObject({ root: home, found: 'default' })
    const own = make(join(elsewhere, 'own')).root
    expect(openWorkspace({ cwd: own, home })).toMatchObject({ root: own, found: 'above' })
    expect(openWorkspace({ root: own, cwd: '/', home })).toMatchObject({ root: own, found: 'named' })
    const missing = expect.objectContaining({ code: 'WORKSPACE_MISSING' })
    expect(() => openWorkspace({ cwd: elsewhere, home: temporary() })).toThrow(missing)
    expect(() => openWorkspace({ cwd: elsewhere, home: '' })).toThrow(missing)
    // Only the home directory itself: whatever lies above it belongs to somebody else.
    expect(() => openWorkspace({ cwd: elsewhere, home: join(home, 'below') })).toThrow(missing)
    expect(() => openWorkspace({ root: elsewhere, cwd: home, home })).toThrow(missing)
    chmodSync(join(home, '.cloned'), 0o755)
    expect(() => openWorkspace({ cwd: elsewhere, home })).toThrow(expect.objectContaining({ code: 'WORKSPACE_UNSAFE' }))
  })

  it('finds the nearest workspace upward, by its real path', () => {
    const outer = temporary()
    make(outer)
    const inner = join(outer, 'a', 'b')
    mkdirSync(inner, { recursive: true })
    expect(openWorkspace({ cwd: inner }).root).toBe(realpathSync(outer))
    make(join(outer, 'a'))
    expect(openWorkspace({ cwd: inner }).root).toBe(realpathSync(join(outer, 'a')))
    const link = join(temporary(), 'link')
    symlinkSync(outer, link)
    expect(openWorkspace({ cwd: link }).root).toBe(realpathSync(outer))
  })

  it('says what to type when there is none, and does not search above a given root', () => {
    const outer = temporary()
    make(outer)
    mkdirSync(join(outer, 'a'))
    const missing = expect.objectContaining({
      code: 'WORKSPACE_MISSING',
      exit: 6,
      help: expect.stringContaining('cloned init'),
    })
    expect(() => openWorkspace({ root: 'a', cwd: outer })).toThrow(missing)
    expect(() => openWorkspace({ cwd: temporary() })).toThrow(missing)
  })

  it.each([
    ['a link to a good one', (path: string, good: string) => symlinkSync(join(good, '.cloned'), path)],
    ['a link to nowhere', (path: string) => symlinkSync('/nowhere/at/all', path)],
    ['a file', (path: string) => writeFileSync(path, '')],
    ['writable for the group', (path: string) => madeWith(path, 0o770)],
    ['writable for all', (path: string) => madeWith(path, 0o707)],
    ['readable for others, as a checkout makes it', (path: string) => madeWith(path, 0o755)],
  ])('refuses a .cloned that is %s, and does not look further up', (_, place) => {
    const outer = temporary()
    make(outer)
    const root = join(outer, 'a')
    mkdirSync(root)
    const good = temporary()
    make(good)
    place(join(root, '.cloned'), good)
    expect(() => openWorkspace({ cwd: root })).toThrow(expect.objectContaining({ code: 'WORKSPACE_UNSAFE', exit: 6 }))
  })

  it('takes none that it found unless it was made in that place by this user; one that is named needs no note', () => {
    const made = temporary()
    make(made)
    const unpacked = temporary()
    // Archives keep the mode, so this looks like one's own in every other way.
    copyDirectory(join(made, '.cloned'), join(unpacked, '.cloned'))
    const foreign = expect.objectContaining({ code: 'WORKSPACE_FOREIGN', exit: 6 })
    expect(statSync(join(unpacked, '.cloned')).mode & 0o777).toBe(0o700)
    expect(() => openWorkspace({ cwd: unpacked })).toThrow(foreign)
    expect(() => openWorkspace({ cwd: temporary(), home: unpacked })).toThrow(foreign)
    expect(openWorkspace({ root: unpacked, cwd: '/' }).found).toBe('named')
    // Another one in the place of one's own.
    const other = temporary()
    make(other)
    cpSync(join(other, '.cloned', 'config.yaml'), join(made, '.cloned', 'config.yaml'))
    expect(() => openWorkspace({ cwd: made })).toThrow(foreign)
  })

  it('refuses a .cloned of another user', () => {
    const root = temporary()
    make(root)
    const mine = process.getuid
    process.getuid = () => (mine?.() ?? 0) + 1
    try {
      expect(() => openWorkspace({ root, cwd: '/' })).toThrow(expect.objectContaining({ code: 'WORKSPACE_UNSAFE' }))
    } finally {
      if (mine) process.getuid = mine
      else delete process.getuid
    }
  })

  it.each([
    ['type: personal', 'type: friendly', ':6', /must be one of/],
    ['version: 1', 'version: 2', ':4', /constant/],
    ['type: personal', 'type: personal\nplugins: {}', ':7', /not a known key/],
    ['id: ', 'id: x', ':5', /pattern/],
  ])('refuses a configuration with %j changed to %j, at its line, and does not touch it', (from, to, line, problem) => {
    const root = temporary()
    make(root)
    const file = join(root, '.cloned', 'config.yaml')
    const text = readFileSync(file, 'utf8').replace(from, to)
    writeFileSync(file, text)
    expect(() => openWorkspace({ root, cwd: '/' })).toThrow(
      expect.objectContaining({
        code: 'FILE_INVALID',
        params: expect.objectContaining({ line, problem: expect.stringMatching(problem) }),
      }),
    )
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('refuses a workspace without a configuration', () => {
    const root = temporary()
    make(root)
    rmSync(join(root, '.cloned', 'config.yaml'))
    expect(() => openWorkspace({ root, cwd: '/' })).toThrow(expect.objectContaining({ code: 'FILE_INVALID' }))
  })

  it('gives paths under .cloned only', () => {
    const root = temporary()
    make(root)
    const workspace = openWorkspace({ root, cwd: '/' })
    expect(workspace.path('a', '..', 'b')).toBe(join(workspace.dir, 'b'))
    expect(workspace.path('..odd')).toBe(join(workspace.dir, '..odd'))
    for (const way of ['..', '../x', 'a/../../x']) {
      expect(() => workspace.path(way)).toThrow(expect.objectContaining({ code: 'WORKSPACE_UNSAFE' }))
    }
  })
})

describe('cloned init', () => {
  const context = (cwd: string, args: Record<string, string>, options: Record<string, string | true>, dryRun = false) =>
    ({ args, options, cwd, workspace: cwd, dryRun }) as unknown as Parameters<ReturnType<typeof initCommand>['run']>[0]
  const { run } = initCommand(now)

  it('makes what it says it made', async () => {
    const cwd = temporary()
    const { json, text, exit = 0 } = await run(context(cwd, { dir: 'team' }, { type: 'shared' }))
    expect(exit).toBe(0)
    const { config, root } = openWorkspace({ root: 'team', cwd })
    expect(json).toEqual({ root, type: 'shared', id: config.id })
    expect(text).toContain(join(root, '.cloned'))
    expect(text).toContain('stays pending')
    const personal = await run(context(cwd, { dir: 'own' }, {}))
    expect(personal.text).not.toContain('stays pending')
  })

  it('makes nothing in a dry run, and refuses what the real one would refuse', async () => {
    const cwd = temporary()
    expect((await run(context(cwd, { dir: 'team' }, {}, true))).json).toMatchObject({ dry_run: true, type: 'personal' })
    expect(readdirSync(cwd)).toEqual([])
    make(cwd)
    await expect(run(context(cwd, {}, {}, true))).rejects.toMatchObject({ code: 'WORKSPACE_EXISTS' })
  })

  it('takes the workspace that is there for the user’s own only when told to, and changes nothing in it', async () => {
    const made = temporary()
    make(made)
    const cwd = temporary()
    copyDirectory(join(made, '.cloned'), join(cwd, '.cloned'))
    const before = readFileSync(join(cwd, '.cloned', 'config.yaml'), 'utf8')
    const { id } = openWorkspace({ root: made, cwd }).config
    expect((await run(context(cwd, {}, { adopt: true }, true))).json).toMatchObject({ dry_run: true, id })
    expect(() => openWorkspace({ cwd })).toThrow(expect.objectContaining({ code: 'WORKSPACE_FOREIGN' }))
    expect((await run(context(cwd, {}, { adopt: true }))).json).toMatchObject({ id, type: 'personal' })
    expect(openWorkspace({ cwd })).toMatchObject({ found: 'above', config: { id } })
    expect(readFileSync(join(cwd, '.cloned', 'config.yaml'), 'utf8')).toBe(before)
    const nothing = run(context(temporary(), {}, { adopt: true }))
    await expect(nothing).rejects.toMatchObject({ code: 'WORKSPACE_MISSING' })
  })

  it('refuses an unknown type as a usage error', async () => {
    const cwd = temporary()
    await expect(run(context(cwd, {}, { type: 'friendly' }))).rejects.toMatchObject({ code: 'WORKSPACE_TYPE', exit: 2 })
    expect(readdirSync(cwd)).toEqual([])
  })
})

describe('kernel instances', () => {
  it('live until they leave', async () => {
    const directory = join(temporary(), 'instances')
    const [a, b] = [createInstances(() => directory), createInstances(() => directory)]
    const { id, leave } = await a.enter()
    expect(id).toMatch(/^[0-9a-f]{16}$/)
    expect(await b.dead()).toEqual([])
    await leave()
    expect(await b.dead()).toEqual([])
    expect(readdirSync(directory)).toEqual([])
  })

  it('that are let go without leaving are found dead, claimed once, and forgotten once they are recovered', async () => {
    const directory = join(temporary(), 'instances')
    const [a, b, c] = [
      createInstances(() => directory),
      createInstances(() => directory),
      createInstances(() => directory),
    ]
    const { id } = await a.enter()
    a.close()
    a.close()
    const [claimed] = await b.dead()
    expect(claimed?.id).toBe(id)
    expect(await c.dead()).toEqual([])
    b.close()
    const [again] = await c.dead()
    await again?.forget()
    expect(await b.dead()).toEqual([])
  })
})

describe('workspace and store in a kernel', () => {
  const owner = definePlugin({
    id: 'test.owner',
    version: '1.0.0',
    kernel: '*',
    owns: { commands: commandsCollection, checks: doctorChecksCollection },
    setup() {},
  })
  const quiet = () => ({ debug() {}, info() {}, warn() {}, error() {} })
  const boot = (root: string) => {
    const plugins = [use(workspacePlugin, { root }), storePlugin, owner]
    const kernel = createKernel(defineDistribution({ name: 'test', version: '1.0.0', plugins }), { log: quiet })
    onTestFinished(() => kernel.stop())
    return kernel
  }

  it('start, serve, stop, and leave no lock behind', async () => {
    const root = temporary()
    make(root)
    const kernel = boot(root)
    await kernel.start()
    const store = kernel.service(storeSlot)
    await store.migrate('test.owner', [['create table t (k text)']])
    await store.write([{ sql: 'insert into t (k) values ($1)', args: ['x'] }])
    expect(await store.all('select k from t')).toEqual([{ k: 'x' }])
    const { dir } = kernel.service(workspaceSlot)
    expect(readdirSync(join(dir, 'instances'))).toEqual([`${kernel.instance}.lock`])
    await kernel.stop()
    await kernel.stop()
    expect(readdirSync(join(dir, 'instances'))).toEqual([])
    await expect(store.all('select 1')).rejects.toMatchObject({ code: 'STORE_CLOSED' })
    expect(() => kernel.service(workspaceSlot).root).toThrow(expect.objectContaining({ code: 'WORKSPACE_CLOSED' }))
  })

  it('stop without having started', async () => {
    await boot(temporary()).stop()
  })

  it('do not start without a workspace, nor make one', async () => {
    const root = temporary()
    await expect(boot(root).start()).rejects.toThrow()
    expect(readdirSync(root)).toEqual([])
  })
})
