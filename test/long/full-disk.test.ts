import { spawnSync } from 'node:child_process'
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace } from 'cloned'
import { afterAll, describe, expect, it } from 'vitest'
import { inspect, type Process, startCaller } from '../faults/chaos.js'
import { PLENTY } from '../faults/chaos-rounds.js'
import { readEffects, violations } from '../faults/chaos-rules.js'

const disk = mkdtempSync(join(tmpdir(), 'cloned-disk-'))
// A file system of its own, so that it can be filled; mounting one is for root, or for whoever need not be asked.
const asRoot = (...line: readonly string[]): boolean => {
  const [command = '', ...args] = process.getuid?.() === 0 ? line : ['sudo', '-n', ...line]
  return spawnSync(command, args).status === 0
}
const owner = `uid=${process.getuid?.()},gid=${process.getgid?.()},mode=700`
const mounted = asRoot('mount', '-t', 'tmpfs', '-o', `size=24m,${owner}`, 'tmpfs', disk)
// Tools leave their effects elsewhere: the world outside has room.
const world = mkdtempSync(join(tmpdir(), 'cloned-world-'))

afterAll(() => {
  if (mounted) asRoot('umount', '--lazy', disk)
  for (const directory of [disk, world]) rmSync(directory, { recursive: true, force: true })
})

if (!mounted && process.env['CI'] === 'true')
  throw new Error('a small disk cannot be mounted, and CI must not skip this')
const name = mounted ? 'a full disk' : 'a full disk (skipped: a tmpfs can be mounted by root only)'

describe.skipIf(!mounted)(name, () => {
  // The log of the store has its largest size after enough calls and is written in place from then on, so that the audit
  // log is the first to meet the end of the disk; before, it is the store, unless the very last page was just taken by it.
  const cases = [
    { first: 'a new store', calls: 1, free: 200_000, code: /^(RESERVE_FAILED|AUDIT_UNWRITABLE)$/ },
    { first: 'a growing store', calls: 20, free: 500_000, code: /^(RESERVE_FAILED|AUDIT_UNWRITABLE)$/ },
    { first: 'the audit log', calls: 400, free: 16_000, code: /^AUDIT_UNWRITABLE$/ },
    { first: 'the audit log, at once', calls: 400, free: 0, code: /^AUDIT_UNWRITABLE$/ },
  ]
  it.each(cases)('met by $first, loses nothing acknowledged and lets nothing run', async ({ calls, free, code }) => {
    const root = mkdtempSync(join(disk, 'w-'))
    const effects = join(world, root.slice(disk.length + 1))
    const options = { root, effects, limit: PLENTY, mode: 'add' as const }
    initWorkspace(root, { type: 'personal', now: Date.now })
    const callers: Process[] = []
    const begin = (count?: number) => {
      const caller = startCaller(count === undefined ? options : { ...options, count })
      callers.push(caller)
      return caller
    }
    const ballast = join(disk, 'ballast')
    try {
      const full = begin()
      await full.heard('done', calls)
      fill(ballast, free)
      // Refused once, it stays refused, and says so as often as it is asked.
      await full.heard('denied', 20)
      const ran = readEffects(effects).length
      await full.heard('denied', 60)
      expect(readEffects(effects)).toHaveLength(ran)
      expect(full.said.filter((line) => line.startsWith('denied'))[0]?.split(' ')[2]).toMatch(code)
      await full.kill()

      // Another process does not do better on the same disk: it does not start, or nothing runs.
      const second = begin(3)
      await second.ended
      expect(second.said.filter((line) => line.startsWith('done'))).toEqual([])
      expect(readEffects(effects)).toHaveLength(ran)

      rmSync(ballast)
      const third = begin(3)
      // The disk is small even when it is empty, and that is said.
      expect(await third.ended).toEqual({ code: 0, errors: expect.stringMatching(ONLY_LITTLE_SPACE) })
      expect(third.said.filter((line) => line.startsWith('done'))).toHaveLength(3)
      const { found, said } = await inspect(options)
      const all = [...callers.flatMap((caller) => caller.said), ...said]
      expect(violations({ found, said: all, effects: readEffects(effects), limit: PLENTY })).toEqual([])
    } finally {
      for (const caller of callers) await caller.end()
      for (const path of [ballast, root]) rmSync(path, { recursive: true, force: true })
    }
  })
})

const ONLY_LITTLE_SPACE = /^(warn cloned\.audit: only \d+ MiB of disk are left for the audit log\n)?$/

/** Leaves `free` bytes of the disk. */
function fill(path: string, free: number): void {
  const { bavail, bsize } = statfsSync(disk)
  const fd = openSync(path, 'w')
  try {
    const bytes = Buffer.alloc(Math.max(0, bavail * bsize - free))
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } catch (error) {
    // Somebody else took the last of it meanwhile, which is as good.
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(fd)
  }
}
