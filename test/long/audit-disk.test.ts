// Needs the right to mount: a disk that is really full, and one that is read-only.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openAuditLog } from 'cloned/plugins/audit'
import { describe, expect, it } from 'vitest'
import { recordsOf, TS, verifyDir } from '../plugins/audit-helpers.js'

const SIZE_MIB = 6

function mounted(): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'cloned-full-'))
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m,mode=700`, 'tmpfs', dir]).status === 0) return dir
  rmSync(dir, { recursive: true })
  return undefined
}

function unmount(dir: string): void {
  spawnSync('umount', ['-l', dir])
  rmSync(dir, { recursive: true, force: true })
}

const probe = mounted()
if (probe) unmount(probe)
if (!probe && process.env['CI'] === 'true') throw new Error('this test needs the right to mount a tmpfs')

describe.skipIf(!probe)('a disk that is really full (needs the right to mount)', () => {
  it('loses nothing that was acknowledged, says so with its last words, and is written again once there is room', async () => {
    const mount = mounted()
    if (!mount) throw new Error('no mount')
    try {
      const dir = join(mount, '.cloned')
      mkdirSync(dir, { mode: 0o700 })
      let now = 0
      const log = openAuditLog({ dir, thread: 'inline', now: () => now })
      const note = (n: number) => ({ type: 'acme.note', ts: TS, n, text: 'x'.repeat(20_000) })
      expect((await log.append(note(0))).durable).toBe(true)
      // The reserve wants more room around it than this disk has, so it is made by hand.
      writeFileSync(join(dir, 'audit', 'reserve'), Buffer.alloc(1024 * 1024, 1), { mode: 0o600 })
      const filler = join(mount, 'filler')
      const { bavail, bsize } = statfsSync(mount)
      writeFileSync(filler, Buffer.alloc(bavail * bsize - 200_000, 1))
      const acknowledged = [0]
      let refused: unknown
      for (let n = 1; n < 100 && refused === undefined; n++) {
        try {
          await log.append(note(n))
          acknowledged.push(n)
        } catch (error) {
          refused = error
        }
      }
      expect(refused).toMatchObject({ code: 'AUDIT_POISONED', message: expect.stringContaining('ENOSPC') })
      expect(recordsOf(dir).at(-1)).toMatchObject({ type: 'log.close', reason: 'disk_full' })
      expect(await verifyDir(dir)).toMatchObject({ ok: true })
      rmSync(filler)
      now = 1_000
      expect((await log.append(note(1_000))).durable).toBe(true)
      await log.close()
      const numbers = recordsOf(dir).flatMap(({ n }) => (typeof n === 'number' ? [n] : []))
      expect(numbers).toEqual([...acknowledged, 1_000])
      expect(recordsOf(dir).map(({ type }) => type)).toContain('log.recover')
      expect(await verifyDir(dir)).toMatchObject({ ok: true })
    } finally {
      unmount(mount)
    }
  })

  it('takes nothing on a disk that became read-only', async () => {
    const mount = mounted()
    if (!mount) throw new Error('no mount')
    try {
      const dir = join(mount, '.cloned')
      mkdirSync(dir, { mode: 0o700 })
      const first = openAuditLog({ dir, thread: 'inline' })
      await first.append({ type: 'acme.note', ts: TS })
      await first.close()
      expect(spawnSync('mount', ['-o', 'remount,ro', mount]).status).toBe(0)
      const log = openAuditLog({ dir, thread: 'inline' })
      await expect(log.append({ type: 'acme.note', ts: TS })).rejects.toMatchObject({ code: 'AUDIT_POISONED' })
      expect((await log.last(10)).records).toHaveLength(2)
      await log.close()
    } finally {
      unmount(mount)
    }
  })
})
