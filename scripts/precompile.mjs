// Compiles the schemas that a start needs to code, so that no start has to; each is found by its digest and nothing else.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

// What an earlier run compiled would not be compiled again.
copyFileSync('kernel/precompiled.cjs', 'dist/kernel/precompiled.cjs')
const require = createRequire(import.meta.url)
const { Ajv2020 } = require('ajv/dist/2020.js')
const { default: standalone } = require('ajv/dist/standalone/index.js')
const load = (path) => import(pathToFileURL(join(process.cwd(), 'dist', path)).href)
const [{ compileSchema, digest }, { createEngine, NAMED }, { freshSteps }, { initWorkspace, open }] = await Promise.all(
  ['kernel/index.js', 'kernel/engine.js', 'kernel/steps.js', 'plugins/default.js'].map(load),
)

const met = await schemasOfAStart()
const tables = [false, true].map((defaults) => {
  const engine = createEngine({ defaults, source: true })
  freshSteps(Number.MAX_SAFE_INTEGER)
  const digests = [...met.get(defaults).keys()].sort()
  for (const key of digests) engine.addSchema(met.get(defaults).get(key), key)
  const names = Object.fromEntries(digests.map((key) => [key, key]))
  return `${defaults}: (() => { const exports = {}; ${standalone(engine, names)}; return exports })(),`
})
const { outputFiles } = await build({
  stdin: {
    contents: `module.exports = ({ ${Object.keys(NAMED).join(', ')} }) => ({${tables.join('\n')}})`,
    resolveDir: process.cwd(),
  },
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20.19',
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  write: false,
})
writeFileSync('dist/kernel/precompiled.cjs', outputFiles[0].contents)

/** What is compiled while a new workspace is opened, and what its tools need later: digest → schema, by `defaults`. */
async function schemasOfAStart() {
  const found = new Map([
    [false, new Map()],
    [true, new Map()],
  ])
  const { compile } = Ajv2020.prototype
  Ajv2020.prototype.compile = function (schema, ...rest) {
    found.get(this.opts.useDefaults === true).set(digest(schema), schema)
    return compile.call(this, schema, ...rest)
  }
  const place = mkdtempSync(join(tmpdir(), 'cloned-precompile-'))
  try {
    initWorkspace(place, { type: 'personal' })
    // The second start reads what the first one wrote.
    for (let starts = 0; starts < 2; starts++) {
      const kernel = await open({ root: place, config: { 'cloned.keys': { home: join(place, 'keys') } } })
      for (const { input, output } of kernel.tools()) for (const schema of [input, output]) compileSchema(schema)
      const { status } = await kernel.call({ tool: 'cloned.internal.fs.list@v1', input: { path: '.' } })
      if (status !== 'done') throw new Error(`the call of a start is ${status}`)
      await kernel.stop()
    }
    return found
  } finally {
    Ajv2020.prototype.compile = compile
    rmSync(place, { recursive: true, force: true })
  }
}
