import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { definePlugin, defineTool, type JsonObject, toolsCollection } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { anchorsCollection } from '../../plugins/audit/slot.js'
import { basics, boot, context } from './audit-fixture.js'
import { newDir, recordsOf } from './audit-helpers.js'

const tool = defineTool({
  id: 'test.do.it@v1',
  title: 'Do',
  description: 'Does it',
  risk: 'low',
  capability: 'test',
  input: { type: 'object', additionalProperties: false },
  output: {},
  handler: () => null,
})
const tools = definePlugin({
  id: 'test.tools',
  ...basics,
  contributes: { tools: toolsCollection },
  setup: () => ({ tools: [tool] }),
})
const call = { tool: tool.id, input: {} }

/** A workspace in a directory of its own, so that there is a place outside of it. */
function place() {
  const outside = newDir()
  const dir = join(outside, 'workspace')
  mkdirSync(dir)
  return { dir, outside, kept: join(outside, 'kept.jsonl') }
}

const types = (dir: string) => recordsOf(dir).flatMap(({ type, anchor }) => (anchor ? [`${type} ${anchor}`] : []))
const notesIn = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => String((JSON.parse(line) as { note: string }).note))

describe('an anchor', () => {
  it('gets the newest note when asked to, and every attempt is recorded', async () => {
    const { dir, kept } = place()
    const { command, kernel } = await boot(
      dir,
      { anchors: [{ id: 'disk', type: 'file', path: kept }] },
      { plugins: [tools] },
    )
    expect((await command('audit anchors').run(context())).text).toBe('disk: holds nothing')
    await kernel.call(call)
    const shown = await command('audit anchors').run(context({ options: { submit: true } }))
    expect(shown.json).toMatchObject({
      anchors: [{ id: 'disk', required: false, failure: null, size: expect.any(Number) }],
    })
    const [record] = recordsOf(dir).filter(({ type }) => type === 'log.checkpoint')
    expect(notesIn(kept)[0]).toBe(record?.['note'])
    await kernel.stop()
    expect(types(dir).slice(0, 2)).toEqual(['anchor.submitted disk', 'anchor.confirmed disk'])
  })

  it('that is a command gets the note on its input, an environment of its own, and gives its proof back', async () => {
    const { dir, outside, kept } = place()
    const script = join(outside, 'keep.sh')
    writeFileSync(script, `#!/bin/sh\ncat > "$1"\necho "kept for $WHO, path $HOME"\n`)
    chmodSync(script, 0o700)
    const entry = { id: 'script', type: 'command', command: ['/bin/sh', script, kept], env: { WHO: 'us' } }
    const { command, kernel } = await boot(dir, { anchors: [entry] }, { plugins: [tools] })
    await kernel.call(call)
    await command('audit anchors').run(context({ options: { submit: true } }))
    expect(readFileSync(kept, 'utf8')).toMatch(/^cloned\.local\/w\//)
    expect(recordsOf(dir).find(({ type }) => type === 'anchor.confirmed')?.['receipt']).toBe('kept for us, path')
  })

  const failures: [string, JsonObject, string][] = [
    [
      'a command that fails',
      { type: 'command', command: ['/bin/sh', '-c', 'echo no room >&2; exit 3'] },
      'ended with 3: no room',
    ],
    ['a command that is not there', { type: 'command', command: ['/nonexistent/program'] }, 'ENOENT'],
    ['an anchor of a plugin that throws', { type: 'plugin' }, 'no network'],
  ]
  it.each(failures)('that is %s is recorded as failed, and calls go on', async (_, entry, reason) => {
    const { dir } = place()
    const broken = definePlugin({
      id: 'test.anchor',
      ...basics,
      contributes: { anchors: anchorsCollection },
      setup: () => ({ anchors: [{ id: 'it', submit: () => Promise.reject(new Error('no network')) }] }),
    })
    const { command, kernel } = await boot(dir, { anchors: [{ id: 'it', ...entry }] }, { plugins: [tools, broken] })
    expect(await kernel.call(call)).toMatchObject({ status: 'done' })
    const shown = await command('audit anchors').run(context({ options: { submit: true } }))
    expect(shown).toMatchObject({ exit: 1, json: { anchors: [{ failure: expect.stringContaining(reason) }] } })
    expect(recordsOf(dir).find(({ type }) => type === 'anchor.failed')?.['reason']).toContain(reason)
    expect(await kernel.call(call)).toMatchObject({ status: 'done' })
  })

  it('refuses a smaller log than the one it remembers', async () => {
    const { dir, kept } = place()
    const config = { anchors: [{ id: 'disk', type: 'file', path: kept }] }
    const { command, kernel } = await boot(dir, config, { plugins: [tools] })
    await kernel.call(call)
    await command('audit anchors').run(context({ options: { submit: true } }))
    const [note = ''] = notesIn(kept)
    const [origin = '', , ...rest] = note.split('\n')
    writeFileSync(kept, `${JSON.stringify({ note: [origin, '999999', ...rest].join('\n') })}\n`)
    const shown = await command('audit anchors').run(context({ options: { submit: true } }))
    expect(shown).toMatchObject({ exit: 1, text: expect.stringContaining('holds a checkpoint of 999999 records') })
  })

  const wrong: [string, (parts: ReturnType<typeof place>) => JsonObject, string][] = [
    ['a file in the workspace', ({ dir }) => ({ type: 'file', path: join(dir, 'kept') }), 'inside the workspace'],
    ['a file by a relative path', () => ({ type: 'file', path: 'kept' }), 'not absolute'],
    [
      'a file in no directory',
      ({ outside }) => ({ type: 'file', path: join(outside, 'no', 'kept') }),
      'cannot be opened',
    ],
    ['a file without a path', () => ({ type: 'file' }), 'no path'],
    ['a command by its name alone', () => ({ type: 'command', command: ['sh'] }), 'not an absolute path'],
    ['a plugin that is not there', () => ({ type: 'plugin' }), 'no plugin contributes'],
  ]
  it.each(wrong)('that is %s keeps the kernel from starting', async (_, entry, problem) => {
    const parts = place()
    await expect(boot(parts.dir, { anchors: [{ id: 'it', ...entry(parts) }] })).rejects.toMatchObject({
      message: expect.stringContaining(problem),
    })
  })
})

describe('a required anchor', () => {
  const setUp = async (over: { dir?: string; fails?: () => boolean } = {}) => {
    const { dir } = over.dir === undefined ? place() : { dir: over.dir }
    const clock = { now: Date.parse('2026-01-01T00:00:00Z') }
    const taken: string[] = []
    const anchor = definePlugin({
      id: 'test.anchor',
      ...basics,
      contributes: { anchors: anchorsCollection },
      setup: () => ({
        anchors: [
          {
            id: 'it',
            submit: async (note: string) => {
              if (over.fails?.()) throw new Error('no network')
              taken.push(note)
              return undefined
            },
          },
        ],
      }),
    })
    const config = { anchors: [{ id: 'it', type: 'plugin', required: true, max_age_s: 60, every_s: 3600 }] }
    const { kernel } = await boot(dir, config, { plugins: [tools, anchor], now: () => clock.now })
    return { dir, clock, taken, kernel }
  }

  it('gets a checkpoint before the first call runs, and again when that is too old', async () => {
    const { clock, taken, kernel } = await setUp()
    expect(await kernel.call(call)).toMatchObject({ status: 'done' })
    expect(taken).toHaveLength(1)
    clock.now += 59_000
    expect(await kernel.call(call)).toMatchObject({ status: 'done' })
    const before = taken.length
    clock.now += 61_000
    expect(await kernel.call(call)).toMatchObject({ status: 'done' })
    expect(taken.length).toBe(before + 1)
  })

  it('that takes nothing stops every call until it does', async () => {
    let fails = true
    const { kernel, clock } = await setUp({ fails: () => fails })
    expect(await kernel.call(call)).toMatchObject({ status: 'denied', reason: expect.stringContaining('no network') })
    fails = false
    expect(await kernel.call(call)).toMatchObject({ status: 'done' })
    fails = true
    clock.now += 61_000
    expect(await kernel.call(call)).toMatchObject({ status: 'denied' })
  })

  it('is known to the next process by what the log says', async () => {
    const first = await setUp()
    await first.kernel.call(call)
    await first.kernel.stop()
    const second = await setUp({ dir: first.dir, fails: () => true })
    expect(await second.kernel.call(call)).toMatchObject({ status: 'done' })
    second.clock.now += 61_000
    expect(await second.kernel.call(call)).toMatchObject({ status: 'denied' })
    // A clock that was set back makes no confirmation fresh.
    second.clock.now -= 3_600_000
    expect(await second.kernel.call(call)).toMatchObject({ status: 'denied' })
  })
})
