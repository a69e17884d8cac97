// The page of every built-in tool: what a call of it takes and answers.
import { defaultDistribution } from 'cloned'
import { createKernel, type JsonObject, type ToolContract } from 'cloned/kernel'
import { code, HEAD, table } from './markdown.js'

export function toolsPage(): string {
  const tools = createKernel(defaultDistribution()).tools()
  return `# Tools\n\n${HEAD}\`cloned tools show ID\` prints the full contract with both schemas and its hash.\n\n${tools.map(section).join('\n')}`
}

function section({ id, title, description, input, output, risk, capability, idempotent }: ToolContract): string {
  const facts = `Risk ${risk}, capability ${code(capability)}, ${idempotent ? 'idempotent' : 'not idempotent'}.`
  const rows = [...fields('input', input), ...fields('output', output)]
  return `## \`${id}\`\n\n${title}. ${description}\n\n${facts}\n\n${table(['where', 'field', 'type', 'what it is'], rows)}`
}

function fields(where: string, schema: JsonObject): string[][] {
  const required = (schema['required'] ?? []) as readonly string[]
  return Object.entries((schema['properties'] ?? {}) as Record<string, JsonObject>).map(([name, field]) => [
    where,
    required.includes(name) ? code(name) : `${code(name)} (optional)`,
    String(field['type'] ?? 'any'),
    typeof field['description'] === 'string' ? field['description'] : '',
  ])
}
