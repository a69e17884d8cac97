import { readFileSync } from 'node:fs'
import { KERNEL_VERSION } from 'cloned/kernel'
import { expect, it } from 'vitest'

it('the version that plugins are checked against is the version of the package', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(KERNEL_VERSION).toBe(manifest.version)
})
