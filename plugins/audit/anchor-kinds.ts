// Makes the built-in anchors, a file and a command; must never write inside the workspace or run a name from a search path.
import { constants, realpathSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, relative } from 'node:path'
import { ClonedError } from 'cloned/kernel'
import { parseCheckpoint } from './checkpoint.js'
import { splitNote } from './note.js'
import type { Anchor } from './slot.js'

const MAX_KEPT = 256 * 1024
const MAX_RECEIPT = 1_000

/** A file that notes are appended to, each with its time as a line of JSON. */
export function fileAnchor(id: string, path: string, { root, now }: { root: string; now: () => number }): Anchor {
  const file = outside(id, path, root)
  return {
    id,
    submit: async (note) => {
      const { O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW } = constants
      const handle = await open(file, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600)
      try {
        const { size } = await handle.stat()
        const from = Math.max(0, size - MAX_KEPT)
        const { buffer } = await handle.read(Buffer.alloc(size - from), 0, size - from, from)
        const given = parseCheckpoint(splitNote(note).text)
        const kept = keptSize(buffer.toString('utf8'), given.origin)
        if (kept > given.size) {
          throw new Error(`${file} holds a checkpoint of ${kept} records of this log, and this one has ${given.size}`)
        }
        await handle.appendFile(`${JSON.stringify({ at: new Date(now()).toISOString(), note })}\n`)
        await handle.sync()
        return undefined
      } finally {
        await handle.close()
      }
    },
  }
}

/** The largest size of this log among the last notes of a file; a line that is none stands for nothing. */
function keptSize(text: string, origin: string): number {
  let largest = 0
  for (const line of text.split('\n')) {
    const size = sizeOf(line, origin)
    if (size > largest) largest = size
  }
  return largest
}

function sizeOf(line: string, origin: string): number {
  if (!line.startsWith('{')) return 0
  try {
    const { note } = JSON.parse(line) as { note?: unknown }
    const kept = parseCheckpoint(splitNote(String(note)).text)
    return kept.origin === origin ? kept.size : 0
  } catch {
    // A line that was cut off, or that somebody else wrote: it remembers nothing.
    return 0
  }
}

function outside(id: string, path: string, root: string): string {
  const wrong = (problem: string) => new ClonedError('AUDIT_ANCHOR_INVALID', { anchor: id, problem })
  if (!isAbsolute(path)) throw wrong('its path is not absolute')
  let file: string
  try {
    file = join(realpathSync(dirname(path)), basename(path))
  } catch (error) {
    throw wrong(`its directory cannot be opened (${(error as NodeJS.ErrnoException).code ?? String(error)})`)
  }
  const inside = relative(root, file)
  if (!inside.startsWith('..') && !isAbsolute(inside))
    throw wrong('its path is inside the workspace that it vouches for')
  return file
}

/** A program that gets the note on its standard input and ends with 0 once it is kept; its output is the proof. */
export function commandAnchor(
  id: string,
  command: readonly string[],
  { root, env }: { root: string; env: Readonly<Record<string, string>> },
): Anchor {
  const [program = '', ...args] = command
  if (!isAbsolute(program)) {
    throw new ClonedError('AUDIT_ANCHOR_INVALID', { anchor: id, problem: 'its command is not an absolute path' })
  }
  return {
    id,
    submit: async (note, signal) => {
      const { spawn } = await import('node:child_process')
      return new Promise((resolve, reject) => {
        // The environment of this process may hold secrets, so the program gets what was configured and nothing else.
        const child = spawn(program, args, { cwd: root, env: { ...env }, signal, stdio: ['pipe', 'pipe', 'pipe'] })
        let out = ''
        let problem = ''
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          out = (out + text).slice(0, MAX_RECEIPT)
        })
        child.stderr.setEncoding('utf8').on('data', (text: string) => {
          problem = (problem + text).slice(0, MAX_RECEIPT)
        })
        child.on('error', reject)
        // A program that does not read its input closes it early; how it ends is what counts.
        child.stdin.on('error', () => undefined)
        child.on('close', (code) => {
          if (code === 0) resolve(out.trim() === '' ? undefined : out.trim())
          else reject(new Error(`${program} ended with ${code}${problem === '' ? '' : `: ${problem.trim()}`}`))
        })
        child.stdin.end(note)
      })
    },
  }
}
