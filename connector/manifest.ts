// Writes what a connector says of itself in the words of package.manifest.json; adds nothing that its code does not say.
import { type Connector, type Tool, toolId } from './define.js'
import { PROTOCOL } from './protocol.js'

/** The draft of a manifest. Packing adds files, digests and how the program is started. */
export function draftOf(connector: Connector) {
  const { id, version, publisher, title, description, license, source, tools } = connector
  return {
    id,
    version,
    publisher_id: publisher,
    title,
    description,
    ...(license === undefined ? {} : { license }),
    ...(source === undefined ? {} : { source }),
    protocol: PROTOCOL,
    tools: tools.map(packageTool),
    requires_capabilities: [],
  }
}

function packageTool(tool: Tool) {
  const { title, description, input, output, risk, capability, hosts = [], auth = [] } = tool
  return {
    id: toolId(tool),
    title,
    description,
    input_schema: input,
    output_schema: output,
    risk,
    capability,
    idempotent: tool.idempotent ?? false,
    cost: tool.cost ?? {},
    timeout_ms: tool.timeoutMs ?? 60_000,
    egress_hosts: hosts,
    auth: auth.map(({ kind = 'static', hosts: only = hosts, ...rest }) => ({ ...rest, kind, hosts: only })),
    redaction_rules: tool.redact ?? [],
    loggable_fields: tool.loggable ?? [],
  }
}
