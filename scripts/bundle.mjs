// Bundles the `cloned` command of dist/ into few files, for its start; every other entry point stays as it was compiled.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'

/**
 * What nearly every command loads, in hundreds of files. All else stays in node_modules, where an update of its own reaches
 * it: above all what talks to the network or holds keys.
 */
const BUILT_IN = ['cac', 'semver', 'tapable', 'yaml']

const root = process.cwd()
const dist = join(root, 'dist')
const { name: own, cloned } = JSON.parse(readFileSync('package.json', 'utf8'))
const [{ BANNER, rewrite }, { notices }, { Packages, packageName }] = await Promise.all(
  ['module', 'notices', 'packages'].map((part) => import(pathToFileURL(join(dist, `plugins/builder/${part}.js`)).href)),
)
/** Modules that start threads: these are bundled too, and lie beside the chunks. */
const starters = Object.entries(cloned.threads).filter(([, started]) => started.length > 0)

rmSync(join(dist, 'app'), { recursive: true, force: true })
const { metafile, outputFiles } = await build({
  entryPoints: [
    { in: 'dist/plugins/bin.js', out: 'plugins/bin' },
    ...starters.flatMap(([, started]) => started.map((path) => ({ in: path, out: `app/${basename(path, '.js')}` }))),
  ],
  outdir: dist,
  chunkNames: 'app/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  // Names stay: a stack can be read without the maps.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: 'linked',
  sourcesContent: false,
  legalComments: 'none',
  banner: { js: BANNER },
  metafile: true,
  write: false,
  tsconfigRaw: '{}',
  plugins: [{ name: 'command', setup }],
})
mkdirSync(join(dist, 'app'))
for (const { path, contents } of outputFiles) writeFileSync(path, contents)
const packages = new Packages(root)
const builtIn = Object.keys(metafile.inputs).map((path) => packages.of(join(root, path)))
const notice = notices(builtIn.filter(({ name }) => name !== own))
writeFileSync(join(dist, 'app/THIRD-PARTY-NOTICES.txt'), notice)

function setup({ onResolve, onLoad }) {
  onResolve({ filter: /^[^./]/ }, ({ path, kind }) => {
    const stays = kind === 'entry-point' || [own, ...BUILT_IN].includes(packageName(path))
    return stays ? undefined : { path, external: true }
  })
  // Code that rewrites code would be rewritten itself; it has the rest of the package as every other program has.
  onResolve({ filter: /^\./ }, ({ path, resolveDir }) => {
    const place = relative(root, join(resolveDir, path)).split(sep).join('/')
    return cloned.builders.includes(place) ? { path: `../${place.slice('dist/'.length)}`, external: true } : undefined
  })
  onLoad({ filter: /\.js$/ }, ({ path }) => {
    const text = readFileSync(path, 'utf8')
    const place = relative(dist, path).split(sep).join('/')
    if (place.startsWith('..')) return { contents: text }
    const starts = starters.some(([module]) => module === `dist/${place}`)
    // What a module opens by its own address is where it was before; only its thread is beside the chunks.
    return { contents: rewrite(text, starts ? `app/${basename(place)}` : place).text }
  })
}
