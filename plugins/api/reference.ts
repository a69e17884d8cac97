// Shows the OpenAPI document as one page for people; it runs nothing, and every text of the document is escaped.
import { createHash } from 'node:crypto'
import type { Json, JsonObject } from 'cloned/kernel'

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:60rem;margin:auto;padding:1rem}
code,pre{font-family:ui-monospace,monospace;font-size:.875em}pre{overflow:auto;padding:.75rem;border:1px solid #8886}
section{border-top:1px solid #8886;margin-top:2rem}b{text-transform:uppercase}`

/** The page may show itself and nothing else: no script, no image, no form, no frame. */
export const REFERENCE_CSP = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly deprecated?: boolean
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[]
  readonly parameters?: readonly { name: string; in: string; required?: boolean; schema: JsonObject }[]
  readonly requestBody?: { readonly content: Json }
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Json }>>
}
interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Json>> }
}

export function referencePage(json: Json): string {
  const { info, paths, components } = json as unknown as Document
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(info.title)} API</title>
<style>${STYLE}</style></head><body><main>
<h1>${escaped(info.title)} API ${escaped(info.version)}</h1><p>${escaped(info.description)}</p>
<nav><ul>${operations.map(({ path, method, operation }) => `<li><a href="#${escaped(operation.operationId)}"><code><b>${method}</b> ${escaped(path)}</code></a> ${escaped(operation.summary)}</li>`).join('\n')}</ul></nav>
${operations.map(section).join('\n')}
<h2>Schemas</h2>
${Object.entries(components.schemas)
  .map(([name, schema]) => `<section id="schemas-${escaped(name)}"><h3>${escaped(name)}</h3>${code(schema)}</section>`)
  .join('\n')}
</main></body></html>`
}

function section({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const { operationId, summary, deprecated, security = [], parameters = [], requestBody, responses } = operation
  const scopes = security.flatMap((one) => Object.values(one).flat())
  const who = security.length === 0 ? 'Open to everybody.' : `Scope: ${[...new Set(scopes)].join(', ')}.`
  return `<section id="${escaped(operationId)}"><h2><code><b>${method}</b> ${escaped(path)}</code></h2>
<p>${deprecated ? '<strong>Retired.</strong> ' : ''}${escaped(summary)}. ${escaped(who)}</p>
${parameters.map((one) => `<p><code>${escaped(one.name)}</code> (${escaped(one.in)}${one.required ? ', required' : ''})</p>${code(one.schema)}`).join('\n')}
${requestBody ? `<h3>Body</h3>${code(requestBody.content)}` : ''}
${Object.entries(responses)
  .map(
    ([status, { description, content }]) => `<h3>${status} ${escaped(description)}</h3>${content ? code(content) : ''}`,
  )
  .join('\n')}</section>`
}

function code(json: Json): string {
  return `<pre>${escaped(JSON.stringify(json, null, 2))}</pre>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? '')
}
