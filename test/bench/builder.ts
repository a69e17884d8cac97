// Measures builds and the command: what the minimal one costs over bare node, and what bundling saves of a start.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { interleave, type Row, ratio, us } from './harness.js'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const BIN = join(ROOT, 'dist/plugins/bin.js')
const DEFAULT = `import { defaultDistribution } from 'cloned'\nexport default defaultDistribution()\n`
/** The command line from the modules of the package, one by one. */
const LOOSE = `import { defaultDistribution } from 'cloned'
import { main } from 'cloned/plugins/cli'
await main(defaultDistribution(), process.argv.slice(2))
`

export async function builderBench(): Promise<Row[]> {
  const place = mkdtempSync(join(tmpdir(), 'cloned-bench-build-'))
  try {
    mkdirSync(join(place, 'node_modules'))
    symlinkSync(ROOT, join(place, 'node_modules/cloned'))
    writeFileSync(join(place, 'package.json'), '{"name":"bench","version":"1.0.0","type":"module"}')
    writeFileSync(join(place, 'default.js'), DEFAULT)
    writeFileSync(join(place, 'loose.js'), LOOSE)
    cpSync(join(ROOT, 'examples/distributions/minimal/distribution.ts'), join(place, 'minimal.ts'))
    await built(place, 'default.js', 'full')
    rmSync(join(place, 'cloned.lock.json'))
    await built(place, 'minimal.ts', 'minimal')
    return [...(await minimalRows(place)), ...(await startRows(place))]
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

function built(cwd: string, file: string, out: string) {
  return run(process.execPath, [BIN, 'build', file, '--out', out], { cwd })
}

async function minimalRows(place: string): Promise<Row[]> {
  const url = JSON.stringify(pathToFileURL(join(place, 'minimal/index.js')).href)
  // What the importing process itself sees: starting Node is no part of it.
  const script = (code: string) => ['--input-type=module', '-e', `${code}\nconsole.log(process.memoryUsage().rss)`]
  const [bare, library] = [script(''), script(`await import(${url})`)]
  const medians = await interleave(
    [
      { name: 'bare', run: repeat(bare) },
      { name: 'library', run: repeat(library) },
    ],
    1,
    15,
  )
  const [before = Number.NaN, after = Number.NaN] = ['bare', 'library'].map((name) => medians.get(name))
  const [empty, full] = await Promise.all(
    [bare, library].map(async (args) => Number((await run(process.execPath, args)).stdout)),
  )
  const over = (after - before) / 1000
  const megabytes = (full ?? Number.NaN) / 1e6
  return [
    {
      what: 'import of the minimal build over bare node',
      measured: `${us(after)} vs ${us(before)}`,
      figure: over,
      target: '≤ 30 ms',
      met: over <= 30,
    },
    {
      what: 'memory of a process with the minimal build',
      measured: `${megabytes.toFixed(0)} MB vs ${((empty ?? Number.NaN) / 1e6).toFixed(0)} MB bare`,
      figure: megabytes,
      target: '≤ 60 MB',
      met: megabytes <= 60,
    },
  ]
}

async function startRows(place: string): Promise<Row[]> {
  const programs = { loose: join(place, 'loose.js'), built: join(place, 'full/main.js'), cloned: BIN }
  const lines = ['--help', 'plugins list']
  const contenders = lines.flatMap((line) =>
    Object.entries(programs).map(([name, path]) => ({
      name: `${name} ${line}`,
      run: repeat([path, ...line.split(' ')]),
    })),
  )
  const medians = await interleave(contenders, 1, 11)
  return lines.flatMap((line) => {
    const of = (name: string) => medians.get(`${name} ${line}`) ?? Number.NaN
    const against = (name: string, what: string, how: string) =>
      ratio(
        `cloned ${line}, from its modules against ${what}`,
        of('loose') / of(name),
        { atLeast: 1.3 },
        `${us(of('loose'))} vs ${us(of(name))}${how}`,
      )
    return [against('built', 'built', ', every file checked'), against('cloned', 'the command', '')]
  })
}

function repeat(args: readonly string[]) {
  return async (n: number) => {
    for (let i = 0; i < n; i++) await run(process.execPath, args)
  }
}
