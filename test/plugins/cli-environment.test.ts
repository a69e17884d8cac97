import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configSchema, defineDistribution, definePlugin, type Plugin } from 'cloned/kernel'
import { afterAll, describe, expect, it } from 'vitest'
import { cliPlugin } from '../../plugins/cli/index.js'
import { runIn } from './cli-fixture.js'

const directory = mkdtempSync(join(tmpdir(), 'cloned-environment-'))
afterAll(() => rmSync(directory, { recursive: true }))

/** Says what it was configured with when it is set up. */
function plugin(id: string, seen: unknown[]): Plugin {
  return definePlugin({
    id,
    version: '1.0.0',
    kernel: '^0.1.0',
    config: configSchema<{ readonly pace?: number }>({
      type: 'object',
      additionalProperties: false,
      properties: { pace: { type: 'integer' }, identityFile: { type: 'string' } },
    }),
    setup: ({ config }) => void seen.push([id, config]),
  })
}

async function configured(text: string | undefined, env: Readonly<Record<string, string>> = {}) {
  const seen: unknown[] = []
  const plugins = [cliPlugin, plugin('acme.slow', seen), plugin('cloned.vault-file', seen)]
  const distribution = defineDistribution({ name: 'test', version: '1.0.0', plugins })
  if (text !== undefined) writeFileSync(join(directory, 'run.yaml'), text)
  const ran = await runIn(distribution, directory, ['plugins', 'list'], { env: { CLONED_CONFIG: 'run.yaml', ...env } })
  return { ...ran, seen }
}

describe('the file that CLONED_CONFIG names', () => {
  it('configures the plugins that are listed, under the variables of single settings', async () => {
    const text = 'acme.slow: { pace: 3 }\ncloned.vault-file: { pace: 4, identityFile: /kept }\n'
    expect(await configured(text, { CLONED_VAULT_IDENTITY_FILE: '/mine' })).toMatchObject({
      code: 0,
      seen: [
        ['acme.slow', { pace: 3 }],
        ['cloned.vault-file', { pace: 4, identityFile: '/mine' }],
      ],
    })
  })

  it('is absent when the variable is empty', async () => {
    expect(await configured(undefined, { CLONED_CONFIG: '' })).toMatchObject({
      code: 0,
      seen: [['acme.slow', {}], expect.anything()],
    })
  })

  it.each([
    ['a plugin that is not listed', 'acme.gone: {}', /CONFIG_UNKNOWN/],
    ['a key that the plugin does not know', 'acme.slow: { pac: 3 }', /CONFIG_INVALID[\s\S]*pace/],
    ['a value that does not fit', 'acme.slow: { pace: fast }', /CONFIG_INVALID/],
    ['a plugin to load', 'plugins: [./evil.js]', /FILE_INVALID/],
    ['something else than configurations', 'acme.slow: 3', /FILE_INVALID/],
    ['no mapping', '- acme.slow', /FILE_INVALID/],
    ['no YAML', 'acme.slow: {', /FILE_INVALID/],
  ])('is refused for %s, and no plugin is set up', async (_, text, says) => {
    expect(await configured(text)).toMatchObject({ out: '', err: expect.stringMatching(says), seen: [] })
  })

  it('is refused when it is not there', async () => {
    expect(await configured(undefined, { CLONED_CONFIG: 'none.yaml' })).toMatchObject({ code: 6, seen: [] })
  })
})
