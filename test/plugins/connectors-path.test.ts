// The way of a vendor and of a user, from an empty directory to a revoked publisher: every command that the pages tell them.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defaultDistribution } from '../../plugins/default.js'
import { ROOT } from '../docs/blocks.js'
import { Reader, stepsOf } from '../docs/transcript.js'
import { mustFitSchema } from './audit-records.js'
import { canConfine, NO_SANDBOX } from './connectors-fixture.js'

/** In the order in which somebody reads them: each goes on where the one before has ended. */
const PAGES = [
  'docs/connector-sdk.md',
  'examples/connector-python-words/README.md',
  'examples/connector-http-status/README.md',
  'examples/connector-github-issues/README.md',
  'docs/connectors.md',
]

const ready = canConfine && (process.env['CI'] === 'true' || existsSync('/usr/bin/python3'))

describe.skipIf(!ready)(`somebody with nothing but the docs (skipped only where ${NO_SANDBOX}, or python3)`, () => {
  let reader: Reader
  beforeAll(() => {
    reader = new Reader(defaultDistribution())
  })
  afterAll(() => reader.close())

  it.each(PAGES)('gets along with %s, and sees what it says', { timeout: 60_000 }, async (page) => {
    const steps = stepsOf(page)
    expect(steps.length).toBeGreaterThan(4)
    for (const step of steps) {
      const { true: told, prints } = await reader.play(step)
      if (told || 'file' in step) continue
      if (process.env['CLONED_WRITE_DOCS'] !== '1') expect.soft(prints, step.at).toBe(step.prints.join('\n'))
      else rewrite(page, step, prints)
    }
  })

  it('leaves logs that fit their schema', () => {
    for (const project of ['acme', 'project']) mustFitSchema(join(reader.home, project, '.cloned', 'audit.log'))
  })
})

/** Only what is printed: `…` that still fits stays. */
function rewrite(page: string, { command, prints }: { command: string; prints: readonly string[] }, now: string): void {
  const path = join(ROOT, page)
  const [before, after] = [prints.join('\n'), now].map((text) => `$ ${command}\n${text}`.trimEnd())
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace(`${before}\n`, () => `${after}\n`),
  )
}
