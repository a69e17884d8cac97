// Reads and extends registry.lock.jsonl, which travels with a workspace; first sight wins, and a line is never changed.
import { closeSync, constants, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { ClonedError, compileSchema, describeThrown, type JsonObject, syncDirectory, wordProblems } from 'cloned/kernel'
import type { Pin } from './table.js'

const MAX_BYTES = 16 * 1024 * 1024

const SCHEMA: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['kind', 'name', 'digest'],
  properties: {
    kind: { enum: ['package', 'tool'] },
    name: { type: 'string', minLength: 3, maxLength: 300 },
    digest: { type: 'string', pattern: '^[0-9a-f]{64}$' },
  },
}

/** Every line. Throws `FILE_INVALID` with the line for one that is none, or that says otherwise than one before it. */
export function readLock(path: string): readonly Pin[] {
  const text = read(path)
  const check = compileSchema(SCHEMA)
  const seen = new Map<string, Pin>()
  text.split('\n').forEach((line, index) => {
    if (line === '') return
    const invalid = (problem: string) => new ClonedError('FILE_INVALID', { path, line: `:${index + 1}`, problem })
    let pin: Pin
    try {
      pin = JSON.parse(line)
    } catch (error) {
      throw invalid(describeThrown(error))
    }
    const problems = check(pin)
    if (problems.length > 0) throw invalid(wordProblems(problems))
    const key = `${pin.kind} ${pin.name}`
    if ((seen.get(key)?.digest ?? pin.digest) !== pin.digest) throw invalid(`${pin.name} has two digests`)
    seen.set(key, pin)
  })
  return [...seen.values()]
}

/** Adds what is not there; durable when this returns. */
export function extendLock(path: string, pins: readonly Pin[]): void {
  const known = new Set(readLock(path).map(({ kind, name }) => `${kind} ${name}`))
  const fresh = pins.filter(({ kind, name }) => !known.has(`${kind} ${name}`))
  if (fresh.length === 0) return
  const bytes = Buffer.from(
    fresh.map(({ kind, name, digest }) => `${JSON.stringify({ kind, name, digest })}\n`).join(''),
  )
  const fd = openSync(
    path,
    constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0),
    0o600,
  )
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  syncDirectory(dirname(path))
}

function read(path: string): string {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new ClonedError('FILE_INVALID', { path, line: '', problem: describeThrown(error) }, { cause: error })
  }
  try {
    const stats = fstatSync(fd)
    if (stats.isFile() && stats.size <= MAX_BYTES) return readFileSync(fd, 'utf8')
    const problem = stats.isFile() ? `it is larger than ${MAX_BYTES} bytes` : 'it is not a plain file'
    throw new ClonedError('FILE_INVALID', { path, line: '', problem })
  } finally {
    closeSync(fd)
  }
}
