import { readFileSync } from 'node:fs'
import { defaultDistribution } from 'cloned'
import { createKernel } from 'cloned/kernel'
import { cliSlot } from 'cloned/plugins/cli'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type OpenApi, operations } from '../plugins/api-document.js'

const text = (path: string) => readFileSync(new URL(`../../docs/api/${path}`, import.meta.url), 'utf8')
const rows = text('parity.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (command|---)/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
const named = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)

describe('the table of commands and operations', () => {
  it('has every command once', () => {
    const commands = createKernel(defaultDistribution()).service(cliSlot).commands()
    const listed = rows.flatMap(([, command]) => named(command))
    expect(listed.sort()).toEqual(commands.map(({ item }) => item.name).sort())
  })

  it('has every operation, and none that is not served', () => {
    const served = operations(parse(text('openapi.yaml')) as OpenApi).map(({ operation }) => operation.operationId)
    const listed = new Set(rows.flatMap(([, , operation]) => named(operation)))
    expect([...listed].sort()).toEqual(served.sort())
  })

  it('says why, wherever one face has what the other has not', () => {
    const unsaid = rows.filter(([, command, operation, why]) => (command === '–' || operation === '–') && why === '')
    expect(unsaid).toEqual([])
  })
})
