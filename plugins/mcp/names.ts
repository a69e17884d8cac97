// Decides under which names tools are shown to MCP clients; never gives one name to two tools, nor a known name to a new one.
import { createHash } from 'node:crypto'

/** A tool to be shown. */
export interface Named {
  /** Canonical: `mcp.github.create_issue@v1`. */
  readonly id: string
  /** What its own server calls it, where it comes from one. */
  readonly local?: string
}

/**
 * Longest name. Cursor drops tools silently when server and tool name together pass 60 characters; clients add the name of
 * their entry (`cloned`) and separators.
 */
export const NAME_LENGTH = 50

/** Prefixes that say nothing to a client. */
const UNSAID = /^(?:mcp|connector|cloned\.internal)\./

/**
 * Names of tools in letters, digits, `_` and `-` by canonical id: what every client takes. A name follows from the id alone,
 * but for a major version beside an older one, which is told apart by `__v2`. Where two ids would get one name, both get
 * another: a tool that turns up later cannot take over the name of one that a client knows.
 */
export function portableNames(tools: readonly Named[]): ReadonlyMap<string, string> {
  const majors = new Map<string, number>()
  for (const { id } of tools) {
    const [unversioned, major] = split(id)
    majors.set(unversioned, Math.min(majors.get(unversioned) ?? major, major))
  }
  const wanted = tools.map((tool) => {
    const [unversioned, major] = split(tool.id)
    const version = major === majors.get(unversioned) ? '' : `__v${major}`
    return { id: tool.id, name: fitting(base(tool, unversioned), version, tool.id) }
  })
  return new Map(apart(wanted).map(({ id, name }) => [id, name]))
}

function split(id: string): readonly [string, number] {
  const at = id.lastIndexOf('@v')
  return [id.slice(0, at), Number(id.slice(at + 2))]
}

function base({ local }: Named, unversioned: string): string {
  const words = unversioned.replace(UNSAID, '').split('.')
  if (local !== undefined) words.splice(1, words.length, local)
  return words.join('__').replace(/[^A-Za-z0-9_-]+/g, '_')
}

function fitting(name: string, version: string, id: string): string {
  const whole = name + version
  return whole.length <= NAME_LENGTH ? whole : hashed(name, version, id, 6)
}

function hashed(name: string, version: string, id: string, digits: number): string {
  const hash = createHash('sha256').update(id).digest('hex').slice(0, digits)
  return `${name.slice(0, NAME_LENGTH - version.length - digits - 1)}_${hash}${version}`
}

interface Wanted {
  readonly id: string
  readonly name: string
}

/** Longer and longer hashes, until no two names are the same for any client: some of them ignore case. */
function apart(wanted: readonly Wanted[], digits = 6): readonly Wanted[] {
  const count = new Map<string, number>()
  for (const { name } of wanted) count.set(name.toLowerCase(), (count.get(name.toLowerCase()) ?? 0) + 1)
  const twice = ({ name }: Wanted) => (count.get(name.toLowerCase()) ?? 0) > 1
  if (!wanted.some(twice)) return wanted
  const longer = wanted.map((each) => (twice(each) ? { ...each, name: hashed(each.name, '', each.id, digits) } : each))
  return apart(longer, digits + 6)
}
