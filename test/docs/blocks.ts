// Finds the code blocks of the README and the docs; runs none of them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export interface Block {
  /** `docs/kernel.md:12` */
  readonly at: string
  /** A virtual file inside the package, so that `cloned/kernel` resolves as it does for its own sources. */
  readonly path: string
  readonly text: string
  /** TypeScript; the others are JavaScript and only run. */
  readonly typed: boolean
  /** Marked `run`: it also runs, in a fresh workspace that is the current directory. */
  readonly runs: boolean
}

function markdownFiles(): readonly string[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  return ['README.md', ...docs.filter((name) => name.endsWith('.md')).map((name) => join('docs', name))]
}

function blocksOf(file: string): readonly Block[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return [...text.matchAll(/^```(ts|js)( run)?\n([\s\S]*?)^```$/gm)].map((match, i) => ({
    at: `${file}:${text.slice(0, match.index).split('\n').length}`,
    path: join(ROOT, 'docs', `${file.replaceAll(/[^a-z]/gi, '_')}_${i}.ts`),
    // Every block is a module of its own, whether it imports something or not.
    text: `${match[3] ?? ''}\nexport {}\n`,
    typed: match[1] === 'ts',
    runs: match[2] !== undefined,
  }))
}

/** Every TypeScript and JavaScript block. */
export const blocks: readonly Block[] = markdownFiles().flatMap(blocksOf)
