// Writes the source of a new connector: the smallest one that packs, with a test; must never write over a file.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './program.js'

/** Writes into a directory that does not exist, and answers the names of the files. */
export function scaffold(directory: string, id: string): readonly string[] {
  const files = {
    'package.json': packageJson(id),
    'connector.js': connector(id),
    'serve.js': SERVE,
    'connector.test.js': test(id),
    '.gitignore': 'node_modules/\n*.tgz\n*.pem\n',
  }
  mkdirSync(join(directory, 'node_modules'), { recursive: true })
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content, { flag: 'wx' })
  // Tests and editors find the SDK without an installation; a host brings its own.
  symlinkSync(packageRoot(), join(directory, 'node_modules', 'cloned'), 'junction')
  return Object.keys(files)
}

function packageJson(id: string): string {
  const value = {
    name: id.replace('.', '-'),
    version: '0.1.0',
    private: true,
    type: 'module',
    scripts: { test: 'node --test' },
    cloned: { connector: 'serve.js', include: ['package.json', 'connector.js', 'serve.js'] },
  }
  return `${JSON.stringify(value, null, 2)}\n`
}

const SERVE = `import { serve } from 'cloned/connector'
import { connector } from './connector.js'

serve(connector)
`

function connector(id: string): string {
  const publisher = id.split('.')[0]
  return `// @ts-check
import { defineConnector, defineTool } from 'cloned/connector'

const greet = defineTool({
  id: '${id}.greet',
  version: 1,
  title: 'Greet somebody',
  description: 'Answers with a greeting.',
  input: {
    type: 'object',
    properties: { name: { type: 'string', maxLength: 100 } },
    required: ['name'],
    additionalProperties: false,
  },
  output: {
    type: 'object',
    properties: { text: { type: 'string' } },
    required: ['text'],
    additionalProperties: false,
  },
  risk: 'low',
  capability: 'text.write',
  idempotent: true,
  run: ({ name }) => ({ text: \`Hello, \${name}.\` }),
})

export const connector = defineConnector({
  id: '${id}',
  version: '0.1.0',
  publisher: '${publisher}',
  title: '${id}',
  description: 'Greets people.',
  tools: [greet],
})
`
}

function test(id: string): string {
  return `import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runTool } from 'cloned/connector/testing'
import { connector } from './connector.js'

test('greets', async () => {
  const { output, requests } = await runTool(connector, '${id}.greet@v1', { name: 'Ada' })
  assert.deepEqual(output, { text: 'Hello, Ada.' })
  assert.deepEqual(requests, [])
})
`
}
