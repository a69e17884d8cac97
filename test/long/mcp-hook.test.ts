// A hook that cannot answer in time blocks before its client gives up on it, and runs the call.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { initWorkspace } from 'cloned'
import { expect, it } from 'vitest'

const BIN = fileURLToPath(new URL('../../dist/plugins/bin.js', import.meta.url))

it('ends with 2 while it still waits, before the 30 s of a client are over', async () => {
  const root = await mkdtemp(join(tmpdir(), 'cloned-hook-'))
  initWorkspace(root)
  // What it was told never ends, as a lock that somebody holds never would.
  const hook = spawn(process.execPath, [BIN, 'hook', 'gemini'], { cwd: root, stdio: ['pipe', 'ignore', 'ignore'] })
  const gaveUp = setTimeout(() => hook.kill('SIGKILL'), 30_000)
  expect(await once(hook, 'exit')).toEqual([2, null])
  clearTimeout(gaveUp)
  await rm(root, { recursive: true, force: true })
})
