import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { JsonObject } from 'cloned/kernel'
import { beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { builtInDocument, documentText, typesText } from './openapi.js'
import { breaks } from './openapi-breaks.js'

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const FILE = at('docs/api/openapi.yaml')

describe('the OpenAPI document', () => {
  let document: JsonObject
  beforeAll(async () => {
    document = await builtInDocument()
  })

  it('docs/api/openapi.yaml is what the routes say (npm run openapi writes it)', () => {
    same(FILE, documentText(document))
  })

  it('client/schema.ts is made of it (npm run openapi writes it)', async () => {
    same(at('client/schema.ts'), await typesText(document))
  })

  it('breaks nothing that the released one promises', () => {
    const released = parse(readFileSync(at('docs/api/released/openapi.yaml'), 'utf8'))
    expect(breaks(released, document)).toEqual([])
  })

  it('paths are relative to /v1', () => {
    expect(document['servers']).toEqual([{ url: '/v1' }])
    expect(Object.keys(document['paths'] as object).filter((path) => path.startsWith('/v1'))).toEqual([])
  })

  it('redocly has nothing to say against it', { timeout: 60_000 }, () => {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [at('node_modules/@redocly/cli/bin/cli.js'), 'lint', '--format=json', '--config', at('redocly.yaml'), FILE],
      { encoding: 'utf8', env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } },
    )
    const { totals, problems } = stdout.startsWith('{') ? JSON.parse(stdout) : { totals: stderr, problems: [] }
    expect(problems).toEqual([])
    expect(totals).toEqual({ errors: 0, warnings: 0, ignored: 0 })
  })
})

function same(path: string, text: string): void {
  if (process.env['CLONED_WRITE_DOCS'] === '1') writeFileSync(path, text)
  expect(readFileSync(path, 'utf8')).toBe(text)
}
