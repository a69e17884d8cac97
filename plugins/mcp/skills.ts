// Serves skill packs through the skills extension, each file with its digest; it serves texts and runs nothing.
import { createHash } from 'node:crypto'
import type { JsonObject } from 'cloned/kernel'
import type { Pipeline, Skills } from '../skills/slot.js'
import type { Handlers } from './caller.js'
import { CODES, RpcError, textIn } from './rpc.js'

interface Skill {
  readonly uri: string
  readonly frontmatter: { readonly name: string; readonly description: string }
  readonly text: string
}

const DIRECTORY = 'inode/directory'

export class SkillTexts {
  readonly #skills: Skills

  constructor(skills: Skills) {
    this.#skills = skills
  }

  handlers(): Handlers {
    return {
      'skills/list': async () => ({ skills: (await this.#all()).map(entryOf) }),
      'skills/get': async (params) => ({ skill: entryOf(await this.#skill(textIn(params, 'uri'))) }),
      'resources/directory/read': async (params) => {
        const uri = textIn(params, 'uri').replace(/\/$/, '')
        const skills = await this.#all()
        const inside =
          uri === 'skill:/' || uri === 'skill:'
            ? skills.map(({ frontmatter: { name } }) => ({ uri: `skill://${name}`, name, mimeType: DIRECTORY }))
            : skills.filter((skill) => skill.uri === `${uri}/SKILL.md`).map(resourceOf)
        if (inside.length === 0) throw new RpcError(CODES.invalidParams, 'There is no such directory', { uri })
        return { resources: inside }
      },
    }
  }

  /** As resources, for `resources/list`. */
  async resources(): Promise<readonly JsonObject[]> {
    return (await this.#all()).map(resourceOf)
  }

  /** The content of a skill's file; `undefined` for what is none. */
  async read(uri: string): Promise<JsonObject | undefined> {
    if (!uri.startsWith('skill://')) return undefined
    const found = (await this.#all()).find((skill) => skill.uri === uri)
    return found && { contents: [{ uri, mimeType: 'text/markdown', text: found.text }] }
  }

  async #skill(uri: string): Promise<Skill> {
    const found = (await this.#all()).find((skill) => skill.uri === uri)
    if (!found) throw new RpcError(CODES.invalidParams, 'There is no such skill', { uri })
    return found
  }

  async #all(): Promise<readonly Skill[]> {
    const packs = new Map<string, Pipeline[]>()
    for (const pipeline of await this.#skills.pipelines()) {
      packs.set(pipeline.pack, [...(packs.get(pipeline.pack) ?? []), pipeline])
    }
    return [...packs].map(([pack, pipelines]) => skillOf(pack, pipelines))
  }
}

function skillOf(pack: string, pipelines: readonly Pipeline[]): Skill {
  const name = pack
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 64)
  const description = pipelines
    .map(({ description: text }) => text)
    .join(' ')
    .slice(0, 1024)
  const parts = pipelines.map(
    ({ id, title, description: text, inputs, allowedTools }) =>
      `## ${title}\n\n${text}\n\nPipeline \`${id}\`. Tools: ${allowedTools.map((tool) => `\`${tool}\``).join(', ')}.\n\n` +
      `Inputs:\n\n\`\`\`json\n${JSON.stringify(inputs, null, 2)}\n\`\`\`\n`,
  )
  const head = `---\nname: ${name}\ndescription: ${JSON.stringify(description)}\n---\n\n`
  return {
    uri: `skill://${name}/SKILL.md`,
    frontmatter: { name, description },
    text: `${head}# ${pack}\n\n${parts.join('\n')}`,
  }
}

function entryOf({ uri, frontmatter, text }: Skill): JsonObject {
  const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
  return { uri, frontmatter, resources: [{ uri, digest, size: Buffer.byteLength(text) }] }
}

function resourceOf({ uri, frontmatter: { name, description }, text }: Skill): JsonObject {
  return { uri, name, description, mimeType: 'text/markdown', size: Buffer.byteLength(text) }
}
