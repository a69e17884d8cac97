import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { initWorkspace, open } from 'cloned'
import type { Kernel } from 'cloned/kernel'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HostUser, hostApp } from './index.js'

const USERS: Readonly<Record<string, HostUser>> = {
  ada: { name: 'ada', role: 'operator' },
  bob: { name: 'bob', role: 'viewer' },
}

describe('a host application with the API inside', () => {
  let root: string
  let kernel: Kernel
  let server: Server
  let base: string

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'embed-express-'))
    initWorkspace(root, { type: 'personal', now: Date.now })
    writeFileSync(join(root, 'note.md'), 'hello\n')
    kernel = await open({ root })
    const app = hostApp(kernel, (request) => USERS[request.header('x-user') ?? ''])
    await new Promise<void>((resolve) => {
      server = app.listen(0, '127.0.0.1', () => resolve())
    })
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(async () => {
    server.close()
    await kernel.stop()
    rmSync(root, { recursive: true, force: true })
  })

  const ask = async (user: string, path: string, body?: object) => {
    const response = await fetch(`${base}${path}`, {
      headers: { 'x-user': user, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    })
    return { status: response.status, text: await response.text() }
  }
  const READ = '/governed/v1/tools/cloned.internal.fs.read@v1/call'

  it('leaves the rest of the host alone', async () => {
    expect(await ask('nobody', '/')).toEqual({ status: 200, text: 'the host' })
  })

  it('lets nobody in whom the host has not signed in', async () => {
    for (const path of ['/governed/v1/tools', '/governed/v1/healthz', '/governed/nothing'])
      expect((await ask('nobody', path)).status).toBe(401)
  })

  it('calls as the user of the host, and the record says so', async () => {
    const { status, text } = await ask('ada', READ, { input: { path: 'note.md' } })
    expect([status, JSON.parse(text).output.content]).toEqual([200, 'hello\n'])
    const log = readFileSync(join(root, '.cloned/audit.log'), 'utf8')
    expect(log).toContain('"actor":{"id":"user:ada","claimed":false,"os_user":"user:ada"}')
  })

  it('a role is held to its scopes', async () => {
    expect((await ask('bob', '/governed/v1/tools')).status).toBe(200)
    const { status, text } = await ask('bob', READ, { input: { path: 'note.md' } })
    expect([status, JSON.parse(text).code]).toEqual([403, 'API_SCOPE'])
  })

  it('what the policy asks about is asked of a signed-in user too', async () => {
    const input = { path: 'new.md', content: 'x' }
    expect((await ask('ada', '/governed/v1/tools/cloned.internal.fs.write@v1/call', { input })).status).toBe(202)
  })
})
