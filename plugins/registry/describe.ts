// Describes a package to a person, one thing a line, from its verified manifest; it leaves out nothing that it may do.
import type { ConnectorManifest, PackageTool, SkillsRuntime } from '../package/slot.js'
import { packLimits } from './pack-limits.js'

/** Characters of a description; it is no part of what a package may do. */
const MAX_DESCRIPTION = 300

/** Not escaped: titles and descriptions are the publisher's words. */
export function describePackage(manifest: ConnectorManifest): string[] {
  const { title, description, license, source, runtime, tools, requires_capabilities: needs } = manifest
  return [
    fact('title', `${title}: ${description.slice(0, MAX_DESCRIPTION)}`),
    ...(license === undefined ? [] : [fact('license', license)]),
    ...(source === undefined ? [] : [fact('source', [source.repo, source.commit].filter(Boolean).join(' at '))]),
    ...(runtime.kind === 'skills' ? packLines(runtime) : connectorLines(runtime, tools)),
    ...needs.map((capability) => fact('needs', capability)),
  ]
}

function connectorLines(
  runtime: Exclude<ConnectorManifest['runtime'], SkillsRuntime>,
  tools: readonly PackageTool[],
): string[] {
  const program = runtime.kind === 'node' ? ['node', runtime.entry] : runtime.command
  return [
    fact('runs', program.join(' ')),
    ...tools.map(({ id, risk, capability, title }) => fact('tool', `${id} (${risk}, ${capability}): ${title}`)),
    ...facts(
      'host',
      tools.flatMap(({ egress_hosts }) => egress_hosts),
    ),
    ...facts('secret', tools.flatMap(secretsOf)),
  ]
}

function packLines(runtime: SkillsRuntime): string[] {
  return [
    ...facts('may call', runtime.allowed_tools),
    ...Object.entries(packLimits(runtime)).flatMap(([label, texts]) => facts(label, texts)),
    ...Object.entries(runtime.connectors).map(([id, range]) => fact('needs', `the connector ${id} ${range}`)),
  ]
}

/** One line with its label, whatever stands in the value: a text of the publisher must not pass for a line of ours. */
export function fact(label: string, value: string): string {
  return `${label.padEnd(9)}  ${value.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')}`
}

function facts(label: string, values: readonly string[]): string[] {
  return values.length === 0 ? [fact(label, 'none')] : [...new Set(values)].sort().map((value) => fact(label, value))
}

function secretsOf({ auth }: PackageTool): string[] {
  return auth.map(({ secret, hosts, place, kind, options = {} }) => {
    const made = kind === 'static' ? '' : `, made into ${kind} ${JSON.stringify(options)}`
    return `${secret}${made}, sent to ${hosts.join(', ')} as ${place}`
  })
}
