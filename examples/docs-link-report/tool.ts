// Publishes the contract of the link checker; what it does stands in check.ts, loaded by the first call.
import { defineTool } from 'cloned/kernel'

interface LinksInput {
  readonly root: string
  readonly files: readonly (string | { readonly path: string; readonly kind?: string })[]
  readonly truncated?: boolean
}

const count = { type: 'integer', minimum: 0 } as const
const text = { type: 'string' } as const

/** `connectorHosts` are those of which a connector checks the links now. */
export const linksTool = (connectorHosts: () => ReadonlySet<string>) =>
  defineTool<LinksInput>({
    id: 'example.markdown.links@v2',
    title: 'Check Markdown links',
    description:
      'Extracts the links of Markdown files and checks them: those into the workspace by reading it, the others by asking their hosts, as far as the policy allows.',
    input: {
      type: 'object',
      properties: {
        root: { ...text, minLength: 1, description: 'The directory that the report is about.' },
        files: {
          type: 'array',
          maxItems: 2000,
          description: 'Paths relative to the workspace root, or entries as cloned.internal.fs.list@v1 answers them.',
          items: {
            anyOf: [text, { type: 'object', properties: { path: text, kind: text }, required: ['path'] }],
          },
        },
        truncated: {
          type: 'boolean',
          description: 'Whether there are more files than these; the report then says so.',
        },
      },
      required: ['root', 'files'],
      additionalProperties: false,
    },
    output: {
      type: 'object',
      properties: {
        report: { ...text, description: 'Markdown; the same files give the same bytes.' },
        files: count,
        links: count,
        broken: count,
        broken_links: {
          type: 'array',
          description: 'At most 500, in the order of the report.',
          items: {
            type: 'object',
            properties: { file: text, line: count, url: text, reason: text },
            required: ['file', 'line', 'url', 'reason'],
            additionalProperties: false,
          },
        },
        external_hosts: {
          type: 'array',
          description: 'At most 200, the most used first.',
          items: {
            type: 'object',
            properties: { host: text, links: count },
            required: ['host', 'links'],
            additionalProperties: false,
          },
        },
        unchecked: count,
        blocked: {
          type: 'array',
          description: 'External origins that the policy does not allow; at most 50.',
          items: {
            type: 'object',
            properties: {
              origin: text,
              links: { ...count, description: 'Different URLs that were not asked.' },
              propose: { ...text, description: 'The command that proposes to allow it.' },
            },
            required: ['origin', 'links', 'propose'],
            additionalProperties: false,
          },
        },
      },
      required: ['report', 'files', 'links', 'broken', 'broken_links', 'external_hosts', 'unchecked', 'blocked'],
      additionalProperties: false,
    },
    risk: 'low',
    capability: 'net.fetch',
    idempotent: true,
    timeoutMs: 120_000,
    async handler({ root, files, truncated }, ctx) {
      const { checkLinks } = await import('./check.js')
      const { answerOf } = await import('./report.js')
      const paths = files.flatMap((file) => {
        if (typeof file === 'string') return [file]
        return file.kind === undefined || file.kind === 'file' ? [file.path] : []
      })
      return answerOf(root, truncated ?? false, await checkLinks(paths, ctx, { connectorHosts: connectorHosts() }))
    },
  })
