// Decides which characters of a text a person cannot see or would take for others; must never judge what the text says.

/** Drawn as nothing, or steering how the rest is drawn: tags, bidirectional controls, fillers, zero-width and private ones. */
const UNSEEN =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: the combining ones are looked for one by one
  /[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E\u2060-\u206F\u3164\uFE00-\uFE0E\uFEFF\uFFA0\uFFF9-\uFFFB\u{1BCA0}-\u{1BCA3}\u{1D173}-\u{1D17A}\u{E0000}-\u{E0FFF}\p{Co}]/gu
/** Between parts of an emoji, and beside letters of scripts that need it, a joiner is how the text is written. */
const JOINED =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: a variation selector is one of the characters before
  /(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\uFE0F])\u200D(?=\p{Extended_Pictographic})|(?<=[\p{sc=Deva}\p{sc=Beng}\p{sc=Arab}\p{sc=Mlym}\p{sc=Sinh}])[\u200C\u200D]/gu
/** Flags of regions that are not states. */
const FLAG = /\u{1F3F4}[\u{E0061}-\u{E007A}]{2,6}\u{E007F}/gu
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]/u

/** Whether something in the text is there and cannot be seen. */
export function hasUnseen(text: string): boolean {
  return CONTROL.test(text) || UNSEEN.test(written(text)) || tooEmpty(text)
}

/** The text as a model reads it: tag characters as the letters they stand for, and nothing between letters. */
export function revealed(text: string): string {
  const untagged = written(text).replace(/[\u{E0020}-\u{E007E}]/gu, (tag) =>
    String.fromCodePoint((tag.codePointAt(0) ?? 0) - 0xe0000),
  )
  return untagged.replace(UNSEEN, '').normalize('NFKC')
}

function written(text: string): string {
  UNSEEN.lastIndex = 0
  return text.replace(FLAG, '').replace(JOINED, '')
}

/** Text that was pushed out of sight by space. */
function tooEmpty(text: string): boolean {
  return /(?:\n[ \t]{0,80}){24}|[ \t\u00A0\u2000-\u200A\u3000]{120}/u.test(text.trimEnd())
}

/** Letters that look like Latin ones, by the letter they look like. */
const ALIKE: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ['a', 'аɑα'],
    ['b', 'Ьƅ'],
    ['c', 'сϲ'],
    ['d', 'ԁ'],
    ['e', 'еҽ'],
    ['g', 'ɡ'],
    ['h', 'һ'],
    ['i', 'іıι'],
    ['j', 'јʝ'],
    ['k', 'κк'],
    ['l', 'ӏⅼ'],
    ['m', 'м'],
    ['n', 'ո'],
    ['o', 'оοօ'],
    ['p', 'рρ'],
    ['q', 'ԛ'],
    ['s', 'ѕ'],
    ['t', 'т'],
    ['u', 'υս'],
    ['v', 'νѵ'],
    ['w', 'ԝω'],
    ['x', 'хχ'],
    ['y', 'уү'],
    ['z', 'ᴢ'],
  ].flatMap(([latin = '', others = '']) => [...others].map((other) => [other, latin])),
)

/** A name as it looks: for telling whether two names look the same. */
export function looksLike(name: string): string {
  const plain = revealed(name).toLowerCase()
  return [...plain]
    .map((letter) => ALIKE[letter] ?? letter)
    .join('')
    .replace(/[\s_.\p{Pd}]+/gu, '_')
    .replace(/rn/g, 'm')
    .replace(/vv/g, 'w')
    .replace(/[1|l]/g, 'i')
    .replace(/0/g, 'o')
}

/** Whether a word mixes Latin letters with those of another script that look like them. */
export function mixesScripts(text: string): boolean {
  return (text.match(/[\p{L}\p{M}]+/gu) ?? []).some(
    (word) =>
      /\p{sc=Latin}/u.test(word) &&
      (/[\p{sc=Cyrillic}\p{sc=Cherokee}\p{sc=Armenian}\p{sc=Coptic}\p{sc=Lisu}]/u.test(word) ||
        [...word].some((letter) => Object.hasOwn(ALIKE, letter) && /\P{sc=Latin}/u.test(letter))),
  )
}
