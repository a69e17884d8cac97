import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

interface Block {
  /** `docs/kernel.md:12` */
  readonly at: string
  /** A virtual file inside the package, so that `cloned/kernel` resolves as it does for its own sources. */
  readonly path: string
  readonly text: string
}

function markdownFiles(): readonly string[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  return ['README.md', ...docs.filter((name) => name.endsWith('.md')).map((name) => join('docs', name))]
}

function blocksOf(file: string): readonly Block[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return [...text.matchAll(/^```(?:ts|typescript)\n([\s\S]*?)^```$/gm)].map((match, i) => ({
    at: `${file}:${text.slice(0, match.index).split('\n').length}`,
    path: join(ROOT, 'docs', `${file.replaceAll(/[^a-z]/gi, '_')}_${i}.ts`),
    // Every block is a module of its own, whether it imports something or not.
    text: `${match[1] ?? ''}\nexport {}\n`,
  }))
}

function compile(blocks: readonly Block[]): readonly string[] {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT)
  const virtual = new Map(blocks.map((block) => [block.path, block]))
  const host = ts.createCompilerHost({ ...options, noEmit: true })
  const { readFile, fileExists } = host
  host.readFile = (path) => virtual.get(path)?.text ?? readFile(path)
  host.fileExists = (path) => virtual.has(path) || fileExists(path)
  const program = ts.createProgram([...virtual.keys()], { ...options, noEmit: true, noUnusedLocals: false }, host)
  return ts.getPreEmitDiagnostics(program).flatMap((problem) => {
    const block = virtual.get(problem.file?.fileName ?? '')
    const text = ts.flattenDiagnosticMessageText(problem.messageText, ' ')
    return block ? [`${block.at}: ${text}`] : []
  })
}

describe('code in the docs', () => {
  const blocks = markdownFiles().flatMap(blocksOf)

  it('there is some', () => {
    expect(blocks.length).toBeGreaterThan(3)
  })

  it('every TypeScript block compiles against the public entry points', { timeout: 60_000 }, () => {
    expect(compile(blocks)).toEqual([])
    expect(relative(ROOT, blocks[0]?.path ?? '')).not.toMatch(/^\.\./)
  })
})
