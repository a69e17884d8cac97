#!/usr/bin/env node
// Starts the `cloned` command: the version at once, everything else lazily; it must never show a stack unasked.
import { readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'

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
  // Loading leaves garbage, and V8 keeps the room that it grew for it: 15 to 30 MB of an idle server, for nothing.
  setFlagsFromString('--semi-space-growth-factor=1')
  const [{ defaultDistribution }, { main }] = await Promise.all([import('./default.js'), import('./cli/main.js')])
  setFlagsFromString('--semi-space-growth-factor=2')
  await main(defaultDistribution(), argv, stdin)
}
