// Reads the SKILL.md of a pack by the Agent Skills format; its frontmatter may not say anything that pack.yaml denies.
import { basename } from 'node:path'
import type { JsonObject } from 'cloned/kernel'
import type { PackDocument, Problem } from './document.js'
import { type Declared, declaredOf, fileInvalid, readText } from './file.js'

/** The frontmatter. */
export interface SkillHead {
  readonly name: string
  readonly description: string
  /** Tools by the names of the format, separated by spaces; full tool ids where they are tools of this package. */
  readonly 'allowed-tools'?: string
}

/** Measured in code points, as the format does. */
const HEAD: JsonObject = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'description'],
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 64, pattern: '^[a-z0-9]+(-[a-z0-9]+)*$' },
    description: { type: 'string', minLength: 1, maxLength: 1024 },
    license: { type: 'string', maxLength: 500 },
    compatibility: { type: 'string', minLength: 1, maxLength: 500 },
    metadata: { type: 'object', additionalProperties: { type: 'string' } },
    'allowed-tools': { type: 'string', maxLength: 4000 },
  },
}
const FENCE = /^---[ \t]*\r?\n([\s\S]*?)(?:^|\n)---[ \t]*(?:\r?\n|$)/

/** Throws `FILE_INVALID` with every problem. `directory` is named as the skill, unless it is a package's. */
export function readSkill(path: string, pack: PackDocument, directory: string | undefined): Declared<SkillHead> {
  const text = readText(path)
  const head = FENCE.exec(text)?.[1]
  if (head === undefined) throw fileInvalid(path, ':1:1', 'it does not begin with frontmatter between two lines of ---')
  const declared = declaredOf<SkillHead>(path, head, HEAD, 2)
  const problems = skillProblems(declared.value, pack, directory)
  if (problems.length > 0) throw declared.refuse(problems)
  return declared
}

function skillProblems(head: SkillHead, pack: PackDocument, directory: string | undefined): Problem[] {
  const outside = (head['allowed-tools'] ?? '')
    .split(/\s+/)
    .filter((tool) => tool.includes('@') && !pack.allowed_tools.includes(tool))
  return [
    ...(directory !== undefined && basename(directory) !== head.name
      ? [{ at: ['name'], message: `must be "${basename(directory)}", the name of its directory` }]
      : []),
    ...(namesFor(pack.id).includes(head.name)
      ? []
      : [
          {
            at: ['name'],
            message: `must be ${namesFor(pack.id)
              .map((name) => `"${name}"`)
              .join(' or ')}, from the id of its pack`,
          },
        ]),
    ...outside.map((tool) => ({ at: ['allowed-tools'], message: `names ${tool}, which pack.yaml does not allow` })),
  ]
}

/** The names that the skill of a pack may go by: what it is called is then what its publisher may call it. */
export function namesFor(pack: string): readonly string[] {
  const words = pack.split('.')
  return [...new Set([words.slice(1), words].map((some) => some.join('-')).filter((name) => name !== ''))]
}
