import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createPrivateFile,
  parseYaml,
  readJson,
  readSchema,
  readYaml,
  schemaFile,
  writeFileAtomic,
} from 'cloned/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { temporary } from '../plugins/store-fixture.js'

const schema = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: { name: { type: 'string' }, count: { type: 'integer' } },
} as const

const refusal = (line: string, problem: RegExp) =>
  expect.objectContaining({
    code: 'FILE_INVALID',
    exit: 6,
    params: expect.objectContaining({ line, problem: expect.stringMatching(problem) }),
  })

describe('YAML files', () => {
  it.each([
    ['a: 1\nb: [', ':2', /./],
    ['a: 1\nb: 2\na: 3\n', ':3', /unique/i],
    ['a: !!js/function "x"', ':1', /tag/i],
    ['a: !custom x', ':1', /tag/i],
    ['--- 1\n--- 2\n', ':2', /document/i],
    ['name: x\ncount: many\n', ':2', /must be integer/],
    ['name: x\nother: 1\n', ':2', /not a known key/],
    ['name: x\nother:\n  deep: 1\n', ':2', /not a known key/],
    ['name: x\none: 1\n\ntwo:\n  - 1\n', ':2', /^\/one is not a known key; line 4: \/two is not a known key$/],
    ['count: 1\n', ':1', /name is missing/],
    ['name: .nan\n', '', /NaN/],
    ['__proto__: 1\nname: x\n', '', /__proto__/],
  ])('refuses %j at its line', (text, line, problem) => {
    expect(() => parseYaml(text, { path: 'a.yaml', schema })).toThrow(refusal(line, problem))
  })

  it('refuses what would grow without end', () => {
    const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\n${[...'bcdefghi'].map((k, i) => `${k}: &${k} [${`*${'abcdefgh'[i]}, `.repeat(9)}x]\n`).join('')}`
    expect(() => parseYaml(bomb, { path: 'a.yaml' })).toThrow(refusal('', /./))
    const aliases = `a: &a 1\nb: [${'*a, '.repeat(101)}]\n`
    expect(() => parseYaml(aliases, { path: 'a.yaml' })).toThrow(refusal(':2', /100 aliases/))
    expect(() => parseYaml(`a: ${'x'.repeat(1024 * 1024)}`, { path: 'a.yaml' })).toThrow(refusal('', /1 MB/))
    expect(() => parseYaml(`${'['.repeat(65)}${']'.repeat(65)}`, { path: 'a.yaml' })).toThrow(refusal('', /levels/))
  })

  it('never answers anything but frozen JSON or a refusal, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab:-[]{}&*!|>\n "\'#%@`,?0.') }), (text) => {
        try {
          const value = parseYaml(text, { path: 'a.yaml' })
          expect(JSON.stringify(value)).toBeTypeOf('string')
          expect(Object.isFrozen(value)).toBe(true)
        } catch (error) {
          expect(error).toMatchObject({ code: 'FILE_INVALID' })
        }
      }),
    )
  })
})

describe('files', () => {
  it('are refused before they are read when they are too large, no regular file, or no text', () => {
    const directory = temporary()
    const at = (name: string) => join(directory, name)
    writeFileSync(at('big.json'), `"${'x'.repeat(1024 * 1024)}"`)
    writeFileSync(at('latin1.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe9]))
    for (const read of [readJson, readYaml]) {
      expect(() => read(at('big.json'))).toThrow(refusal('', /1 MB/))
      expect(() => read(directory)).toThrow(refusal('', /regular/))
      expect(() => read('/dev/zero')).toThrow(refusal('', /regular/))
      expect(() => read(at('latin1.yaml'))).toThrow(refusal('', /UTF-8/))
      expect(() => read(at('missing'))).toThrow(expect.objectContaining({ code: 'ENOENT' }))
    }
    execFileSync('mkfifo', [at('pipe')])
    expect(() => readYaml(at('pipe'))).toThrow(refusal('', /regular/))
  })

  it('in JSON are checked like those in YAML', () => {
    const path = join(temporary(), 'a.json')
    writeFileSync(path, '{"name": 1, "more": 2}')
    expect(() => readJson(path, schema)).toThrow(
      refusal('', /\/name must be string.*\/more is not a known key|more.*name/),
    )
    writeFileSync(path, '{"name": ')
    expect(() => readJson(path)).toThrow(refusal('', /./))
  })

  it('are replaced whole, for their owner alone, and leave no temporary file', () => {
    const directory = temporary()
    const path = join(directory, 'a')
    const before = process.umask(0)
    try {
      writeFileAtomic(path, 'one')
      writeFileAtomic(path, new TextEncoder().encode('two'))
    } finally {
      process.umask(before)
    }
    expect(readFileSync(path, 'utf8')).toBe('two')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(() => writeFileAtomic(directory, 'x')).toThrow()
    expect(readdirSync(directory)).toEqual(['a'])
  })

  it('that are private are made once and never emptied', () => {
    const directory = temporary()
    const path = join(directory, 'a')
    createPrivateFile(path)
    writeFileSync(path, 'content')
    createPrivateFile(path)
    expect(readFileSync(path, 'utf8')).toBe('content')
    expect(readdirSync(directory)).toEqual(['a'])
  })
})

describe('published schemas', () => {
  it('are found from the sources', () => {
    expect(statSync(schemaFile('workspace.config')).isFile()).toBe(true)
    expect(readSchema('workspace.config')['$id']).toMatch(/\/\d+\.\d+\.\d+\.json$/)
    expect(() => readSchema('no.such')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
  })
})
