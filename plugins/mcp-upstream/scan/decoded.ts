// Decides what a text says when it is read another way (decoded, reversed, spelled apart); must never read its own result again.

/** Long enough that no identifier, digest or example is taken for a message. */
export const WRITTEN: readonly (readonly [pattern: RegExp, read: (match: string) => string])[] = [
  [
    /(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{4}){6,}[A-Za-z0-9+/]{0,3}={0,2}/g,
    (match) => utf8(Buffer.from(match, 'base64')),
  ],
  [/(?<![0-9a-f])(?:[0-9a-f]{2}){16,}(?![0-9a-f])/gi, (match) => utf8(Buffer.from(match, 'hex'))],
  [/(?:(?:\\x|%)[0-9a-f]{2}){8,}/gi, (match) => utf8(Buffer.from(match.replace(/\\x|%/gi, ''), 'hex'))],
  [/(?:\\u[0-9a-f]{4}){8,}/gi, (match) => codes(match, /[0-9a-f]{4}/gi, 16)],
  [/(?:&#x[0-9a-f]{1,6};){8,}/gi, (match) => codes(match, /[0-9a-f]+/gi, 16)],
  [/(?:&#\d{1,7};){8,}/g, (match) => codes(match, /\d+/g, 10)],
  [/(?<!\d)(?:\d{2,3}[ ,]{1,2}){12,}\d{2,3}(?!\d)/g, (match) => codes(match, /\d+/g, 10)],
  [/(?:[01]{8} ?){8,}/g, (match) => codes(match, /[01]{8}/g, 2)],
  [/(?:[.-]{1,5} (?:\/ )?){12,}/g, morse],
]

/** What a run of letters, digits or dots in the text stands for, when that is text again. */
export function messagesIn(text: string): readonly string[] {
  return WRITTEN.flatMap(([pattern, read]) => [...text.matchAll(pattern)].map(([match]) => read(match))).filter(
    (plain) => /\p{L}{2} \p{L}{2}|^[\w+/=]{24,}$/u.test(plain) && /^[\p{L}\p{M}\p{N}\p{P}\p{S}\s]+$/u.test(plain),
  )
}

/** The text turned round, rotated, closed up, or with its digits read as letters, where it looks as if it were written so. */
export function otherReadings(text: string): readonly string[] {
  const readings: string[] = []
  if (/\b(?:eht|dna|resu|uoy|rof|erongi)\b/i.test(text)) readings.push([...text].reverse().join(''))
  if (/\b(?:gur|naq|hfre|lbh|sbe|vtaber)\b/i.test(text)) readings.push(text.replace(/[a-z]/gi, rotated))
  if (/(?:\p{L} ){8}/u.test(text)) readings.push(text.replace(/(?<=(?<!\p{L})\p{L}) (?=\p{L}(?!\p{L}))/gu, ''))
  if (/(?:\p{L}\d|\d\p{L})[^.]{0,20}(?:\p{L}\d|\d\p{L})/u.test(text))
    readings.push(
      text.replace(/[013457]/g, (digit) => 'oi?east?'[[0, 1, 2, 3, 4, 5, 6, 7].indexOf(Number(digit))] ?? ''),
    )
  return readings
}

/** `\uFFFD` stands for what is no text, and is none of the characters a message may have. */
const utf8 = (bytes: Buffer): string => bytes.toString('utf8').replaceAll('\uFFFD', '\0')

function codes(text: string, pattern: RegExp, base: number): string {
  return (text.match(pattern) ?? [])
    .map((code) => Number.parseInt(code, base))
    .map((code) => String.fromCodePoint(code <= 0x10ffff ? code : 0))
    .join('')
}

function rotated(letter: string): string {
  const base = letter < 'a' ? 65 : 97
  return String.fromCharCode(((letter.charCodeAt(0) - base + 13) % 26) + base)
}

/** The letters in the order of a walk down the code's tree: a dot goes left, a dash right. */
const MORSE = '\0etianmsurwdkgohvf\0l\0pjbxcyzq'

function morse(text: string): string {
  return text
    .trim()
    .split(' ')
    .map((sign) => {
      if (sign === '/') return ' '
      const at = [...sign].reduce((node, mark) => 2 * node + (mark === '.' ? 1 : 2), 0)
      return MORSE[at] ?? '\0'
    })
    .join('')
}
