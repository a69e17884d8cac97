import { readFileSync } from 'node:fs'
import { KERNEL_VERSION } from 'cloned/kernel'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const { version } = JSON.parse(read('package.json')) as { version: string }

describe('a release', () => {
  it('has one version everywhere, and the changelog begins with it', () => {
    expect(KERNEL_VERSION).toBe(version)
    const [first = ''] = read('CHANGELOG.md').match(/^## .*$/m) ?? []
    expect(first).toContain(version)
  })

  it('says in two parts what changed, in every section', () => {
    const sections = read('CHANGELOG.md').split(/^## /m).slice(1)
    for (const section of sections) {
      expect(section.match(/^### .*$/gm)).toEqual(['### For operators', '### For plugin authors'])
    }
  })

  it('is published by a workflow that can write nothing else, from actions of known content, with provenance', () => {
    const text = read('.github/workflows/publish.yml')
    const { permissions, jobs } = parse(text) as {
      permissions: object
      jobs: { publish: { permissions: object; steps: { uses?: string; run?: string }[] } }
    }
    expect(permissions).toEqual({})
    expect(jobs.publish.permissions).toEqual({ contents: 'read', 'id-token': 'write' })
    const { steps } = jobs.publish
    for (const { uses } of steps) if (uses !== undefined) expect(uses).toMatch(/@[0-9a-f]{40}$/)
    const runs = steps.flatMap(({ run }) => run ?? [])
    expect(runs.at(-1)).toMatch(/^npm publish --provenance .*--ignore-scripts$/)
    expect(runs).toContain('.ci/run')
    expect(text).not.toMatch(/secrets\./)
  })
})
