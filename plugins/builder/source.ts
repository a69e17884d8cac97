// Says what is to be built, a file or packages beside the default distribution, as the imports of a generated entry.
import { existsSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { ClonedError } from 'cloned/kernel'

export interface Source {
  /** As a person named it. */
  readonly name: string
  /** Directory that packages are looked for from. */
  readonly project: string
  readonly lockFile: string
  /** What a module in `directory` begins with: for the bundler, which takes paths, or for Node, which takes URLs. */
  imports(directory: string, reader: 'bundler' | 'node'): Imports
}

interface Imports {
  /** Statements that leave `distribution`. */
  readonly distribution: readonly string[]
  /** Statements that export what its module does. */
  readonly exports: readonly string[]
}

/** A module whose default export is a distribution. Throws `BUILD_SOURCE`. */
export function fileSource(path: string, name: string): Source {
  if (!existsSync(path)) throw new ClonedError('BUILD_SOURCE', { file: name, problem: 'there is no such file' })
  return {
    name,
    project: projectOf(path),
    lockFile: join(dirname(path), 'cloned.lock.json'),
    imports(directory, reader) {
      const parts = relative(directory, path).split(sep)
      // In a URL a "#" or "?" would end the path.
      const to = (reader === 'node' ? parts.map(encodeURIComponent) : parts).join('/')
      const specifier = JSON.stringify(to.startsWith('.') ? to : `./${to}`)
      return { distribution: [`import distribution from ${specifier}`], exports: [`export * from ${specifier}`] }
    },
  }
}

/** The default distribution, and the plugins of packages that the project has installed. */
export function packagesSource(names: readonly string[], project: string): Source {
  const packages = names.map((name, i) => ({ specifier: JSON.stringify(name), local: `package${i + 1}` }))
  return {
    name: `the default distribution with ${names.join(', ')}`,
    project,
    lockFile: join(project, 'cloned.lock.json'),
    imports: () => ({
      distribution: [
        "import { defaultDistribution } from 'cloned'",
        "import { exportedPlugins } from 'cloned/plugins/builder'",
        ...packages.map(({ specifier, local }) => `import * as ${local} from ${specifier}`),
        '',
        'const distribution = defaultDistribution({',
        '  plugins: [',
        ...packages.map(({ specifier, local }) => `    ...exportedPlugins(${local}, ${specifier}),`),
        '  ],',
        '})',
      ],
      exports: [],
    }),
  }
}

/** The directory of the nearest package.json, or that of the file. */
function projectOf(path: string): string {
  for (let dir = dirname(path); ; dir = dirname(dir)) {
    if (existsSync(join(dir, 'package.json'))) return dir
    if (dir === dirname(dir)) return dirname(path)
  }
}
