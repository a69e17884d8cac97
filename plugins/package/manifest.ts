// Parses the bytes of a manifest; must never hand on one that has a second reading or promises what it does not hold.
import { isUtf8 } from 'node:buffer'
import {
  compileSchema,
  deepFreeze,
  describeThrown,
  digest,
  type Json,
  type JsonObject,
  readSchema,
  snapshot,
  wordProblems,
} from 'cloned/kernel'
import { MAX_FILES, MAX_MANIFEST_BYTES, MAX_UNPACKED_BYTES } from './limits.js'
import { collision, pathProblem } from './path.js'
import { refused } from './refuse.js'
import type { ConnectorManifest, PackageTool } from './slot.js'

/** The one text of a manifest. */
export function formatManifest(manifest: ConnectorManifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)
}

/** Parses, validates and checks everything that a schema cannot say. Throws `PACKAGE_INVALID` with every problem. */
export function parseManifest(bytes: Uint8Array): ConnectorManifest {
  const manifest = parse(bytes)
  const problems = compileSchema(readSchema('connector.manifest'))(manifest)
  if (problems.length > 0) throw refused(`its manifest does not fit: ${wordProblems(problems)}`)
  const tool = compileSchema(readSchema('tool'))
  const wrongTools = manifest.tools.flatMap((found, i) =>
    tool(found).map(({ path, message }) => ({ path: `/tools/${i}${path === '/' ? '' : path}`, message })),
  )
  if (wrongTools.length > 0) throw refused(`its manifest does not fit: ${wordProblems(wrongTools)}`)
  const wrong = [
    ...kindProblems(manifest),
    ...filesProblems(manifest),
    ...manifest.tools.flatMap((each) => toolProblems(each, manifest)),
  ]
  if (wrong.length > 0) throw refused(wrong.slice(0, 20).join('; '))
  return deepFreeze(manifest)
}

/** SHA-256 of a tool's contract: of everything about it but the digest itself. */
export function toolContract(tool: PackageTool | Omit<PackageTool, 'contract_sha256'>): string {
  const { contract_sha256: _, ...contract } = tool as PackageTool
  return digest(snapshot(contract))
}

function parse(bytes: Uint8Array): ConnectorManifest {
  if (bytes.length > MAX_MANIFEST_BYTES) throw refused(`its manifest is larger than ${MAX_MANIFEST_BYTES} bytes`)
  if (!isUtf8(bytes)) throw refused('its manifest is not UTF-8 text')
  const text = Buffer.from(bytes).toString('utf8')
  let value: Json
  try {
    value = snapshot(JSON.parse(text), { depth: 64, bytes: 4 * MAX_MANIFEST_BYTES })
  } catch (cause) {
    throw refused(`its manifest cannot be read: ${describeThrown(cause)}`, cause)
  }
  // A repeated key, a number that loses digits, a byte order mark: each reads otherwise elsewhere, and none comes back.
  if (`${JSON.stringify(value, null, 2)}\n` !== text)
    throw refused('its manifest is not in the one spelling it may have')
  return value as unknown as ConnectorManifest
}

function kindProblems({ runtime, tools, files }: ConnectorManifest): string[] {
  if (runtime.kind !== 'skills') return tools.length === 0 ? ['it has no tools'] : []
  return [
    ...(tools.length > 0 ? ['it is a skill pack and has tools of its own'] : []),
    ...(files.some(({ path }) => path === 'pack.yaml') ? [] : ['it is a skill pack without a pack.yaml']),
  ]
}

function filesProblems({ files, runtime }: ConnectorManifest): string[] {
  const problems = files.flatMap(({ path }) => {
    const problem = pathProblem(path)
    return problem === undefined ? [] : [`the path ${JSON.stringify(path)} ${problem}`]
  })
  const twice = collision(files.map(({ path }) => path))
  if (twice !== undefined) problems.push(`the path ${JSON.stringify(twice)} is there twice on some systems`)
  if (files.length > MAX_FILES) problems.push(`it has more than ${MAX_FILES} files`)
  const size = files.reduce((total, file) => total + file.size, 0)
  if (size > MAX_UNPACKED_BYTES) problems.push(`its files come to more than ${MAX_UNPACKED_BYTES} bytes`)
  if (runtime.kind === 'node' && !files.some(({ path }) => path === runtime.entry)) {
    problems.push(`its entry ${JSON.stringify(runtime.entry)} is none of its files`)
  }
  return problems
}

function toolProblems(tool: PackageTool, { id, tools, provides_capabilities }: ConnectorManifest): string[] {
  const problems: string[] = []
  const wrong = (problem: string) => void problems.push(`the tool ${tool.id} ${problem}`)
  // One word after the id, so that no tool is one of two connectors.
  if (tool.id.slice(0, tool.id.lastIndexOf('.')) !== id) wrong(`is not named ${id}, a dot and one word`)
  if (tools.find((other) => other.id === tool.id) !== tool) wrong('is there twice')
  if (toolContract(tool) !== tool.contract_sha256) wrong('is not what its contract_sha256 says')
  if (!provides_capabilities.includes(tool.capability))
    wrong(`has a capability that is not under provides_capabilities`)
  if (tool.input_schema['type'] !== 'object') wrong('has an input schema that is not of type object')
  for (const [name, schema] of Object.entries({ input: tool.input_schema, output: tool.output_schema })) {
    const problem = schemaProblem(schema)
    if (problem !== undefined) wrong(`has an ${name} schema that is not valid: ${problem}`)
  }
  const names = new Set<string>()
  for (const { name, hosts } of tool.auth) {
    if (names.has(name)) wrong(`has two auth slots ${name}`)
    names.add(name)
    const outside = hosts.find((host) => !tool.egress_hosts.includes(host))
    if (outside !== undefined) wrong(`would send a credential to ${outside}, which is not under its egress_hosts`)
  }
  return problems
}

function schemaProblem(schema: JsonObject): string | undefined {
  try {
    compileSchema(schema)
    return undefined
  } catch (error) {
    return describeThrown(error)
  }
}
