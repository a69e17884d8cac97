// Takes what a distribution leaves out from a module that lists plugins; an import that it does not understand stays.
import type { Plugin } from 'cloned/kernel'

const IMPORT_OF_ONE = /^import \{ (\w+) \} from (['"])([^'"]+)\2;?$/gm
const HELPERS = "import { definePlugin as __clonedPlugin, slot as __clonedSlot } from 'cloned/kernel'\n"

/**
 * The text of a module with the name of each such plugin in the place of its import: it can be left out and replaced as
 * before, and not be set up. `read` answers the text of the module that an import names.
 */
export async function withoutLeftOut(
  text: string,
  leftOut: readonly Plugin[],
  read: (specifier: string) => Promise<string | undefined>,
): Promise<string> {
  const named = new Map<string, string>()
  for (const [whole, local = '', , specifier = ''] of text.matchAll(IMPORT_OF_ONE)) {
    const id = idOf(local, (await read(specifier)) ?? '')
    const plugin = leftOut.find(({ manifest }) => manifest.id === id)
    if (plugin) named.set(whole, `const ${local} = ${nameOnly(plugin)}`)
  }
  if (named.size === 0) return text
  return HELPERS + text.replaceAll(IMPORT_OF_ONE, (whole) => named.get(whole) ?? whole)
}

/** The id of the plugin that a module exports by a name, as it is written there. */
function idOf(name: string, text: string): string | undefined {
  const found = new RegExp(`export const ${name} = definePlugin\\(\\{\\s*id: (?:(['"])([\\w.-]+)\\1|(\\w+))`).exec(text)
  if (!found) return undefined
  const [, , id, constant] = found
  return id ?? new RegExp(`const ${constant} = (['"])([\\w.-]+)\\1`).exec(text)?.[2]
}

/** What the plan of the distribution asks of a plugin that is not in it. */
function nameOnly({ manifest: { id, version, kernel, provides } }: Plugin): string {
  const slots = Object.entries(provides).map(
    ([name, { id, contract }]) =>
      `${JSON.stringify(name)}: __clonedSlot(${JSON.stringify(id)}, { contract: ${contract} })`,
  )
  const said = JSON.stringify(`plugin ${id} is not part of this build`)
  const fields = Object.entries({ id, version, kernel }).map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
  return `__clonedPlugin({ ${fields.join(', ')}, provides: { ${slots.join(', ')} }, setup() { throw new Error(${said}) } });`
}
