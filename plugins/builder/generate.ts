// Writes the modules that a build begins with: short, with imports that anybody can read; they decide nothing.
import { fileURLToPath } from 'node:url'
import type { Bundler } from './bundler.js'

const MADE = '// Made by `cloned build`. Change the distribution and build again.'

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

/** The program of a build. The version is asked for often, by scripts: nothing is loaded for it. */
export function programText({ version }: { readonly version: string }): string {
  return `#!/usr/bin/env node
${MADE}
const argv = process.argv.slice(2)
if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) {
  console.log(${JSON.stringify(version)})
} else {
  try {
    const { default: distribution, main } = await import('./index.js')
    await main(distribution, argv)
  } catch (error) {
    process.stderr.write(\`error \${error.code ?? ''} \${error.message}\\n\`)
    process.exitCode = error.exit ?? 1
  }
}
`
}

/** The module that checks a build and then loads it, with the checker's own text in it. */
export async function checkedText(
  bundler: Bundler,
  { exports, lockDigest }: { readonly exports: readonly string[]; readonly lockDigest: string },
): Promise<string> {
  const contents = [
    "import { check } from './check.js'",
    `check(new URL('.', import.meta.url), ${JSON.stringify(lockDigest)})`,
    "const app = await import('./app/entry.js')",
    // What a module exports may be called like a variable of this one, or like no variable at all.
    ...exports.map((name, at) => `const export${at} = app[${JSON.stringify(name)}]`),
    ...exports.map((name, at) => `export { export${at} as ${JSON.stringify(name)} }`),
  ].join('\n')
  const { outputFiles } = await bundler.build({
    stdin: { contents, resolveDir: fileURLToPath(new URL('.', import.meta.url)), sourcefile: 'index.js' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    external: ['./app/*'],
    tsconfigRaw: '{}',
    write: false,
    logLevel: 'silent',
    banner: { js: MADE },
  })
  // Which directory the checker was compiled in is nobody's business, and differs from machine to machine.
  return (outputFiles[0]?.text ?? '').replaceAll(/^\/\/ .*\.[jt]s$\n/gm, '')
}
