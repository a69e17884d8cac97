// Decides which values may be stored: what could not be found again in an output must never be a secret.
import { ClonedError } from 'cloned/kernel'

const MIN_BYTES = 8
const MAX_BYTES = 64 * 1024
/** Replacing these wherever they occur would ruin ordinary text, and none of them is a secret. */
const COMMON = new Set(['password', 'passw0rd', 'changeme', 'changeit', 'undefined', '[object object]', 'qwertyuiop'])

/** Throws `VAULT_VALUE_REFUSED`; its text holds nothing of the value. */
export function assertValue(name: string, value: Buffer): void {
  const problem = refusal(value)
  if (problem) throw new ClonedError('VAULT_VALUE_REFUSED', { name, problem })
}

function refusal(value: Buffer): string | undefined {
  if (value.length < MIN_BYTES) return `it is shorter than ${MIN_BYTES} bytes, so it could not be found in what leaves`
  if (value.length > MAX_BYTES) return `it is larger than ${MAX_BYTES} bytes`
  if (new Set(value).size < 4) return 'it is made of fewer than four different characters'
  const text = value.toString('utf8').trim()
  if (Buffer.byteLength(text) < MIN_BYTES) return 'it is mostly white space'
  const word = text.toLowerCase()
  if (COMMON.has(word) || '01234567890123456789'.includes(word)) return 'it is a common word'
  // Only whole values are found in outputs; a part of a document would pass.
  if (isDocument(text)) return 'it is a JSON document, not one credential'
  return undefined
}

function isDocument(text: string): boolean {
  if (!/^[[{]/.test(text)) return false
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null
  } catch {
    // It only begins like one.
    return false
  }
}

/** What a pipe or a file holds, without the line end that editors and `echo` put after it. */
export function withoutLineEnd(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 10) return bytes
  return bytes.subarray(0, bytes.at(-2) === 13 ? -2 : -1)
}
