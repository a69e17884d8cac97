// Artifacts over HTTP: manifests and content; content that is not what was saved is never sent.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { ClonedError } from 'cloned/kernel'
import type { ApiPart, PageQuery } from '../api/slot.js'
import { bundleOf, type FindKey } from './bundle-file.js'
import { rangeOf } from './range.js'
import { verificationJson } from './render.js'
import { BUNDLE, EMPTY, ID, MANIFEST, VERIFIED } from './route-schemas.js'
import type { Artifacts } from './slot.js'

/** What a download takes besides the id. */
const RANGE = {
  type: 'object',
  properties: { range: { type: 'string', maxLength: 200, examples: ['bytes=0-1023'] } },
} as const
const BYTES = {
  'application/octet-stream': { schema: { type: 'string', contentEncoding: 'binary', examples: ['hi'] } },
} as const
type ById = { Params: { id: string } }

export function artifactsPart(artifacts: Artifacts, keyOf: FindKey): ApiPart {
  return {
    tag: 'artifacts',
    register(app, api) {
      app.get<{ Querystring: PageQuery }>('/artifacts', {
        schema: {
          operationId: 'listArtifacts',
          summary: 'Manifests of what was saved, newest first',
          querystring: { type: 'object', additionalProperties: false, properties: api.pageQuery },
          response: {
            200: {
              type: 'object',
              required: ['artifacts'],
              properties: { artifacts: { type: 'array', items: MANIFEST }, next: { type: 'string' } },
            },
          },
        },
        config: { scope: 'artifacts:read' },
        handler: async ({ query }) => {
          const { items, ...rest } = api.page(await artifacts.list(), query, ({ id }) => id)
          return { artifacts: items, ...rest }
        },
      })
      app.get<ById>('/artifacts/:id', {
        schema: {
          operationId: 'getArtifact',
          summary: 'The manifest of an artifact, and whether its content is intact',
          params: ID,
          response: {
            200: {
              type: 'object',
              required: ['manifest', 'intact'],
              properties: { manifest: MANIFEST, intact: { type: 'boolean' } },
            },
          },
        },
        config: { scope: 'artifacts:read' },
        handler: async ({ params: { id } }) => {
          const { manifest, intact } = await found(artifacts, id)
          return { manifest, intact }
        },
      })
      app.get<ById>('/artifacts/:id/bundle', {
        schema: {
          operationId: 'getArtifactBundle',
          summary: 'The signed manifest and the public key that goes with it, to verify without this server',
          params: ID,
          response: { 200: BUNDLE },
        },
        config: { scope: 'artifacts:read' },
        handler: async ({ params: { id } }) => {
          const { text, kid, key } = await bundleOf(await intactOne(artifacts, id), keyOf)
          return { bundle: JSON.parse(text), kid, public_key: key.export({ format: 'pem', type: 'spki' }) }
        },
      })
      app.post<ById>('/artifacts/:id/verify', {
        schema: {
          operationId: 'verifyArtifact',
          summary: 'Checks signature, content and audit records of an artifact',
          params: ID,
          body: EMPTY,
          response: { 200: VERIFIED },
        },
        config: { scope: 'artifacts:read' },
        handler: async ({ params: { id } }) => {
          // What is no id would be taken for a directory of the server.
          await found(artifacts, id)
          return verificationJson(await artifacts.verify(id))
        },
      })
      app.get<ById>('/artifacts/:id/content', {
        schema: {
          operationId: 'downloadArtifact',
          summary: 'The content, whole or one range of bytes',
          params: ID,
          headers: RANGE,
          response: { 200: { content: BYTES }, 206: { content: BYTES } },
        },
        config: { scope: 'artifacts:read' },
        handler: async ({ params: { id }, headers }, reply) => {
          const { manifest, path } = await intactOne(artifacts, id)
          const range = rangeOf(headers.range, manifest.size)
          const etag = `"${manifest.sha256}"`
          reply.header('etag', etag).header('cache-control', 'private, no-cache')
          if (headers['if-none-match'] === etag) return reply.code(304).send()
          // A browser must save what agents made, never show it as a page of this origin.
          reply
            .header('content-type', 'application/octet-stream')
            .header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(manifest.filename)}`)
            .header('accept-ranges', 'bytes')
            .header('repr-digest', `sha-256=:${Buffer.from(manifest.sha256, 'hex').toString('base64')}:`)
          if (range === 'unsatisfiable')
            return reply.code(416).header('content-range', `bytes */${manifest.size}`).send('')
          const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
          const stream = handle.createReadStream(range ? { start: range.first, end: range.last } : {})
          if (!range) return reply.header('content-length', manifest.size).send(stream)
          return reply
            .code(206)
            .header('content-range', `bytes ${range.first}-${range.last}/${manifest.size}`)
            .header('content-length', range.last - range.first + 1)
            .send(stream)
        },
      })
    },
  }
}

async function found(artifacts: Artifacts, id: string) {
  const artifact = await artifacts.get(id)
  if (!artifact) throw new ClonedError('ARTIFACT_UNKNOWN', { artifact: id })
  return artifact
}

/** What is handed out. */
async function intactOne(artifacts: Artifacts, id: string) {
  const artifact = await found(artifacts, id)
  if (!artifact.intact) throw new ClonedError('ARTIFACT_DAMAGED', { artifact: id })
  return artifact
}
