// Decides in which forms a secret may be written on its way out; must never leave out one that tools commonly write.

/** Shortest value that can be told from ordinary text. */
const MIN_BYTES = 8
const MAX_BYTES = 64 * 1024
const MIN_DIFFERENT = 4

/** Why a value cannot be scrubbed, or `undefined`. */
export function valueProblem(value: Uint8Array): string | undefined {
  if (value.length < MIN_BYTES) return `it is shorter than ${MIN_BYTES} bytes`
  if (value.length > MAX_BYTES) return `it is longer than ${MAX_BYTES} bytes`
  // Text like "00000000" stands in ordinary output, and would match at every step of a run of zeros.
  if (new Set(value).size < MIN_DIFFERENT) return `it is made of fewer than ${MIN_DIFFERENT} different bytes`
  return undefined
}

/** Every form of a value, without repetitions; none is shorter than eight bytes. */
export function formsOf(value: Uint8Array): Buffer[] {
  const bytes = Buffer.from(value)
  const forms = [bytes, ...percentForms(bytes), ...hexForms(bytes), ...base64Forms(bytes)]
  const text = bytes.toString('utf8')
  if (Buffer.from(text).equals(bytes)) forms.push(...textForms(text))
  // Bytes that were read as Latin-1 and are written as UTF-8.
  forms.push(Buffer.from(bytes.toString('latin1')))
  // Where strings are looked for in JSON text, each form stands as JSON writes it.
  forms.push(...forms.map(jsonText))
  return [
    ...new Map(
      forms.filter(({ length }) => length >= MIN_BYTES).map((form) => [form.toString('latin1'), form]),
    ).values(),
  ]
}

/** JSON escapes byte by byte: whatever is no ASCII stays as it is. */
function jsonText(form: Buffer): Buffer {
  return Buffer.from(JSON.stringify(form.toString('latin1')).slice(1, -1), 'latin1')
}

function textForms(text: string): Buffer[] {
  const escaped = [text, ...jsonForms(text)]
  // JSON inside a string of JSON: a log line about a body.
  const forms = [...escaped, ...escaped.flatMap(jsonForms), ...urlForms(text), ...htmlForms(text)]
  const trimmed = text.trim()
  return [...forms.map((form) => Buffer.from(form)), Buffer.from(trimmed), Buffer.from(text, 'utf16le')]
}

function jsonForms(text: string): string[] {
  const plain = JSON.stringify(text).slice(1, -1)
  const escaping = (pattern: RegExp, form: string, digits: (hex: string) => string) =>
    form.replace(pattern, (unit) => `\\u${digits(unit.charCodeAt(0).toString(16).padStart(4, '0'))}`)
  const upper = (hex: string) => hex.toUpperCase()
  const same = (hex: string) => hex
  const ascii = /[^\x20-\x7e]/g
  const html = /[<>&]/g
  return [
    plain,
    plain.replaceAll('/', '\\/'),
    escaping(ascii, plain, same),
    escaping(ascii, plain, upper),
    escaping(html, plain, same),
    escaping(html, plain, upper),
  ]
}

function urlForms(text: string): string[] {
  const forms = [encodeURI(text), encodeURIComponent(text), new URLSearchParams([['', text]]).toString().slice(1)]
  return forms.flatMap((form) => [form, form.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())])
}

function percentForms(bytes: Buffer): Buffer[] {
  const all = (keep: RegExp) =>
    [...bytes]
      .map((byte) => {
        const character = String.fromCharCode(byte)
        return keep.test(character) ? character : `%${byte.toString(16).padStart(2, '0')}`
      })
      .join('')
  // RFC 3986 in full, where encodeURIComponent leaves !'()* alone, and every byte.
  return [all(/[A-Za-z0-9_.~-]/), all(/(?!)/)].flatMap((form) => [
    Buffer.from(form),
    Buffer.from(form.replace(/%[0-9a-f]{2}/g, (code) => code.toUpperCase())),
  ])
}

function htmlForms(text: string): string[] {
  const named: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return ['&#39;', '&#x27;', '&apos;', "'"].map((quote) =>
    text.replace(/[&<>"']/g, (character) => named[character] ?? quote),
  )
}

function hexForms(bytes: Buffer): Buffer[] {
  const hex = bytes.toString('hex')
  return [Buffer.from(hex), Buffer.from(hex.toUpperCase())]
}

/** The characters that the value alone decides, wherever it stands in what was encoded. */
function base64Forms(bytes: Buffer): Buffer[] {
  return [0, 1, 2].flatMap((before) => {
    const padded = Buffer.concat([Buffer.alloc(before), bytes])
    const from = Math.ceil((before * 8) / 6)
    const to = Math.floor((padded.length * 8) / 6)
    return (['base64', 'base64url'] as const).map((alphabet) => Buffer.from(padded.toString(alphabet).slice(from, to)))
  })
}
