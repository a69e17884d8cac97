import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { referencePages } from './reference.js'

const FOLDER = new URL('../../docs/reference/', import.meta.url)

describe('the reference tables', async () => {
  for (const [name, text] of Object.entries(await referencePages())) {
    it(`docs/reference/${name} says what the code says (npm run docs writes it)`, () => {
      const file = new URL(name, FOLDER)
      if (process.env['CLONED_WRITE_DOCS'] === '1') {
        mkdirSync(FOLDER, { recursive: true })
        writeFileSync(file, text)
      }
      expect(readFileSync(file, 'utf8')).toBe(text)
    })
  }
})
