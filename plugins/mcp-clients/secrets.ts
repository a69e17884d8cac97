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
}

/** Finds the secrets in the arguments of a command: `--token=…`, `--token …`, and words that look like one. */
export function splitWords(words: readonly string[]): readonly SplitWord[] {
  return words.map((word, i) => {
    const [, flag = '', value = ''] = /^(-{1,2}[\w.-]+|[\w.-]+)=([\s\S]+)$/.exec(word) ?? []
    if (flag !== '' && (NAME.test(flag) || looksSecret(value))) return { prefix: `${flag}=`, secret: value }
    const before = i === 0 ? '' : (words[i - 1] ?? '')
    const named = /^-{1,2}[\w.-]+$/.test(before) && NAME.test(before) && !word.startsWith('-')
    return named || looksSecret(word) ? { prefix: '', secret: word } : { prefix: word, secret: undefined }
  })
}

const PLAIN = /^(?:true|false|-?\d{1,12}|[\w.:,@-]{0,24}|\/[^\s?#]*|https?:\/\/[\w.:-]+[\w./-]*)$/i
const PRIVATE =
  /(?:key|token|secret|passw(?:or)?d|pass|pwd|passphrase|pat|auth|credentials?|cookie|session|dsn|private|signature)$/i

/** Whether a variable of an environment is plain setting. What is neither known to be one nor short is a secret. */
export function isSetting(name: string, value: string): boolean {
  return !PRIVATE.test(name) && !looksSecret(value) && PLAIN.test(value)
}

/** Whether an address holds a user, a password or a key. */
export function addressHoldsSecret(url: string): boolean {
  const { username, password, searchParams, pathname } = new URL(url)
  if (username !== '' || password !== '') return true
  const named = [...searchParams].some(([name, value]) => NAME.test(name) || looksSecret(value))
  return named || pathname.split('/').some((part) => looksSecret(part))
}

/** What a client would fill in, in any of their spellings; `undefined` for a literal. */
export function reference(text: string): string | undefined {
  return /\$\{[^}]*\}|\{(?:env|file):[^}]*\}|^\$[A-Za-z_]\w*$/.exec(text)?.[0]
}
