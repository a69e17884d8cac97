// Needs the build: a real process runs every pipeline dry, and is traced where that is possible.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { initWorkspace } from 'cloned'
import { sha256 } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const CHILD = fileURLToPath(new URL('../../dist/test/fixtures/runs-preview.js', import.meta.url))
const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url))
const FILES = fileURLToPath(new URL('../fixtures/files/docs', import.meta.url))
const STRACE = '/usr/bin/strace'
const canTrace = existsSync(STRACE)

let root: string
let child: ChildProcess | undefined
beforeEach(() => {
  expect(existsSync(CHILD), `${CHILD} is missing: run "npm run build" first`).toBe(true)
  root = mkdtempSync(join(tmpdir(), 'cloned-dry-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
  cpSync(FILES, join(root, 'docs'), { recursive: true })
})
afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true })
})

/** Starts the process; `at` hears of every line before the process goes on. */
async function previewed(command: readonly string[], at: (line: string) => void = () => {}) {
  const [program = '', ...args] = [...command, process.execPath, CHILD, root, EXAMPLES]
  const started = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  child = started
  const exited = once(started, 'exit')
  for await (const line of createInterface({ input: started.stdout })) {
    at(line)
    if (!line.startsWith('found ')) continue
    at('found')
    started.stdin.end()
    await exited
    return JSON.parse(line.slice('found '.length)) as Record<string, string | string[]>
  }
  throw new Error('the process ended early')
}

/** Every file with its hash; the lock file of the database is shared memory, not content. */
function tree(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true }) as string[]
  const paths = files.filter((path) => !path.endsWith('-shm') && statSync(join(directory, path)).isFile())
  return Object.fromEntries(paths.sort().map((path) => [path, sha256(readFileSync(join(directory, path)))]))
}

describe('a dry run of every built-in and example pipeline', () => {
  it('changes no file of the workspace, and judges every step or says what is missing', async () => {
    let before: unknown
    let after: unknown
    const found = await previewed([], (line) => {
      if (line === 'PREVIEW BEGINS') before = tree(root)
      if (line === 'found') after = tree(root)
    })
    expect(after).toEqual(before)
    expect(Object.keys(found)).toEqual(expect.arrayContaining(['docs.link-report', 'repo.release-check']))
    for (const [id, plan] of Object.entries(found)) {
      if (Array.isArray(plan))
        expect([id, plan.length > 0, plan.join()]).toEqual([id, true, expect.not.stringMatching(/ deny/)])
      else expect([id, plan]).toEqual([id, 'PACK_REQUIRES'])
    }
    expect(Object.values(found).some(Array.isArray)).toBe(true)
  })

  it.skipIf(!canTrace && !process.env['CI'])('opens no socket and no file for writing (needs strace)', async () => {
    const log = join(root, '..', `${root.split('/').at(-1)}.strace`)
    await previewed([STRACE, '-f', '-s', '200', '-o', log, '-e', `trace=network,write,${CHANGES.join(',')}`])
    const lines = readFileSync(log, 'utf8').split('\n')
    rmSync(log)
    const [begin, end] = ['PREVIEW BEGINS', 'PREVIEW ENDS'].map((mark) =>
      lines.findIndex((line) => line.includes(mark)),
    )
    expect([begin, end].every((at) => at !== undefined && at > 0)).toBe(true)
    const between = lines.slice((begin ?? 0) + 1, end)
    const changing = between.filter((line) => {
      const [, call = ''] = /^\d+ +(\w+)\(/.exec(line) ?? []
      if (call === 'openat' || call === 'open') return /O_(WRONLY|RDWR|CREAT|TRUNC)/.test(line)
      // Threads of the process wake one another through eight bytes.
      return call !== '' && !(call === 'write' && /, 8\) += 8$/.test(line))
    })
    expect(changing).toEqual([])
  })
})

const CHANGES = [
  'open',
  'openat',
  'pwrite64',
  'ftruncate',
  'fsync',
  'fdatasync',
  'rename',
  'renameat2',
  'unlink',
  'mkdir',
]
