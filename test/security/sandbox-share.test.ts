// Programs in the sandbox that take more of the machine than is theirs: they are ended, with everything they started.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SandboxProcess } from '../../plugins/sandbox/slot.js'
import { MEMORY_BYTES, TASKS } from '../../plugins/sandbox-bubblewrap/arguments.js'
import { bubblewrapBackend, type Surroundings } from '../../plugins/sandbox-bubblewrap/backend.js'
import { makeGroup } from '../../plugins/sandbox-bubblewrap/group.js'
import { canConfine, connectorsWorld, NO_SANDBOX } from '../plugins/connectors-fixture.js'

const MIB = 1024 * 1024
const PYTHON = ['python3', './main']
const SHELL = ['sh', './main']

/** A bomb without a bound would take the machine with it. */
const group = makeGroup('trial', { tasks: 10, bytes: MIB })
group?.remove()
const held = group !== undefined || process.getuid?.() !== 0

describe.skipIf(!canConfine)(`a confined program (skipped only where ${NO_SANDBOX})`, () => {
  let directory = ''
  let count = 0
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'cloned-share-'))
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  async function start(text: string, command: readonly string[], share?: Surroundings['share']) {
    const own = join(directory, String(++count))
    mkdirSync(own)
    writeFileSync(join(own, 'main'), text)
    const backend = bubblewrapBackend(share ? { share } : {})
    const started = await backend.start({ connector: 'test.program', directory: own, command })
    started.stdin.end()
    started.stderr.resume()
    return started
  }
  const said = async ({ stdout }: SandboxProcess) => {
    let text = ''
    for await (const chunk of stdout) text += String(chunk)
    return text.trim()
  }

  it.each<[string, string]>([
    ['starts many children', 'for n in range(300): os.fork() or time.sleep(60)'],
    [
      'starts many orphans',
      'for n in range(150):\n  if os.fork() == 0: os.setsid(); os.fork() and os._exit(0); time.sleep(60)',
    ],
    ['starts many threads', 'for n in range(300): threading.Thread(target=time.sleep, args=(60,)).start()'],
  ])('that %s is ended', async (_, text) => {
    const started = await start(`import os, threading, time\n${text}\ntime.sleep(60)`, PYTHON, {
      tasks: 200,
      bytes: MEMORY_BYTES,
    })
    started.stdout.resume()
    expect(await started.ended).toMatchObject({ problem: 'it had more than 200 processes and threads' })
  })

  it.skipIf(!held)(
    'that bombs with forks is held by the kernel, and ended (skipped for root without control groups)',
    async () => {
      // It goes on at the limit: one that dies of it may be over before anybody counts.
      const bomb = 'import os, time\nwhile True:\n  try: os.fork()\n  except OSError: time.sleep(0.01)'
      const started = await start(bomb, PYTHON)
      started.stdout.resume()
      expect(await started.ended).toMatchObject({ problem: `it had more than ${TASKS} processes and threads` })
      expect(readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length).toBeLessThan(5000)
    },
    120_000,
  )

  it.each<[string, string]>([
    [
      'in many processes',
      'import os, time\nfor n in range(8):\n  if os.fork() == 0: x = bytearray(80 << 20); time.sleep(60)\ntime.sleep(60)',
    ],
    ['that is shared', 'import mmap, time\nx = mmap.mmap(-1, 600 << 20)\nx.write(b"x" * (600 << 20))\ntime.sleep(60)'],
  ])('that takes too much memory %s is ended', async (_, text) => {
    const started = await start(text, PYTHON, { tasks: TASKS, bytes: 512 * MIB })
    started.stdout.resume()
    expect(await started.ended).toMatchObject({ problem: 'it took more than 512 MiB of memory' })
  })

  it('that allocates 4 GB in one process does not get them', async () => {
    const text = 'try: bytearray(4 << 30)\nexcept MemoryError: print("refused")'
    expect(await said(await start(text, PYTHON))).toBe('refused')
  })

  it.skipIf(group === undefined)(
    'of a host that was killed leaves no control group for long (skipped without them)',
    () => {
      const [base = ''] = (group?.directories ?? []).map(dirname)
      const left = join(base, 'cloned-4194304-left')
      mkdirSync(left)
      makeGroup('next', { tasks: 10, bytes: MIB })?.remove()
      expect(readdirSync(base)).not.toContain('cloned-4194304-left')
    },
  )

  it('is held by the kernel to its number of processes, files and core dumps too', async () => {
    const limits = await said(await start('cat /proc/self/limits', SHELL))
    const limit = (name: string) => new RegExp(`^${name} +(\\S+) +(\\S+)`, 'm').exec(limits)?.slice(1)
    expect(limit('Max processes')).toEqual([`${2 * TASKS}`, `${2 * TASKS}`])
    expect(limit('Max open files')).toEqual(['1024', '1024'])
    expect(limit('Max core file size')).toEqual(['0', '0'])
    expect(limit('Max data size')).toEqual([`${MEMORY_BYTES}`, `${MEMORY_BYTES}`])
  })

  it('that stays below its share is left alone', async () => {
    const text = 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait; echo done'
    const started = await start(text, SHELL, { tasks: 20, bytes: 64 * MIB })
    expect(await said(started)).toBe('done')
    expect(await started.ended).toEqual({ code: 0, signal: null })
  })

  it('that is a connector ends with words for its caller, and the next call gets another worker', async () => {
    const id = 'acme.bomb'
    const world = await connectorsWorld()
    try {
      const main = `
import { spawn } from 'node:child_process'
import { defineConnector, defineTool, serve } from 'cloned/connector'
serve(defineConnector({ id: '${id}', version: '1.0.0', publisher: 'acme', title: '', description: '', tools: [
  defineTool({ id: '${id}.do', version: 1, title: '', description: '', input: { type: 'object' }, output: {},
    risk: 'low', capability: 'test', run: async ({ bomb }) => {
      if (!bomb) return 'fine'
      spawn('sh', ['-c', 'for n in $(seq 300); do sleep 60 & done; wait'])
      await new Promise(() => {})
    } })] }))`
      world.enable({ id, files: { 'main.mjs': main } })
      const outcome = await world.call(`${id}.do@v1`, { bomb: true })
      expect(outcome).toMatchObject({ status: 'failed', code: 'CONNECTOR_PROTOCOL', effect: 'unknown' })
      expect((outcome as { reason: string }).reason).toContain(`more than ${TASKS} processes`)
      expect(await world.call(`${id}.do@v1`)).toMatchObject({ status: 'done', output: 'fine' })
    } finally {
      await world.close()
    }
  })
})
