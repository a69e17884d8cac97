import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { builtIns, initWorkspace } from 'cloned'
import { type Json, type Plugin, requirement } from 'cloned/kernel'
import { type PluginSetting, pluginContract } from 'cloned/testing'
import ts from 'typescript'
import { describe, expect, it, vi } from 'vitest'
import { type Block, blocks, ROOT } from './blocks.js'

function compile(blocks: readonly Block[]): readonly string[] {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT)
  const virtual = new Map(blocks.map((block) => [block.path, block]))
  const host = ts.createCompilerHost({ ...options, noEmit: true })
  const { readFile, fileExists } = host
  host.readFile = (path) => virtual.get(path)?.text ?? readFile(path)
  host.fileExists = (path) => virtual.has(path) || fileExists(path)
  const program = ts.createProgram([...virtual.keys()], { ...options, noEmit: true, noUnusedLocals: false }, host)
  // Of the blocks alone: that the sources compile is checked elsewhere, and takes its time.
  const problems = [...virtual.keys()].flatMap((path) => {
    const file = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
  })
  return problems.map((problem) => {
    const block = virtual.get(problem.file?.fileName ?? '')
    return `${block?.at}: ${ts.flattenDiagnosticMessageText(problem.messageText, ' ')}`
  })
}

describe('code in the docs', () => {
  it('there is some', () => {
    expect(blocks.length).toBeGreaterThan(3)
  })

  it('every TypeScript block compiles against the public entry points', { timeout: 60_000 }, () => {
    expect(compile(blocks.filter(({ typed }) => typed))).toEqual([])
    expect(relative(ROOT, blocks[0]?.path ?? '')).not.toMatch(/^\.\./)
  })

  const running = blocks.filter(({ runs }) => runs)

  it('some of it runs', () => {
    expect(running.length).toBeGreaterThan(2)
  })

  for (const block of running) {
    it(`the block at ${block.at} runs to its end`, async () => {
      await expect(runInWorkspace(block)).resolves.toBeUndefined()
    })
  }
})

describe('plugins in the docs', () => {
  const shown = blocks.filter(({ runs, text }) => !runs && /export (?:const \w+ =|default) definePlugin\(/.test(text))

  it('there are many', () => {
    expect(shown.length).toBeGreaterThan(10)
  })

  for (const block of shown) {
    it(`those of the block at ${block.at} keep the contract of plugins`, async () => {
      const plugins = Object.values(await load(block)).filter(isPlugin)
      expect(plugins).not.toHaveLength(0)
      for (const plugin of plugins) {
        const config = CONFIGS[plugin.manifest.id]
        const needs = withOwners(plugins).filter((other) => other !== plugin)
        const wrap = Object.fromEntries(
          Object.values(plugin.manifest.wraps).map(({ id }) => [id, [plugin.manifest.id]] as const),
        )
        const setting = () => newSetting(needs)
        const options = { needs, setting, distribution: { wrap }, ...(config ? { config } : {}) }
        for (const { run } of pluginContract(plugin, options)) await run()
      }
    })
  }
})

/** For plugins that do not do without. */
const CONFIGS: Readonly<Record<string, Json>> = { 'acme.at-once': { limit: 2 } }

/** The plugins and the built-ins that own the slots which they, and those built-ins, cannot do without. */
function withOwners(plugins: readonly Plugin[]): readonly Plugin[] {
  const all = new Set(plugins)
  const ownerOf = (slot: string, among: Iterable<Plugin>) =>
    [...among].find(({ manifest }) => Object.values(manifest.provides).some(({ id }) => id === slot))
  // A set's iteration goes on to what is added meanwhile.
  for (const { manifest } of all) {
    for (const need of [...Object.values(manifest.requires), ...Object.values(manifest.wraps)].map(requirement)) {
      const owner = need.optional || ownerOf(need.slot.id, all) ? undefined : ownerOf(need.slot.id, builtIns)
      if (owner) all.add(owner)
    }
  }
  return [...all]
}

/** A fresh workspace, with its keys beside it, for the built-ins that want one. */
function newSetting(plugins: readonly Plugin[]): PluginSetting {
  const folder = mkdtempSync(join(tmpdir(), 'cloned-docs-'))
  const places = {
    'cloned.workspace': { root: join(folder, 'project') },
    'cloned.keys': { home: join(folder, 'home') },
  }
  initWorkspace(places['cloned.workspace'].root, { type: 'personal', now: Date.now })
  const present = new Set(plugins.map(({ manifest }) => manifest.id))
  const config = Object.fromEntries(Object.entries(places).filter(([id]) => present.has(id)))
  return { config, dispose: () => rmSync(folder, { recursive: true, force: true }) }
}

function isPlugin(value: unknown): value is Plugin {
  return (value as Partial<Plugin> | undefined)?.tag === 'cloned.plugin'
}

async function load({ text }: Block): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'cloned-docs-'))
  try {
    writeFileSync(join(folder, 'block.ts'), text)
    return (await import(pathToFileURL(join(folder, 'block.ts')).href)) as object
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function runInWorkspace({ text }: Block): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'cloned-docs-'))
  const before = process.cwd()
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {})
  try {
    initWorkspace(root, { type: 'personal', now: Date.now })
    mkdirSync(join(root, 'docs'))
    cpSync(join(ROOT, 'docs', 'index.md'), join(root, 'docs', 'index.md'))
    writeFileSync(join(root, 'block.ts'), text)
    process.chdir(root)
    await import(pathToFileURL(join(root, 'block.ts')).href)
  } finally {
    process.chdir(before)
    printed.mockRestore()
    rmSync(root, { recursive: true, force: true })
  }
}
