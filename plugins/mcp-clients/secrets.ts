// Tells the words of a command or an address that hold a secret; in doubt a word is one.

/** What tokens of well-known services begin with. */
const TOKEN =
  /^(?:gh[pousr]_|github_pat_|glpat-|sk-|pk_live_|sk_live_|rk_live_|xox[abeoprs]-|xapp-|AKIA|ASIA|AIza|ya29\.|npm_|pypi-|hf_|dop_v1_|shpat_|lin_api_|ntn_|secret_|eyJ[\w-]+\.eyJ)/
const NAME =
  /(?:^|[^a-z])(?:api[-_]?key|access[-_]?key|token|secret|passw(?:or)?d|passphrase|pat|bearer|credentials?|auth(?:orization)?)$/i
const USERINFO = /^[a-z][a-z0-9+.-]*:\/\/[^/\s?#@]*:[^/\s?#@]+@/i
/** Long, without a path or a sentence in it, and of mixed characters: a key of a service that is not listed above. */
const RANDOM = /^(?=[^\s/]*\d)(?=[^\s/]*[A-Za-z])[A-Za-z0-9_+=-]{32,}$/

/** Whether a text by itself is a secret. */
export function looksSecret(text: string): boolean {
  return TOKEN.test(text) || USERINFO.test(text) || RANDOM.test(text)
}

/** One word of a command: what stands before the secret in it, and the secret. */
export interface SplitWord {
  readonly prefix: string
  readonly secret: string | undefined
  /** A secret stands among other things: taken out it would hide from a person what is run, left in it would be shown. */
  readonly mixed?: true
}

/** What cannot be a program, nor a part of one that does anything. */
const VALUE = /^[^\s;|&<>(){}"'`\\]+$/
const HEADER = /^((?:-{1,2}[\w.-]+=)?([\w-]+): *(?:(?:Bearer|Basic|Token) +)?)(?!\/\/)(\S[\s\S]*)$/i
const PATH = /^(?:[/~.]|[a-z]:\\)/i

/** Finds the secrets in the arguments of a command: `--token=…`, `--token …`, headers, addresses, and words that look like one. */
export function splitWords(words: readonly string[]): readonly SplitWord[] {
  return words.map((word, i) => {
    const found = splitWord(word, i === 0 ? '' : (words[i - 1] ?? ''))
    if (found === undefined) return { prefix: word, secret: undefined }
    return VALUE.test(found.secret) ? found : { prefix: '', secret: undefined, mixed: true }
  })
}

function splitWord(word: string, before: string): { prefix: string; secret: string } | undefined {
  const [, flag = '', value = ''] = /^(-{1,2}[\w.-]+|[\w.-]+)=([\s\S]+)$/.exec(word) ?? []
  const variable = /^[A-Z][A-Z0-9_]*$/.test(flag) && !isSetting(flag, value)
  if (flag !== '' && (variable || NAME.test(flag) || looksSecret(value))) return { prefix: `${flag}=`, secret: value }
  const [, header = '', name = '', sent = ''] = HEADER.exec(word) ?? []
  if (header !== '' && (isPrivate(name) || looksSecret(sent))) return { prefix: header, secret: sent }
  const [, option = '', address = ''] = /^(-{1,2}[\w.-]+=)?(https?:\/\/.*)$/is.exec(word) ?? []
  if (URL.canParse(address) && !USERINFO.test(address)) {
    if (!addressHoldsSecret(address)) return undefined
    // Whom it goes to is no secret.
    const { length } = /^[^/]+\/\/[^/?#]+/.exec(address)?.[0] ?? ''
    return { prefix: option + address.slice(0, length), secret: address.slice(length) }
  }
  const named = /^-{1,2}[\w.-]+$/.test(before) && !word.startsWith('-') && !PATH.test(word)
  if ((named && (NAME.test(before) || isPrivate(before))) || looksSecret(word)) return { prefix: '', secret: word }
  return PATH.test(word) || !holdsSecret(word) ? undefined : { prefix: '', secret: word }
}

/** Whether one stands somewhere in a text: a header of a script, a field of a document. */
function holdsSecret(text: string): boolean {
  const fields = [...text.matchAll(/([\w-]+)["']?\s*[:=]\s*["'][^"']/g)]
  return fields.some(([, name = '']) => isPrivate(name)) || text.split(/[\s"'{}[\],;&|:=()]+/).some(looksSecret)
}

const PLAIN = /^(?:true|false|-?\d{1,12}|[\w.:,@-]{0,24}|\/[^\s?#]*|https?:\/\/[\w.:-]+[\w./-]*)$/i
const PRIVATE =
  /(?:key|token|secret|passw(?:or)?d|pass|pwd|passphrase|pat|auth|authorization|bearer|credentials?|cookie|session|dsn|private|signature)(?![a-z])/
/** What says nothing, even beside a name like AUTH_ENABLED. */
const HARMLESS = /^(?:true|false|\d{1,6}|\/.*|https?:.*)$/i
/** What is set here becomes a part of the program: hidden, whoever approves it would not see what runs. */
const LOADS =
  /^(?:PATH|NODE_(?:OPTIONS|PATH)|(?:LD|DYLD)_\w+|BASH_ENV|ENV|IFS|PS4|SHELLOPTS|PYTHON\w+|PERL5?\w+|RUBY(?:OPT|LIB)|\w*JAVA\w*_OPTIONS|GIT_\w*(?:SSH|ASKPASS|PAGER|EDITOR|CONFIG)\w*)$/

function isPrivate(name: string): boolean {
  return PRIVATE.test(inWords(name))
}

const inWords = (name: string) => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase()

/** Whether a variable of an environment is plain setting. What is neither known to be one nor short is a secret. */
export function isSetting(name: string, value: string): boolean {
  if (LOADS.test(name)) return true
  if (looksSecret(value) || !PLAIN.test(value)) return false
  if (URL.canParse(value) && addressHoldsSecret(value)) return false
  const [said] = PRIVATE.exec(inWords(name)) ?? []
  return said === undefined || (!inWords(name).endsWith(said) && HARMLESS.test(value))
}

const IN_QUERY = /^(?:code|sig|k)$/i
/** Shorter than elsewhere: what a path says to people is words. */
const IN_PATH = /^(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[\w-]{20,}$/

/** Whether an address holds a user, a password or a key. */
export function addressHoldsSecret(url: string): boolean {
  const { username, password, searchParams, pathname, hash } = new URL(url)
  if (username !== '' || password !== '') return true
  const named = [...searchParams, ...new URLSearchParams(hash.slice(1))].some(
    ([name, value]) => value !== '' && (isPrivate(name) || IN_QUERY.test(name) || looksSecret(value)),
  )
  return named || pathname.split('/').some((part) => looksSecret(part) || IN_PATH.test(part))
}

/** What a client would fill in, in any of their spellings; `undefined` for a literal. */
export function reference(text: string): string | undefined {
  return /\$\{[^}]*\}|\{(?:env|file):[^}]*\}|^\$[A-Za-z_]\w*$/.exec(text)?.[0]
}
