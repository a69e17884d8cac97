import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { apiReports } from './api-report.js'

const FOLDER = new URL('../api/', import.meta.url)
const fileOf = (name: string) => new URL(`${name.replaceAll('/', '.')}.md`, FOLDER)

describe('the reports of what entry points export', () => {
  let reports: Readonly<Record<string, string>> = {}
  beforeAll(() => {
    reports = apiReports()
    if (process.env['CLONED_WRITE_API'] !== '1') return
    rmSync(FOLDER, { recursive: true, force: true })
    for (const [name, text] of Object.entries(reports)) {
      mkdirSync(dirname(fileURLToPath(fileOf(name))), { recursive: true })
      writeFileSync(fileOf(name), text)
    }
  }, 120_000)

  it('are there for every entry point, and for no other', () => {
    const names = Object.keys(reports).map((name) => `${name.replaceAll('/', '.')}.md`)
    expect(readdirSync(FOLDER).sort()).toEqual(names.sort())
    expect(names).toContain('kernel.md')
  })

  it('say what is exported now (npm run api writes them)', () => {
    const changed = Object.entries(reports).filter(([name, text]) => {
      const file = fileOf(name)
      return !existsSync(file) || readFileSync(file, 'utf8') !== text
    })
    expect(changed.map(([name]) => name)).toEqual([])
  })

  it('say nothing of a place on the machine', () => {
    for (const [name, text] of Object.entries(reports)) {
      expect(text, name).not.toMatch(/import\("\//)
    }
  })
})
