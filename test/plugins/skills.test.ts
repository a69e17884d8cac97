// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the templates of pipelines are spelled like those of JavaScript
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ClonedError } from 'cloned/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Holds } from '../../plugins/skills/holds.js'
import { createSkills } from '../../plugins/skills/skills.js'

const PACK = `format: 1
id: acme.report
version: 1.2.3
title: Report
description: Reports.
allowed_tools: [acme.files.list@v1, acme.files.read@v1]
`
const PIPELINE = `format: 1
id: acme.report
title: Report
description: Lists and reads.
inputs:
  type: object
  required: [dir]
  properties: { dir: { type: string } }
  additionalProperties: false
allowed_tools: [acme.files.list@v1, acme.files.read@v1, acme.files.other@v1]
steps:
  - id: scan
    tool: acme.files.list@v1
    input: { path: "\${{ inputs.dir }}" }
  - id: read
    tool: acme.files.read@v1
    input:
      path: "\${{ steps.scan.output.files[0] }}"
`

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cloned-skills-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function put(path: string, text: string): string {
  const full = join(root, path)
  mkdirSync(dirname(full), { recursive: true })
  writeFileSync(full, text)
  return full
}

function skills(...directories: string[]) {
  return createSkills({
    plugins: () => directories.map((name) => ({ directory: join(root, name) })),
    workspace: () => join(root, 'ws'),
    installed: () => [],
    tools: () => [],
    connectors: () => [],
    holds: new Holds({ root: () => root, now: Date.now }),
  })
}

async function refusal(work: Promise<unknown>): Promise<ClonedError> {
  return work.then(
    () => {
      throw new Error('was not refused')
    },
    (error: ClonedError) => error,
  )
}

describe('reading skill packs', () => {
  it('finds the packs of plugins and of the workspace, sorted by id', async () => {
    put('plugin/pack.yaml', PACK)
    put('plugin/pipelines/report.yaml', PIPELINE)
    put('plugin/pipelines/again.yaml', PIPELINE.replace('id: acme.report', 'id: acme.report/again'))
    put('plugin/pipelines/notes.md', 'ignored')
    put('ws/mine/pack.yaml', PACK.replace('acme.report', 'aaa.mine'))
    put('ws/mine/pipelines/p.yaml', PIPELINE.replace('acme.report', 'aaa.mine'))
    put('ws/README.md', 'not a pack')
    const found = await skills('plugin').pipelines()
    expect(found.map(({ id }) => id)).toEqual(['aaa.mine', 'acme.report', 'acme.report/again'])
    expect(await skills('plugin').pipeline('nobody.knows')).toBeUndefined()
  })

  it('allows what the pack and the pipeline both allow, and answers the last output by default', async () => {
    put('plugin/pack.yaml', PACK)
    put('plugin/pipelines/report.yaml', PIPELINE)
    expect(await skills('plugin').pipeline('acme.report')).toMatchObject({
      pack: 'acme.report',
      packVersion: '1.2.3',
      allowedTools: ['acme.files.list@v1', 'acme.files.read@v1'],
      output: '${{ steps.read.output }}',
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })

  it('changes the digest with any change of meaning, and with nothing else', async () => {
    put('plugin/pack.yaml', PACK)
    const digestOf = async (text: string) => {
      put('plugin/pipelines/report.yaml', text)
      return (await skills('plugin').pipeline('acme.report'))?.digest
    }
    const first = await digestOf(PIPELINE)
    expect(await digestOf(`# a comment\n${PIPELINE}`)).toBe(first)
    expect(await digestOf(PIPELINE.replace('[0]', '[1]'))).not.toBe(first)
  })
})

describe('refusing a pipeline', () => {
  it('names every problem of the file with its line', async () => {
    put('plugin/pack.yaml', PACK)
    const path = put(
      'plugin/pipelines/bad.yaml',
      `format: 1
id: other.pack
title: Bad
description: Everything is wrong.
inputs: { type: object, properties: { dir: { type: string } }, additionalProperties: false }
allowed_tools: [acme.files.list@v1, nonsense, acme.files.other@v1]
steps:
  - id: one
    tool: acme.files.write@v1
    input: { path: "\${{ env.HOME }}" }
  - id: one
    tool: acme.files.other@v1
    input:
      a: "\${{ steps.two.output }}"
      b: "\${{ inputs.nope }}"
      c: "\${{ steps.one.state }}"
      d: "\${{ oops("
  - id: two
    tool: acme.files.list@v1
    input: { x: ["\${{ steps.nobody.output }}"] }
`,
    )
    const error = await refusal(skills('plugin').pipelines())
    expect(error.code).toBe('FILE_INVALID')
    expect(error.message.startsWith(`${path}:2:1: `)).toBe(true)
    const problems = [
      '/id (line 2) must be "acme.report" or start with',
      '/allowed_tools/1 (line 6) "nonsense" is not a full tool id',
      '/steps/0/tool (line 9) "acme.files.write@v1" is not in allowed_tools of the pipeline',
      '/steps/0/input/path (line 10) ${{ env.HOME }}: a template starts with',
      '/steps/1/id (line 11) "one" is the id of an earlier step',
      '/steps/1/tool (line 12) "acme.files.other@v1" is not in allowed_tools of the pack',
      '/steps/1/input/a (line 14) ${{ steps.two.output }}: step "two" has not run by then',
      '/steps/1/input/b (line 15) ${{ inputs.nope }}: the inputs do not declare "nope"',
      '/steps/1/input/c (line 16) ${{ steps.one.state }}: write steps.<id>.output',
      '/steps/1/input/d (line 17) the template',
      '/steps/2/input/x/0 (line 20) ${{ steps.nobody.output }}: there is no step "nobody"',
    ]
    const message = error.message.replaceAll(/, column \d+/g, '')
    for (const problem of problems) expect(message).toContain(problem)
  })

  it.each([
    [
      'an unknown key',
      PIPELINE.replace('title: Report', 'title: Report\nextra: 1'),
      ':4:1: /extra (line 4) is not a known key',
    ],
    [
      'a step without a tool',
      PIPELINE.replace('    tool: acme.files.list@v1\n', ''),
      '/steps/0 (line 12) has none of tool, approval and pipeline',
    ],
    [
      'a key that holds a template',
      PIPELINE.replace('{ path: ', '{ "${{ inputs.dir }}": '),
      'a key cannot hold a template',
    ],
    [
      'inputs that are not an object',
      PIPELINE.replace('  type: object', '  type: array'),
      'must be a schema of type object',
    ],
    [
      'inputs that are not a schema',
      PIPELINE.replace('type: string', 'type: sting'),
      '/inputs (line 5) is not a JSON Schema',
    ],
    ['a later format', PIPELINE.replace('format: 1', 'format: 2'), '/format (line 1)'],
    ['a duplicate key', `${PIPELINE}title: Twice\n`, ':19: '],
    ['broken syntax', `${PIPELINE} bad: [`, ':'],
    ['a custom tag', PIPELINE.replace('title: Report', 'title: !!js/function Report'), ':3: '],
    ['1 MB and more', `${PIPELINE}# ${'x'.repeat(1024 * 1024)}`, '1 MB or larger'],
  ])('%s', async (_, text, expected) => {
    put('plugin/pack.yaml', PACK)
    put('plugin/pipelines/report.yaml', text)
    const error = await refusal(skills('plugin').pipelines())
    expect(error).toMatchObject({ code: 'FILE_INVALID' })
    expect(error.message.replaceAll(/, column \d+/g, '')).toContain(expected)
  })

  it('two pipelines with one id', async () => {
    put('plugin/pack.yaml', PACK)
    put('plugin/pipelines/a.yaml', PIPELINE)
    put('plugin/pipelines/b.yaml', PIPELINE)
    const error = await refusal(skills('plugin').pipelines())
    expect(error.message).toContain('b.yaml:2:1: /id (line 2, column 1) "acme.report" is the id of')
  })

  it('a name that the reader would pass over', async () => {
    put('plugin/pack.yaml', PACK)
    put('plugin/pipelines/a.yml', PIPELINE)
    expect((await refusal(skills('plugin').pipelines())).message).toContain('the name must end in .yaml')
  })
})

describe('refusing a pack', () => {
  it('two packs with one id, naming both', async () => {
    for (const name of ['one', 'two']) put(`${name}/pack.yaml`, PACK)
    expect(await refusal(skills('one', 'two').pipeline('acme.report'))).toMatchObject({
      code: 'SKILL_PACK_DUPLICATE',
      params: { pack: 'acme.report', first: join(root, 'one'), second: join(root, 'two') },
    })
  })

  it('one without pack.yaml', async () => {
    mkdirSync(join(root, 'ws/empty'), { recursive: true })
    expect((await refusal(skills().pipelines())).message).toContain('pack.yaml: the file is missing')
  })

  it.skipIf(process.platform === 'win32')('a pipe in the place of a file, without waiting for a writer', async () => {
    put('plugin/pack.yaml', PACK)
    mkdirSync(join(root, 'plugin/pipelines'))
    execFileSync('mkfifo', [join(root, 'plugin/pipelines/p.yaml')])
    expect((await refusal(skills('plugin').pipelines())).message).toContain('it is not a regular file')
  })

  it('a broken pack hides no pipeline of another, and no missing one', async () => {
    put('good/pack.yaml', PACK)
    put('good/pipelines/p.yaml', PIPELINE)
    put('bad/pack.yaml', 'format: 1')
    expect(await skills('good', 'bad').pipeline('acme.report')).toBeDefined()
    expect(await refusal(skills('good', 'bad').pipeline('acme.other'))).toMatchObject({ code: 'FILE_INVALID' })
    expect(await refusal(skills('good', 'bad').pipelines())).toMatchObject({ code: 'FILE_INVALID' })
  })
})
