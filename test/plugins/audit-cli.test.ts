// The rules for the audit commands at a command line: a dry run leaves no trace, and no filter is misread.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaultDistribution, initWorkspace } from 'cloned'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runIn } from './cli-fixture.js'

const DISTRIBUTION = defaultDistribution()

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cloned-audit-cli-'))
  initWorkspace(root, { type: 'personal', now: Date.now })
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const run = (...words: string[]) => runIn(DISTRIBUTION, root, ['--workspace', root, ...words])
const audit = (...parts: string[]) => join(root, '.cloned', ...parts)
const types = () =>
  readFileSync(audit('audit.log'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { type: string }).type)

describe('--dry-run', () => {
  it.each([
    ['audit rotate'],
    ['audit rotate-key'],
    ['audit checkpoint --sign'],
    ['audit anchors --submit'],
    ['audit export --out copy.jsonl'],
  ])('of %s changes nothing', async (words) => {
    await run('audit', 'tail')
    const key = readFileSync(audit('audit', 'vkey'), 'utf8')
    const before = types()
    expect(await run(...words.split(' '), '--dry-run')).toMatchObject({ code: 0 })
    expect(types()).toEqual(before)
    expect(readFileSync(audit('audit', 'vkey'), 'utf8')).toBe(key)
    expect(existsSync(audit('audit', 'segments')) ? readdirSync(audit('audit', 'segments')) : []).toEqual([])
    expect(existsSync(join(root, 'copy.jsonl'))).toBe(false)
  })
})

describe('audit tail', () => {
  it('refuses an outcome that no call has', async () => {
    const { code, err } = await run('audit', 'tail', '--outcome', 'refused')
    expect(code).toBe(2)
    expect(err).toContain('--outcome takes done, denied, pending, failed, indeterminate')
  })
})
