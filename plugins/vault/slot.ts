// Names the vault service, its providers and those who hear of resolved secrets; interfaces and tokens only.
import {
  type ActorInput,
  type CheckAnswer,
  collection,
  type JsonObject,
  type Outcome,
  type SecretUseSubject,
  slot,
} from 'cloned/kernel'

/**
 * The name and version of a secret with its value behind one method. As text, JSON, in a template and under
 * `util.inspect` it is `[secret:name]`; `structuredClone` and the kernel's `snapshot` throw.
 */
export interface Secret {
  /** Lower-case letters, digits, `_`, `.` and `-`, first a letter or digit, at most 64. */
  readonly name: string
  readonly version: string
  /** The value: shared bytes, not a copy. The caller must neither change nor keep them, nor make a string for keeping. */
  readonly reveal: () => Buffer
  toString(): string
  toJSON(): string
}

/** Where a secret may go. An empty list allows nothing. */
export type SecretScope = {
  /** `api.example.com`, `*.example.com` (a label or more), each with `:port` for another port than 443. */
  readonly hosts: readonly string[]
  /** Tool ids; `*` matches any run of characters. */
  readonly tools: readonly string[]
  /**
   * `header:<name>`, `query:<name>`, `path:<name>`, `json:<pointer>` or `form:<name>`; `env:<name>`: a variable of a program
   * that reaches these hosts and no others.
   */
  readonly slots: readonly string[]
}

/** Everything about a secret but its value. Times are milliseconds since 1970. */
export interface SecretInfo {
  readonly name: string
  readonly scope: SecretScope
  readonly version: string
  readonly state: 'current' | 'disabled' | 'expired'
  readonly createdAt?: number
  readonly rotatedAt?: number
  readonly expiresAt?: number
}

/** For what a secret is wanted. `check` is the handler's own, so that guards of `beforeSecretUse` vote and are recorded. */
export interface SecretContext {
  readonly tool: string
  /** Canonical host, with `:port` when it is not 443. */
  readonly host: string
  readonly slot: string
  readonly callId: string
  /** Id of the workspace. */
  readonly workspace: string
  readonly check: (subject: SecretUseSubject) => CheckAnswer | Promise<CheckAnswer>
}

/** Into what a resolved secret is about to be put. */
export interface SecretUse {
  readonly tool: string
  readonly host: string
  readonly slot: string
  /** Whether the connection is TLS. Without it only loopback literals are allowed, and only where the host says so. */
  readonly https: boolean
  /** The hosts that the tool's own contract declares; same patterns as in {@link SecretScope}. */
  readonly egress: readonly string[]
}

/** Text of a configuration file with `${vault:name}` in it, parsed when the file was loaded. */
export interface SecretTemplate {
  readonly parts: readonly (string | { readonly secret: string })[]
}

/** What a provider can do; the vault refuses what it cannot. */
export interface VaultDescription {
  readonly provider: string
  /** For people: a path, a URL without credentials, the name of a program. */
  readonly where: string
  readonly list: boolean
  readonly write: boolean
  /** Keeps the scope of each secret itself. Otherwise the scopes stand in the workspace's configuration. */
  readonly scopes: boolean
}

export interface VaultHealth {
  readonly ok: boolean
  /** One line for people. */
  readonly detail: string
  /** What to type next when it is not well. */
  readonly help?: string
}

/** How to say who writes. */
export interface VaultWriteOptions {
  readonly actor?: ActorInput | undefined
  readonly dryRun?: boolean
}

/**
 * What a write answers: what was written, its version after the write, and, where the provider counts its writes, the
 * generation of the vault and the tag over its whole content. All of it goes into the audit log as `vault.write`.
 */
export type VaultWritten = {
  readonly name: string
  readonly version?: string
  readonly vault?: string
  readonly generation?: number
  readonly mac?: string
}

/** One way to open an encrypted vault. */
export type KeySlotInfo = {
  readonly id: string
  readonly type: string
  readonly detail: string
  readonly usable: boolean
}

/** The ways to open an encrypted vault, as in LUKS: each wraps the same data key, and the secrets are never re-encrypted. */
export interface KeySlots {
  readonly types: readonly string[]
  /** Types whose `add` takes a secret: a passphrase. */
  readonly secretTypes: readonly string[]
  list(): Promise<readonly KeySlotInfo[]>
  add(
    type: string,
    about: { readonly secret?: Buffer; readonly recipient?: string },
    record: RecordWrite,
  ): Promise<void>
  /** Refuses to remove the last one that opens here. */
  remove(id: string, record: RecordWrite): Promise<void>
}

/**
 * Makes a write known to the audit log, once; resolves when it is durable. A provider calls it after the write is in
 * place and before another process can write: the last record is what an old copy put back is noticed by.
 */
export type RecordWrite = (written: VaultWritten) => Promise<void>

/**
 * The secrets of a workspace, whichever provider keeps them. Works from `onStart` on. Besides what is said below, every
 * method throws what keeps the vault from being opened: `VAULT_CONFIG_FOREIGN`, `VAULT_LOCKED`, `VAULT_DAMAGED` and others.
 */
export interface Vault {
  describe(): Promise<VaultDescription>
  /**
   * A secret for one use. Throws `SECRET_DENIED`, the same for a secret that is missing, disabled, expired, not meant for
   * this tool, host or slot, or denied by a guard; `VAULT_PROVIDER_FAILED` when the provider could not answer at all.
   */
  resolve(name: string, context: SecretContext): Promise<Secret>
  /**
   * The text to put into the slot, encoded for it. `secret` must come from {@link Vault.resolve} of this vault for the
   * same tool, host and slot. Throws `SECRET_UNBOUND`; whoever gets that must send nothing.
   */
  bind(secret: Secret, use: SecretUse): string
  /** Parses configuration text. Throws `SECRET_TEMPLATE` for what looks like a reference and is none. */
  template(text: string): SecretTemplate
  /** Resolves and binds every secret of a template, in one pass: values are never read for further references. */
  fill(
    template: SecretTemplate,
    context: SecretContext,
    use: Omit<SecretUse, 'tool' | 'host' | 'slot'>,
  ): Promise<string>
  /** Stores a secret, new or not, by a governed action of kind `vault.write`. `value` is wiped when this returns. */
  put(name: string, value: Buffer, scope: SecretScope, options?: VaultWriteOptions): Promise<Outcome<VaultWritten>>
  /** Stores a new value under the scope it has; likewise governed. */
  rotate(name: string, value: Buffer, options?: VaultWriteOptions): Promise<Outcome<VaultWritten>>
  /** Keeps the secret but resolves it no more; likewise governed. */
  disable(name: string, options?: VaultWriteOptions): Promise<Outcome<VaultWritten>>
  /** Removes the secret with all its versions; likewise governed. */
  remove(name: string, options?: VaultWriteOptions): Promise<Outcome<VaultWritten>>
  /** The metadata of one secret. */
  info(name: string): Promise<SecretInfo | undefined>
  /** Names and metadata, sorted by name. Throws `VAULT_UNSUPPORTED` when the provider cannot list. */
  list(): Promise<readonly SecretInfo[]>
  health(): Promise<VaultHealth>
}

export const vaultSlot = slot<Vault>('cloned.vault', { contract: 1 })

/** What a provider answers. The vault takes over `value` and wipes it. */
export interface ProvidedSecret {
  readonly value: Buffer
  readonly version: string
  /** When the vault must ask again at the latest, milliseconds since 1970: a lease; 0 for every time. Default: a minute. */
  readonly until?: number
}

/**
 * One place where secrets are kept, opened. The vault has checked the scope and asked the guards before it calls
 * `resolve`; a provider may refuse besides. No method may put a value into an error, a log line or its answer's metadata.
 */
export interface OpenProvider {
  describe(): Omit<VaultDescription, 'provider'>
  /** `undefined` when there is no such secret or it is disabled. Throws only when it could not find out. */
  resolve(name: string, context: Omit<SecretContext, 'check'>): Promise<ProvidedSecret | undefined>
  /** Metadata of one secret; only where `scopes`. */
  info?(name: string): Promise<SecretInfo | undefined>
  /** Only where `list`. Providers without scopes may leave `hosts`, `tools` and `slots` empty. */
  list?(): Promise<readonly SecretInfo[]>
  /** Only where `write`. `scope` is `undefined` when the secret keeps the one it has; then it must exist. */
  put?(name: string, value: Buffer, scope: SecretScope | undefined, record: RecordWrite): Promise<void>
  disable?(name: string, record: RecordWrite): Promise<void>
  remove?(name: string, record: RecordWrite): Promise<void>
  health(): Promise<VaultHealth>
  /** Only providers that encrypt themselves. */
  readonly keySlots?: KeySlots
  /** Takes the vault as it stands for the newest, an old copy that a person put back on purpose. */
  accept?(record: RecordWrite): Promise<void>
  /** Every secret with its value as one armored age file for this recipient; only where it can. */
  export?(recipient: string): Promise<string>
  /** Whatever changes when somebody else writes; the vault drops its cache when it differs. Cheap: a `stat`. */
  stamp?(): string
  /** Lets go of everything, wiping keys. Legal twice. Nothing else is called after it. */
  close(): Promise<void>
}

/** What a plugin contributes to be a provider. */
export interface VaultProvider {
  /** What the workspace's configuration calls it: `file`, `env`, `command`. */
  readonly name: string
  /** One sentence without a full stop. */
  readonly summary: string
  /** JSON Schema of `vault.config` in the workspace's configuration; the vault validates before it opens. */
  readonly config: JsonObject
  /** Without input or output beyond what the answers need: called once, at the first use of the vault. */
  open(config: JsonObject): Promise<OpenProvider>
}

/** Where secrets can be kept; the workspace's configuration names one, `file` by default. */
export const vaultProvidersCollection = collection<VaultProvider>('cloned.vault-providers', { contract: 1 })

/** Hears of each value before anybody else gets it. */
export interface SecretListener {
  /** Synchronous, once for each value that a provider answered. When it throws, the secret is not given out. */
  resolved(secret: Secret): void
}

/** Who must know the values to keep them from leaving: the scrubber. */
export const secretListenersCollection = collection<SecretListener>('cloned.secret-listeners', { contract: 1 })
