// What somebody who makes a connector types wrong, and what they are told: the one thing that is wrong, and what to type next.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { initWorkspace } from 'cloned/plugins/workspace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultDistribution } from '../../plugins/default.js'
import { runIn } from './cli-fixture.js'
import { canConfine, NO_SANDBOX } from './connectors-fixture.js'

const distribution = defaultDistribution()
const root = realpathSync(mkdtempSync(join(tmpdir(), 'cloned-mistakes-')))
const run = (line: string) => runIn(distribution, root, line.split(' '))

function source(name: string, files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    const path = join(root, name, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
}

const served = (code: string) => ({
  'package.json': '{"type":"module","cloned":{"connector":"serve.js"}}',
  'serve.js': code,
})

beforeAll(() => {
  initWorkspace(root, { type: 'personal', now: Date.now })
  mkdirSync(join(root, 'empty'))
  source('made', served(''))
  source('list', { 'connector.json': '{"tools":{}}' })
  source('paths', { 'connector.json': '{"tools":[],"include":"words.py"}' })
  source('nothing', { 'connector.json': '{"tools":[null]}' })
  source('text', { 'connector.json': '{"tools":' })
  source('thin', { 'connector.json': '{"tools":[{}]}' })
  source('above', { 'package.json': '{"cloned":{"connector":"../serve.js"}}' })
  writeFileSync(join(root, 'notes.tgz'), 'not an archive')
  writeFileSync(join(root, 'acme.pem'), '-----BEGIN PRIVATE KEY-----\n')
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

it.each([
  ['connectors init', 2, /missing <directory>/],
  ['connectors init new', 2, /--id is missing/],
  ['connectors init new --id Acme.Weather', 2, /lower case, not "Acme.Weather"/],
  ['connectors init new --id weather', 2, /a namespace and a name/],
  ['connectors init made --id acme.made', 2, /made exists already/],
  ['connectors key new.pem', 2, /--publisher is missing/],
  ['connectors key new.pem --publisher Acme', 2, /"Acme" is no id/],
  ['connectors key new.pem --publisher acme --namespace acme,Labs', 2, /"Labs" is no id/],
  ['connectors key new.pem --into gone.json', 2, /there is no file .*gone\.json/],
  ['connectors dev gone --once', 2, /there is no directory .*gone/],
  ['trust add acme.pem', 5, /it is a key, not the document/],
  ['connectors pack gone', 2, /there is no directory .*gone/],
  ['connectors pack empty', 2, /CONNECTOR_SOURCE.*no connector\.json[\s\S]*cloned connectors init/],
  ['connectors pack above', 2, /CONNECTOR_SOURCE.*not the path of a file beside it/],
  ['connectors pack list', 5, /its tools are not a list of objects/],
  ['connectors pack nothing', 5, /its tools are not a list of objects/],
  ['connectors pack paths', 5, /its include is not a list of paths/],
  ['connectors pack text', 6, /FILE_INVALID.*connector\.json/],
  ['connectors pack thin', 5, /\/id is missing; \/version is missing/],
  ['connectors sign gone.tgz --key new.pem', 5, /there is no file .*gone\.tgz/],
  ['connectors sign notes.tgz --key new.pem', 5, /cannot be expanded/],
  ['connectors verify gone.tgz', 5, /there is no file .*gone\.tgz/],
  ['connectors show acme.gone', 1, /"acme\.gone" is not installed here[\s\S]*cloned connectors list/],
])('cloned %s: exit %i, told in words', async (line, exit, told) => {
  const { code, err, out } = await run(line)
  expect([code, err, out]).toEqual([exit, expect.stringMatching(told), ''])
})

describe.skipIf(!canConfine)(`code that does not say what it is (skipped only where ${NO_SANDBOX})`, () => {
  it.each([
    ['ends', '', /it ended with code 0/],
    ['throws', 'throw new Error("boom")', /boom/],
    ['prints', 'console.log("hello")\nsetInterval(() => {}, 1000)', /no message of JSON-RPC/],
    ['has a syntax error', 'const = 1', /SyntaxError/],
    [
      'has a tool of another namespace',
      `import { defineConnector, defineTool, serve } from 'cloned/connector'
serve(defineConnector({ id: 'a.b', tools: [defineTool({ id: 'c.d', version: 1, run: () => ({}) })] }))`,
      /the tool c\.d@v1 is not named a\.b, a dot and one word/,
    ],
  ])('is not packed when it %s, and its own words are passed on', async (name, code, told) => {
    const directory = name.replaceAll(' ', '-')
    source(directory, served(code))
    const { code: exit, err } = await run(`connectors pack ${directory}`)
    expect([exit, err]).toEqual([1, expect.stringMatching(told)])
    expect(err).toContain('CONNECTOR_DESCRIBE')
  })
})
