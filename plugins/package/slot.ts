// Names the service that makes and reads connector packages, and the shape of their manifests; interfaces and tokens only.
import { collection, type JsonObject, type Risk, slot, type ToolCost } from 'cloned/kernel'

/** One file of a package. */
export interface PackageFile {
  /** Relative, `/` between parts, NFC. */
  readonly path: string
  readonly size: number
  /** SHA-256 of the content, hex. */
  readonly sha256: string
  readonly executable?: boolean
}

/** A place for a credential in the requests of a tool. The host binds it; the worker never sees the value. */
export interface AuthSlot {
  /** What the tool calls it. */
  readonly name: string
  /** How the value is had: as stored, or derived from it by the host. */
  readonly kind: 'static' | 'basic' | 'oauth_refresh' | 'jwt'
  /** Name of the secret in the vault, unless the workspace maps it to another. */
  readonly secret: string
  /** `header:<name>`, `query:<name>`, `path:<name>`, `json:<pointer>` or `form:<name>`. */
  readonly place: string
  /** Text around the value, with `{secret}` in its place; the value alone when absent. */
  readonly format?: string
  /** Hosts of the tool that it may go to. */
  readonly hosts: readonly string[]
  /** Parameters of a derived credential: token endpoint, audience, lifetime. No secrets. */
  readonly options?: JsonObject
}

/** A tool of a package (schemas/tool.schema.json). */
export interface PackageTool {
  /** `<connector id>.<word>@v<n>`. */
  readonly id: string
  readonly title: string
  readonly description: string
  /** SHA-256 of the canonical JSON of everything else in this object. Id and contract stay together for good. */
  readonly contract_sha256: string
  readonly input_schema: JsonObject
  readonly output_schema: JsonObject
  readonly risk: Risk
  readonly capability: string
  readonly idempotent: boolean
  /** Cost of one call by budget category. */
  readonly cost: { readonly [category: string]: ToolCost }
  readonly timeout_ms: number
  /** `api.example.com`, `*.example.com`, each with `:port` for another port than 443. */
  readonly egress_hosts: readonly string[]
  readonly auth: readonly AuthSlot[]
  /** JSON pointers into the output whose values must never leave the tool. */
  readonly redaction_rules: readonly string[]
  /** JSON pointers into the input whose values may stand in the audit log in clear. */
  readonly loggable_fields: readonly string[]
}

/** How the connector is started, in the directory of the package. */
export type PackageRuntime =
  | { readonly kind: 'node'; readonly entry: string; readonly node_range?: string }
  | {
      readonly kind: 'command'
      /** Program and arguments. `{dir}` stands for the directory of the package. */
      readonly command: readonly string[]
    }
  | SkillsRuntime

/** A skill pack: nothing of it is started. What its pack.yaml says must agree with this. */
export interface SkillsRuntime {
  readonly kind: 'skills'
  /** Ids of tools at the gate that its pipelines may call, and no others. */
  readonly allowed_tools: readonly string[]
  /** Semver ranges by id of the connectors that it needs. */
  readonly connectors: { readonly [id: string]: string }
  /** What its calls are held to besides; an absent one limits nothing. */
  readonly constitution?: PackConstitution
}

/** `constitution` of a skill pack, as its pack.yaml has it (schemas/skill_pack.schema.json). An absent key adds no limit. */
export interface PackConstitution {
  readonly capabilities?: readonly string[]
  readonly data_sources?: readonly string[]
  readonly egress?: readonly string[]
  readonly max_cost?: { readonly [category: string]: number }
  readonly max_duration_ms?: number
}

/** `package.manifest.json` (schemas/connector.manifest.schema.json). Its digest is the identity of the package. */
export interface ConnectorManifest {
  readonly schema: 'cloned.package/v1'
  /** `<namespace>.<name>`. */
  readonly id: string
  /** Semantic version without build metadata. */
  readonly version: string
  readonly publisher_id: string
  readonly title: string
  readonly description: string
  readonly created_at: string
  readonly license?: string
  readonly source?: { readonly repo: string; readonly commit?: string }
  readonly runtime: PackageRuntime
  /** Contract number of the worker protocol that it speaks. */
  readonly protocol: number
  readonly files: readonly PackageFile[]
  readonly tools: readonly PackageTool[]
  readonly provides_capabilities: readonly string[]
  readonly requires_capabilities: readonly string[]
  /** Id of the connector that this one takes the place of. */
  readonly supersedes?: string
  /** Semver range of the kernel. */
  readonly min_runtime?: string
}

/** What an author writes; packing adds the rest. */
export type ManifestDraft = Omit<
  ConnectorManifest,
  'schema' | 'created_at' | 'files' | 'tools' | 'provides_capabilities'
> & {
  readonly tools: readonly Omit<PackageTool, 'contract_sha256'>[]
  readonly provides_capabilities?: readonly string[]
  /** Files and directories that go in. Default: everything but hidden files, `node_modules`, packages and `connector.json`. */
  readonly include?: readonly string[]
}

/** The two members every package begins with, as bytes that nobody has verified. */
export interface PackageHead {
  readonly manifest: Buffer
  /** `undefined`: the package is not signed. */
  readonly signature: Buffer | undefined
  /** SHA-256 of the manifest's bytes, hex: what a package is known by. */
  readonly digest: string
}

/** A package that was made. */
export interface PackedPackage {
  readonly archive: Buffer
  readonly manifest: ConnectorManifest
  readonly digest: string
}

/** Makes, reads and unpacks packages; knows no keys. Works without a start. Refuses with `PACKAGE_INVALID`. */
export interface Packages {
  /** A larger archive is refused; whoever reads one need not read further. */
  readonly maxBytes: number
  /** Reads the head of an archive and no more of it. */
  head(archive: Uint8Array): Promise<PackageHead>
  /** Parses and validates a manifest. Give it bytes whose signature was verified, and no others. */
  manifest(bytes: Uint8Array): ConnectorManifest
  /** Hashes every file in the archive; throws unless they are exactly those of the manifest. */
  check(archive: Uint8Array, head: PackageHead, manifest: ConnectorManifest): void
  /** The same, and writes them, with manifest and signature, into a new directory; read-only, synced. */
  extract(archive: Uint8Array, head: PackageHead, manifest: ConnectorManifest, directory: string): void
  /**
   * Reads an unpacked package back. Throws unless it holds exactly the files of a manifest with this digest. Files that
   * have not changed since they were last hashed by this process are not read again.
   */
  installed(directory: string, digest: string): PackageHead & { readonly contents: ConnectorManifest }
  /** What connector.json in a directory says; `undefined` without one. Throws `FILE_INVALID`. */
  draft(directory: string): ManifestDraft | undefined
  /** Makes an unsigned package of a directory. */
  pack(directory: string, draft: ManifestDraft, createdAt: string): PackedPackage
  /** The same package with another signature member. */
  withSignature(archive: Uint8Array, signature: string): Promise<Buffer>
}

export const packagesSlot = slot<Packages>('cloned.packages', { contract: 1 })

/** A way to get the draft of a manifest out of a source directory, for `connectors pack`. */
export interface ManifestSource {
  /** `undefined` when the directory is none of its kind. */
  describe(directory: string): Promise<ManifestDraft | undefined>
}

/** Why a directory is no source of a connector, when neither of the two ways to be one is taken. */
export const NO_DRAFT =
  'there is no connector.json and no pack.yaml, and package.json does not have "cloned": { "connector": FILE }'

export const manifestSourcesCollection = collection<ManifestSource>('cloned.manifest-sources', { contract: 1 })

/** What stands before the ids of packaged tools at the gate. */
export const TOOL_PREFIX = 'connector.'

/** What the gate and the policy call a tool of a package: `connector.acme.weather.today@v1`. */
export function toolIdAtGate(id: string): string {
  return `${TOOL_PREFIX}${id}`
}
