import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { builtIns, defaultDistribution } from 'cloned'
import {
  compileSchema,
  createKernel,
  ERRORS,
  type JsonObject,
  KERNEL_HOOKS,
  parseYaml,
  readSchema,
} from 'cloned/kernel'
import { cliSlot } from 'cloned/plugins/cli'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const kernel = createKernel(defaultDistribution())

const pages = ['README.md', ...readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))].map((name) => {
  const path = name === 'README.md' ? name : `docs/${name}`
  return { path, text: readFileSync(join(ROOT, path), 'utf8') }
})

/** Every match of a pattern with one group, as `page: match`. */
function mentions(pattern: RegExp): readonly { readonly at: string; readonly name: string }[] {
  return pages.flatMap(({ path, text }) =>
    [...text.matchAll(pattern)].map(([, name = '']) => ({ at: `${path}: ${name}`, name })),
  )
}

function unknown(pattern: RegExp, known: (name: string) => boolean): readonly string[] {
  const found = mentions(pattern)
  expect(found.length).toBeGreaterThan(0)
  return found.filter(({ name }) => !known(name)).map(({ at }) => at)
}

describe('what hand-written pages name is there', () => {
  it('commands', () => {
    const commands = kernel.service(cliSlot).commands()
    const known = new Set(commands.map(({ item }) => item.name))
    const isKnown = (words: string) => {
      const [first = '', second = ''] = words.split(' ')
      return known.has(first) || known.has(`${first} ${second}`) || /^(?:--version|--help|risks)/.test(words)
    }
    expect(unknown(/(?:^|[`$] |`)(?:npx )?cloned ((?:--)?[a-z][\w-]*(?: [a-z]+)?)/gm, isKnown)).toEqual([])
  })

  it('error codes', () => {
    const others = /^(?:ACME_.*|HTTPS_PROXY|LD_PRELOAD|CLONED_TOKEN)$/
    const isKnown = (code: string) => Object.hasOwn(ERRORS, code) || others.test(code)
    expect(unknown(/`([A-Z]{2,}(?:_[A-Z]+)+)`/g, isKnown)).toEqual([])
  })

  it('tools', () => {
    const tools = new Set(kernel.tools().map(({ id }) => id))
    expect(unknown(/\b(cloned\.internal\.[\w.]+@v\d+)/g, (id) => tools.has(id))).toEqual([])
  })

  it('built-in plugins and slots', () => {
    const { owners, collections } = kernel.plan()
    const ids = new Set([...builtIns.map(({ manifest }) => manifest.id), ...Object.keys({ ...owners, ...collections })])
    expect(unknown(/`(cloned\.[a-z-]+)`/g, (id) => ids.has(id))).toEqual([])
  })

  it('hooks', () => {
    const hooks = new Set(KERNEL_HOOKS.map(({ id }) => id))
    expect(unknown(/`((?:prepare|before|reserve|filter|after)[A-Z]\w+)`/g, (id) => hooks.has(id))).toEqual([])
  })

  it('schemas and examples', () => {
    const known = (path: string) => path.includes('NAME') || existsSync(join(ROOT, path))
    expect(unknown(/`((?:schemas|examples|plugins)\/[\w./-]+)`/g, known)).toEqual([])
  })

  it('files shown as YAML or as a line of the log fit their schemas', () => {
    const shown = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/^```(?:yaml|json)\n([\s\S]*?)^```$/gm)].map(([, block = '']) => ({ path, block })),
    )
    const problems = shown.flatMap(({ path, block }) => {
      const value = parseYaml(block, { path }) as JsonObject
      const name = schemaOf(value)
      return name === undefined
        ? []
        : compileSchema(readSchema(name))(value).map((problem) => ({ page: path, ...problem }))
    })
    expect(shown.length).toBeGreaterThan(4)
    expect(problems).toEqual([])
  })
})

function schemaOf(value: JsonObject): string | undefined {
  if ('prev' in value) return 'audit_entry'
  if ('steps' in value) return 'pipeline'
  if ('format' in value) return 'skill_pack'
  if ('pack' in value) return 'policy_pack'
  return 'type' in value ? 'workspace.config' : undefined
}
