// Writes the modules that a build begins with: short, with imports that anybody can read; they decide nothing.
import { fileURLToPath } from 'node:url'
import type { Bundler } from './bundler.js'

/** How a file begins that is started by its name. */
export const HASHBANG = '#!/usr/bin/env node\n'
/** The first comment of every generated module. */
export const MADE = '// Made by `cloned build`. Change the distribution and build again.'

/** An import of the distribution, or of what it is put together from. */
export interface EntryParts {
  /** Statements that leave a `const distribution` or import it. */
  readonly distribution: readonly string[]
  /** Statements that export what the distribution's own module does. */
  readonly exports: readonly string[]
  /** The distribution owns a command line. */
  readonly cli: boolean
}

/** The module that imports every part. */
export function entryText({ distribution, exports, cli }: EntryParts): string {
  const lines = [
    MADE,
    "import { createKernel } from 'cloned/kernel'",
    ...(cli ? ["import { main } from 'cloned/plugins/cli'"] : []),
    ...distribution,
    '',
    ...exports,
    `export { createKernel, ${cli ? 'main, ' : ''}distribution as default }`,
  ]
  return `${lines.join('\n')}\n`
}

/** The program of a build. */
export async function programText(bundler: Bundler, { version }: { readonly version: string }): Promise<string> {
  const text = await bundledText(bundler, [
    "import { start } from './start.js'",
    `await start(${JSON.stringify(version)}, () => import('./index.js'))`,
  ])
  return `${HASHBANG}${text}`
}

/** The module that checks a build and then loads it, with the checker's own text in it. */
export function checkedText(
  bundler: Bundler,
  { exports, lockDigest }: { readonly exports: readonly string[]; readonly lockDigest: string },
): Promise<string> {
  return bundledText(bundler, [
    "import { check } from './check.js'",
    `check(new URL('.', import.meta.url), ${JSON.stringify(lockDigest)})`,
    "const app = await import('./app/entry.js')",
    ...exportLines(exports),
  ])
}

/** Statements that export the members of `app`. They may be called like a variable of the module, or like none at all. */
export function exportLines(names: readonly string[]): readonly string[] {
  return [
    ...names.map((name, at) => `const export${at} = app[${JSON.stringify(name)}]`),
    ...names.map((name, at) => `export { export${at} as ${JSON.stringify(name)} }`),
  ]
}

/** A module with what it imports of this directory in it, to be read by people. */
export async function bundledText(bundler: Bundler, lines: readonly string[]): Promise<string> {
  const { outputFiles } = await bundler.build({
    stdin: {
      contents: lines.join('\n'),
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
      sourcefile: 'index.js',
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: ['./app/*', './index.js'],
    tsconfigRaw: '{}',
    write: false,
    logLevel: 'silent',
    banner: { js: MADE },
  })
  // Which directory the parts were compiled in is nobody's business, and differs from machine to machine.
  return (outputFiles[0]?.text ?? '').replaceAll(/^\/\/ .*\.[jt]s$\n/gm, '')
}
