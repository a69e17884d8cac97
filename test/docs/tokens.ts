// Finds every token that the package exports, with the name and the entry point that it is exported by; words none of them.
import { existsSync } from 'node:fs'
import { builtIns } from 'cloned'
import * as kernelExports from 'cloned/kernel'

/** What tokens of slots, collections and hooks have in common, and kinds of action too. */
export interface Token {
  readonly kind?: string
  readonly id: string
  readonly contract: number
  readonly previous?: object
  readonly deprecated?: string
}

export interface Exported {
  readonly name: string
  readonly from: string
  readonly token: Token
}

/** Each token once, in the order of the entry points. */
export async function exportedTokens(): Promise<readonly Exported[]> {
  const found = new Map<Token, Exported>()
  const add = (exports: object, from: string) => {
    for (const [name, value] of Object.entries(exports)) {
      if (isToken(value) && !found.has(value)) found.set(value, { name, from, token: value })
    }
  }
  add(kernelExports, 'cloned/kernel')
  for (const { manifest } of builtIns) {
    const name = manifest.id.replace('cloned.', '')
    // A plugin that names nothing has no slot.ts.
    if (!existsSync(new URL(`../../plugins/${name}/slot.ts`, import.meta.url))) continue
    // Tokens of other plugins that it exports again are found under their own.
    add(await import(`../../plugins/${name}/slot.ts`), `cloned/plugins/${name}`)
    add(kindsIn(await import(`../../plugins/${name}/index.ts`)), `cloned/plugins/${name}`)
  }
  return [...found.values()]
}

/** Kinds of action stand beside who executes them. */
function kindsIn(exports: object): object {
  return Object.fromEntries(Object.entries(exports).filter(([, value]) => isToken(value) && value.kind === undefined))
}

function isToken(value: unknown): value is Token {
  if (typeof value !== 'object' || value === null) return false
  const { id, contract } = value as Partial<Token>
  return typeof id === 'string' && typeof contract === 'number'
}

/** What a person calls it. */
export function sortOf({ kind }: Token): string {
  if (kind === undefined) return 'action'
  return kind === 'slot' || kind === 'collection' ? kind : 'hook'
}
