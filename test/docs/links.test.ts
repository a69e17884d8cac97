import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { initWorkspace, open } from 'cloned'
import type { Kernel } from 'cloned/kernel'
import { runsSlot } from 'cloned/plugins/runs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { docsLinkReport } from '../../examples/docs-link-report/index.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

describe('links in the docs, checked by the link report itself', () => {
  let root: string
  let kernel: Kernel | undefined

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'cloned-links-'))
    initWorkspace(root, { type: 'personal', now: Date.now })
  })
  afterEach(async () => {
    await kernel?.stop()
    rmSync(root, { recursive: true, force: true })
  })

  async function opened(...copied: string[]): Promise<Kernel> {
    for (const name of copied) {
      if (existsSync(join(ROOT, name))) cpSync(join(ROOT, name), join(root, name), { recursive: true })
    }
    const config = { 'cloned.audit': { thread: 'inline' } }
    kernel = await open({ root, plugins: [docsLinkReport], config })
    return kernel
  }

  it('docs/ stands on its own: no link in it is broken or leads out of it', async () => {
    const runs = (await opened('docs')).service(runsSlot)
    const started = await runs.start({ pipeline: 'docs.link-report', inputs: { directory: 'docs' } })
    const run = await runs.settled(started.id)
    expect(run.state).toBe('done')
    expect(run.steps.find(({ id }) => id === 'check')?.output).toMatchObject({ broken_links: [], unchecked: 0 })
    expect((run.output as { links: number }).links).toBeGreaterThan(30)
  })

  it('every link of the README and the pages beside it leads somewhere', async () => {
    const opening = await opened(
      'README.md',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'docs',
      'examples',
      'schemas',
      'LICENSE',
    )
    const outcome = await opening.call({
      tool: 'example.markdown.links@v2',
      input: { root: '.', files: ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'] },
    })
    expect(outcome).toMatchObject({ status: 'done', output: { broken_links: [], unchecked: 0 } })
  })
})
