#!/usr/bin/env node
// Starts the `cloned` command: the version at once, everything else lazily; it must never show a stack unasked.
import { readFileSync } from 'node:fs'

const argv = process.argv.slice(2)

if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-v')) {
  // From dist/plugins/bin.js. Nothing else is loaded: the version is asked for by scripts, often.
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  console.log(version)
} else {
  try {
    const early = argv.at(-2) === 'hook' ? await (await import('./early-hook.js')).earlyHook(argv) : undefined
    if (early && 'answer' in early) console.log(early.answer)
    else await everything(early?.stdin)
  } catch (error) {
    process.stderr.write(`error ${error instanceof Error ? error.message : String(error)}\n  Reinstall cloned.\n`)
    process.exitCode = 1
  }
}

async function everything(stdin: Buffer | undefined): Promise<void> {
  // Before anything that has a map is loaded: a stack then says where the code was compiled from, and not where it is bundled.
  if ((await import('./cli/settings.js')).isDebugged()) process.setSourceMapsEnabled(true)
  const [{ defaultDistribution }, { main }] = await Promise.all([import('./default.js'), import('./cli/main.js')])
  await main(defaultDistribution(), argv, stdin)
}
