// Needs the build and strace: what the kernel was asked for, and in which order, is read from a trace.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { newDir } from './audit-helpers.js'

const FIXTURE = fileURLToPath(new URL('../../dist/test/fixtures/audit-acknowledger.js', import.meta.url))
const missing = spawnSync('strace', ['-V']).status !== 0
if (missing && process.env['CI'] === 'true') throw new Error('strace is needed here: apt-get install strace')

/** Calls in the order in which they returned; strace splits one that another thread overtakes into two lines. */
function returned(trace: string): { name: string; text: string }[] {
  const begun = new Map<string, string>()
  return trace.split('\n').flatMap((line) => {
    const [, thread = '', text = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? []
    if (text.endsWith('<unfinished ...>')) {
      begun.set(thread, text)
      return []
    }
    const whole = text.startsWith('<... ') ? `${begun.get(thread)} ${text}` : text
    const name = /^\w+/.exec(whole)?.[0]
    return name ? [{ name, text: whole }] : []
  })
}

describe.skipIf(missing)('a system-call trace of appends (needs strace)', () => {
  it.each(['auto', 'worker', 'inline'])('has a sync of the log return before every acknowledgement: %s', (thread) => {
    const dir = newDir()
    const out = join(dir, 'trace')
    const args = ['-f', '-qq', '-s', '4096', '-y', '-e', 'trace=write,pwrite64,fdatasync,fsync', '-o', out]
    const { status, stderr } = spawnSync('strace', [...args, process.execPath, FIXTURE, dir, '20', thread], {
      encoding: 'utf8',
    })
    expect([status, stderr]).toEqual([0, ''])
    let written = -1
    let synced = -1
    let acknowledged = 0
    for (const { name, text } of returned(readFileSync(out, 'utf8'))) {
      const record = /\\"n\\":(\d+)\}/.exec(text)
      const answer = /acknowledged (\d+)/.exec(text)
      if (name.startsWith('write') && record && text.includes('audit.log')) written = Number(record[1])
      if (name === 'fdatasync' && / = 0$/.test(text)) synced = written
      if (!answer) continue
      expect(synced, `record ${answer[1]} was acknowledged before a sync returned`).toBeGreaterThanOrEqual(
        Number(answer[1]),
      )
      acknowledged++
    }
    expect(acknowledged).toBe(20)
  })
})
