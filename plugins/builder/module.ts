// Rewrites the text of one module so that it finds its files where a build keeps them; it changes nothing else.

const REQUIRE = /^[ \t]*const require = createRequire\(import\.meta\.url\);?$/gm
const IMPORT_OF_NAME = /\bimport\((\w+)\)/g
const COMPUTED = /\bimport\((?!\s*(?:\/\*.*?\*\/\s*)?['"`])/
const OWN_URL = /\bimport\.meta\.(?:url|dirname|filename)\b/g
const COMMONJS_PLACE = /\b__(?:dir|file)name\b/

/** Names that every file of a build begins with. `__clonedAt` answers the URL of a path from the directory `app`. */
export const BANNER = [
  "import { createRequire as __clonedRequire } from 'node:module'",
  "import { fileURLToPath as __clonedPath } from 'node:url'",
  'const require = __clonedRequire(import.meta.url)',
  'const __clonedAt = (path) => new URL(path, import.meta.url).href\n',
].join(';')

/** The same for a file of a build that is no ES module. */
export const COMMONJS_BANNER = [
  "const __clonedPath = require('node:url').fileURLToPath",
  "const __clonedAt = (path) => new URL(path, require('node:url').pathToFileURL(__filename)).href\n",
].join(';')

export interface Rewritten {
  readonly text: string
  /** The module has made itself a `require`: what it names is wanted when it is called, and not before. */
  readonly requires: boolean
  /** The module looks beside itself for files. */
  readonly opensFiles: boolean
  /** The module imports by a name that only the run knows. */
  readonly computed: boolean
}

/**
 * `place` is where the module would lie in the build, from its root. `require` made by `createRequire` becomes the
 * bundler's, so that what it names is built in; a name that is a constant of the module counts as written out.
 */
export function rewrite(source: string, place: string): Rewritten {
  const own = source.replace(REQUIRE, '')
  const literal = own.replace(IMPORT_OF_NAME, (whole, name: string) => {
    const value = new RegExp(`\\bconst ${name} = (['"])([^'"]+)\\1`).exec(source)?.[2]
    return value === undefined ? whole : `import(${JSON.stringify(value)})`
  })
  const url = `/* @__PURE__ */ __clonedAt(${JSON.stringify(`../${place}`)})`
  const names: string[] = []
  const text = literal.replace(OWN_URL, (address) => {
    const name = `__cloned_${address.slice('import.meta.'.length)}`
    names.push(name)
    return name
  })
  const commonJs = names.length === 0 && COMMONJS_PLACE.test(text) && !/^(?:import|export)\b/m.test(text)
  const values: Record<string, string> = {
    __cloned_url: url,
    __cloned_filename: `__clonedPath(${url})`,
    __cloned_dirname: `__clonedPath(/* @__PURE__ */ __clonedAt(${JSON.stringify(`../${place}/..`)}))`,
  }
  const declared = [...new Set(names)].map((name) => `const ${name} = /* @__PURE__ */ (() => ${values[name]})();`)
  if (commonJs)
    declared.push(`var __filename = ${values['__cloned_filename']}, __dirname = ${values['__cloned_dirname']};`)
  return {
    text: declared.length === 0 ? text : afterHashbang(text, declared.join('')),
    requires: own !== source,
    opensFiles: names.length > 0,
    computed: COMPUTED.test(text),
  }
}

function afterHashbang(text: string, first: string): string {
  const [, hashbang = '', rest = ''] = /^(#!.*\n)?([\s\S]*)$/.exec(text) ?? []
  return `${hashbang}${first}${rest}`
}
