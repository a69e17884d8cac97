// Words the manifest of an artifact as an in-toto statement with SLSA provenance, and reads it back; it signs and stores nothing.
import { compileSchema, type Json, type JsonObject, KERNEL_VERSION, readSchema, sha256 } from 'cloned/kernel'
import { filenameProblem } from './filename.js'
import type { RecordedCall } from './slot.js'
import type { Facts } from './stage.js'

const BUILD_TYPE = 'https://cloned.dev/buildtypes'
const PACKAGE = 'cloned:package/'
const CALL = 'cloned:call/'

/** The bytes that are signed, and the id that they give. */
export function statementOf(facts: Facts): { readonly id: string; readonly payload: Buffer } {
  const { actor, ...known } = facts.provenance
  const statement: Json = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [
      {
        name: facts.filename,
        digest: { sha256: facts.sha256 },
        mediaType: facts.media_type,
        annotations: { size: facts.size },
      },
    ],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: `${BUILD_TYPE}/${known['pipeline'] === undefined ? 'call' : 'pipeline'}/v1`,
        externalParameters: known,
        internalParameters: {
          actor: actor ?? null,
          call_id: facts.call_id,
          workspace: facts.workspace,
          audit_seq: facts.upTo,
        },
        resolvedDependencies: [
          ...facts.packages.map(({ id, version, digest }) => described(`${PACKAGE}${id}@${version}`, digest)),
          ...facts.calls.map(describedCall),
          ...facts.sources.map(({ uri, sha256: digest }) => described(uri, digest, { declared_by: facts.created_by })),
        ],
      },
      runDetails: {
        builder: { id: 'https://cloned.dev/runtime/v1', version: { cloned: KERNEL_VERSION, node: process.version } },
        metadata: { invocationId: String(known['run'] ?? facts.call_id), finishedOn: facts.created_at },
      },
    },
  }
  const payload = Buffer.from(JSON.stringify(statement))
  return { id: idOf(payload), payload }
}

/** `art_` and the first 24 hex digits of the SHA-256 of the signed bytes. */
export function idOf(payload: Buffer): string {
  return `art_${sha256(payload).slice(0, 24)}`
}

/** Reads signed bytes back. Throws a `TypeError` for what {@link statementOf} does not make; `upTo` is needed to verify. */
export function factsOf(payload: Buffer): Facts {
  const statement = JSON.parse(payload.toString('utf8')) as Json
  const problems = compileSchema(readSchema('artifact_manifest'))(statement)
  if (problems.length > 0) {
    throw new TypeError(problems.map(({ path, message }) => `${path} ${message}`).join('; '))
  }
  const { subject, predicate } = statement as unknown as Statement
  const { externalParameters, internalParameters, resolvedDependencies } = predicate.buildDefinition
  // The schema cannot say all of it, and the name is about to become a path.
  const problem = filenameProblem(subject[0].name)
  if (problem) throw new TypeError(problem)
  const packages = resolvedDependencies.filter(({ uri }) => uri.startsWith(PACKAGE))
  const calls = resolvedDependencies.filter(({ uri }) => uri.startsWith(CALL))
  const sources = resolvedDependencies.filter(({ uri }) => !uri.startsWith(PACKAGE) && !uri.startsWith(CALL))
  return {
    filename: subject[0].name,
    media_type: subject[0].mediaType,
    size: subject[0].annotations.size,
    sha256: subject[0].digest.sha256,
    created_at: predicate.runDetails.metadata.finishedOn,
    created_by: internalParameters.actor.id,
    call_id: internalParameters.call_id,
    workspace: internalParameters.workspace,
    provenance: { actor: internalParameters.actor, ...externalParameters },
    calls: calls.map(callOf),
    packages: packages.map(({ uri, digest }) => {
      const [id = '', version = ''] = uri.slice(PACKAGE.length).split('@')
      return { id, version, digest: digest.sha256 }
    }),
    sources: sources.map(({ uri, digest }) => ({ uri, sha256: digest.sha256 })),
    upTo: internalParameters.audit_seq,
  }
}

interface Descriptor {
  readonly uri: string
  readonly name?: string
  readonly digest: { readonly sha256: string }
  readonly annotations?: JsonObject
}

/** As the schema leaves it. */
interface Statement {
  readonly subject: readonly [
    {
      readonly name: string
      readonly digest: { readonly sha256: string }
      readonly mediaType: string
      readonly annotations: { readonly size: number }
    },
  ]
  readonly predicate: {
    readonly buildDefinition: {
      readonly externalParameters: JsonObject
      readonly internalParameters: {
        readonly actor: JsonObject & { readonly id: string }
        readonly call_id: string
        readonly workspace: string
        readonly audit_seq: number
      }
      readonly resolvedDependencies: readonly Descriptor[]
    }
    readonly runDetails: { readonly metadata: { readonly finishedOn: string } }
  }
}

function described(uri: string, digest: string, annotations?: JsonObject): JsonObject {
  return { uri, digest: { sha256: digest }, ...(annotations ? { annotations } : {}) }
}

function describedCall({
  call_id: id,
  tool,
  status,
  contract,
  seq,
  sha256: digest,
  outcome,
}: RecordedCall): JsonObject {
  const end = outcome ? { outcome_seq: outcome.seq, outcome_sha256: outcome.sha256 } : {}
  return { name: tool, ...described(`${CALL}${id}`, digest, { status, contract, seq, ...end }) }
}

function callOf({ uri, name = '', digest, annotations = {} }: Descriptor): RecordedCall {
  const { status, contract, seq, outcome_seq: end, outcome_sha256: hash } = annotations
  return {
    call_id: uri.slice(CALL.length),
    tool: name,
    status: String(status),
    contract: String(contract),
    seq: Number(seq),
    sha256: digest.sha256,
    ...(end === undefined ? {} : { outcome: { seq: Number(end), sha256: String(hash) } }),
  }
}
