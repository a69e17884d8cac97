import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Installed } from 'cloned/plugins/registry'
import { memoryAudit } from 'cloned/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { fileTable } from './table.js'

const row = (version: string): Installed => ({
  ...{ id: 'acme.weather', version, digest: version.padEnd(64, '0'), publisher: 'acme', enabled: false },
  ...{ installedAt: 1, installedBy: 'user:ada', callId: 'c', noticed: '' },
})
const pins = (version: string) => [{ kind: 'package', name: `acme.weather@${version}`, digest: version } as const]

let root: string
let table: ReturnType<typeof fileTable>
const directory = () => join(root, 'registry')
const stateFile = () => join(directory(), readdirSync(directory()).find((name) => name.endsWith('.json')) ?? '')
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'acme-registry-'))
  table = fileTable(directory, memoryAudit(), Date.now)
  await table.install(row('1'), { previous: null, highest: '1', pins: pins('1') })
})
afterEach(() => rmSync(root, { recursive: true }))

it('a state that was edited, or put back as it was before, counts for nothing', async () => {
  const before = { path: stateFile(), text: readFileSync(stateFile(), 'utf8') }
  await table.enable('acme.weather', row('1').digest, true)
  expect((await table.state()).installed).toMatchObject([{ enabled: true }])
  const [path, text] = [stateFile(), readFileSync(stateFile(), 'utf8')]
  writeFileSync(before.path, before.text, { mode: 0o600 })
  expect((await table.state()).installed).toMatchObject([{ enabled: true }])
  for (const edited of [text.replace('true', 'false'), before.text, '']) {
    writeFileSync(path, edited)
    await expect(table.state()).rejects.toMatchObject({ code: 'FILE_INVALID' })
    await expect(table.enable('acme.weather', row('1').digest, false)).rejects.toMatchObject({ code: 'FILE_INVALID' })
  }
})

it('only what is there is replaced, switched or removed; what it pinned stays', async () => {
  const second = { highest: '2', pins: pins('2') }
  for (const previous of [null, 'x'])
    await expect(table.install(row('2'), { ...second, previous })).rejects.toMatchObject({ code: 'STORE_CONFLICT' })
  for (const work of [table.enable('acme.weather', 'x', true), table.remove('acme.weather', 'x')])
    await expect(work).rejects.toMatchObject({ code: 'STORE_CONFLICT' })
  expect(await table.state()).toMatchObject({ generation: 1, installed: [{ version: '1', enabled: false }] })
  await table.install(row('2'), { ...second, previous: row('1').digest })
  await table.remove('acme.weather', row('2').digest)
  expect(await table.state()).toEqual({ generation: 3, installed: [] })
  expect(await table.pins(['acme.weather@1', 'acme.weather@2', 'acme.weather@3'])).toHaveLength(2)
  expect(await table.highest('acme.weather')).toBe('2')
})
