import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace, open } from 'cloned'
import { bearer, type Client, createClient } from 'cloned/client'
import { approvalsSlot, gateSlot, type Kernel } from 'cloned/kernel'
import { apiSlot } from 'cloned/plugins/api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { docsLinkReport } from '../docs-link-report/index.js'
import { mayRead, run, toolIds } from './client.js'

describe('a program over the API', () => {
  let root: string
  let kernel: Kernel
  let client: Client

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'node-client-'))
    initWorkspace(root, { type: 'personal', now: Date.now })
    mkdirSync(join(root, 'docs'))
    writeFileSync(join(root, 'docs/index.md'), '# Hello\n\n[here](index.md)\n')
    kernel = await open({ root, plugins: [docsLinkReport] })
    await kernel.service(apiSlot).listen()
    // As the program reads them.
    const { address, token_file } = JSON.parse(readFileSync(join(root, '.cloned/api.json'), 'utf8'))
    client = createClient({ url: address, authorize: bearer(readFileSync(token_file, 'utf8').trim()) })
  })
  afterAll(async () => {
    await kernel.stop()
    rmSync(root, { recursive: true, force: true })
  })

  /** A person, who decides whatever the program waits for. */
  const person = (verdict: 'approve' | 'deny') => (said: string) => {
    const id = said.split(' ').at(-1) ?? ''
    const by = kernel.service(gateSlot).actor()
    void kernel.service(approvalsSlot).decide(id, { verdict, by })
  }

  it('lists every tool', async () => {
    const all = kernel.service(gateSlot).tools()
    expect(await toolIds(client)).toEqual(all.map(({ id }) => id))
  })

  it('proposes a host, waits, and may read it once a person has approved', async () => {
    expect(await mayRead(client, 'docs.example.com', { everyMs: 10, tell: person('approve') })).toBe(true)
    const { data } = await client.GET('/firewall/allowlist')
    expect(data?.rules).toMatchObject([{ host: 'docs.example.com', answer: 'allow', methods: ['GET', 'HEAD'] }])
    expect(await mayRead(client, 'docs.example.com', { everyMs: 10 })).toBe(true)
  })

  it('may not read a host that a person has denied', async () => {
    expect(await mayRead(client, 'evil.example.com', { everyMs: 10, tell: person('deny') })).toBe(false)
  })

  it('runs a pipeline to its end', async () => {
    const { state, steps } = await run(client, 'docs.link-report', { directory: 'docs' })
    expect([state, steps.length > 0]).toEqual(['done', true])
  })

  it('tells a problem in the words of the server', async () => {
    await expect(run(client, 'no.such', {})).rejects.toThrow(/PIPELINE_UNKNOWN/)
  })
})
