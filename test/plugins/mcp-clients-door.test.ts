// Hooks that a running gateway answers: the same judgement, for nobody but this user, and never an answer that nobody gave.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { initWorkspace } from '../../plugins/default.js'
import { askGateways } from '../../plugins/mcp-clients/hook/ask.js'
import { openDoor } from '../../plugins/mcp-clients/hook/door.js'
import type { HookRequest } from '../../plugins/mcp-clients/hook/socket.js'

const REQUEST: HookRequest = {
  version: 1,
  program: '/opt/cloned/bin.js',
  client: 'gemini',
  event: '{}',
  where: { cwd: '/p', home: '/home/ann' },
}
const LINE = `${JSON.stringify(REQUEST)}\n`

let root: string
let sockets: string
const closing: (() => unknown)[] = []
beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'cloned-door-')))
  sockets = join(root, 'hooks')
  mkdirSync(sockets, { mode: 0o700 })
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await rm(root, { recursive: true, force: true })
})

/** Something that listens as a gateway would. */
async function listener(name: string, serve: (socket: Socket) => void, mode = 0o600): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    serve(socket)
  })
  server.listen(join(sockets, name))
  await once(server, 'listening')
  chmodSync(join(sockets, name), mode)
  closing.push(() => server.close())
  return server
}
const says = (text: string) => (socket: Socket) => socket.once('data', () => socket.end(text))
const ALLOW = '{"answer":{"allow":true}}\n'

/** The socket of a process that is gone. */
function abandoned(name: string): void {
  const script = `require('node:net').createServer().listen(${JSON.stringify(join(sockets, name))}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', script])
  chmodSync(join(sockets, name), 0o600)
}

describe('a hook', () => {
  it.each([
    ['closes', ''],
    ['answers half', '{"answer":{"allow":tr'],
    ['answers without an end', '{"answer":{"allow":true}}'],
    ['answers no JSON', 'allow\n'],
    ['answers a list', '[{"answer":{}}]\n'],
    ['answers no object', '{"answer":true}\n'],
    ['answers nothing', '{"answer":null}\n'],
    ['answers twice', `${ALLOW}${ALLOW}`],
  ])('judges itself when a gateway %s', async (_, text) => {
    await listener('00000000', says(text))
    expect(await askGateways(sockets, REQUEST)).toBeUndefined()
  })

  it('judges itself when a gateway never answers', async () => {
    const heard = vi.fn()
    await listener('00000000', (socket) => socket.on('data', heard))
    expect(await askGateways(sockets, REQUEST, 100)).toBeUndefined()
    expect(heard).toHaveBeenCalled()
  })

  it('asks no second gateway once one has begun to judge', async () => {
    const second = vi.fn()
    await listener('00000000', says(''))
    await listener('11111111', second)
    expect(await askGateways(sockets, REQUEST)).toBeUndefined()
    expect(second).not.toHaveBeenCalled()
  })

  it('goes on where there is only the socket of a dead one, and past one of another program', async () => {
    abandoned('00000000')
    await listener('11111111', says('{}\n'))
    await listener('22222222', says(ALLOW))
    expect(await askGateways(sockets, REQUEST)).toEqual({ allow: true })
  })

  it.each([
    ['a directory that others may read', () => chmodSync(sockets, 0o755)],
    ['a directory that others may write', () => chmodSync(sockets, 0o770)],
    ['a socket that others may use', () => chmodSync(join(sockets, '00000000'), 0o666)],
    ['another name', () => renameSync(join(sockets, '00000000'), join(sockets, 'other'))],
    [
      'a link to a directory',
      () => {
        renameSync(sockets, `${sockets}-moved`)
        symlinkSync(`${sockets}-moved`, sockets)
      },
    ],
    [
      'a link to a socket',
      () => {
        renameSync(join(sockets, '00000000'), join(root, 'moved'))
        symlinkSync(join(root, 'moved'), join(sockets, '00000000'))
      },
    ],
    ['no directory', () => renameSync(sockets, `${sockets}-moved`)],
  ])('asks nobody by %s', async (_, change) => {
    const heard = vi.fn()
    await listener('00000000', heard)
    change()
    expect(await askGateways(sockets, REQUEST)).toBeUndefined()
    expect(heard).not.toHaveBeenCalled()
  })
})

describe('a gateway', () => {
  const log = { warn: vi.fn(), debug: vi.fn() }
  const isPrivate = (name: string) => (lstatSync(join(sockets, name)).mode & 0o777) === 0o600
  const open = async (answer: Parameters<typeof openDoor>[0]['answer']) => {
    const close = openDoor({ sockets, answer, log })
    closing.push(close)
    await vi.waitFor(() => expect(readdirSync(sockets).filter(isPrivate)).not.toEqual([]))
    return close
  }

  it('answers what it was asked', async () => {
    await open(async ({ client, event, where }) => ({ client, event, cwd: where.cwd }))
    expect(await askGateways(sockets, REQUEST)).toEqual({ client: 'gemini', event: '{}', cwd: '/p' })
  })

  it('answers nothing when it cannot judge, and says so to hooks of other programs', async () => {
    await open(async ({ program }) => {
      if (program === REQUEST.program) throw new Error('the disk is full')
      return undefined
    })
    expect(await askGateways(sockets, REQUEST)).toBeUndefined()
    await listener('zz', says(''))
    await listener('ffffffff', says(ALLOW))
    expect(await askGateways(sockets, { ...REQUEST, program: '/other' })).toEqual({ allow: true })
  })

  const sent = async (text: string, more: (socket: Socket) => void = () => {}) => {
    const [name = ''] = readdirSync(sockets)
    const socket = connect(join(sockets, name))
    let heard = ''
    socket.setEncoding('utf8').on('data', (said: string) => {
      heard += said
    })
    socket.write(text, () => more(socket))
    await once(socket, 'close').catch(() => undefined)
    return heard
  }

  it.each([
    ['no JSON', 'hello\n'],
    ['nothing', '\n'],
    ['null', 'null\n'],
    ['two requests', `${LINE}${LINE}`],
    ['another version', LINE.replace('"version":1', '"version":2')],
    ['no client', LINE.replace('"client":"gemini",', '')],
    ['an event that is no text', LINE.replace('"{}"', '{}')],
    ['no place', LINE.replace(/,"where".*\}/, '}')],
    ['a place that is relative', LINE.replace('"/p"', '"p"')],
    ['another file that is relative', LINE.replace('"cwd"', '"claudeHome":".","cwd"')],
  ])('judges nothing for %s, and goes on', async (_, text) => {
    const answer = vi.fn(async () => ({}))
    await open(answer)
    expect(await sent(text)).toBe('')
    expect(answer).not.toHaveBeenCalled()
    expect(await sent(LINE)).toBe('{"answer":{}}\n')
  })

  it('goes on when a hook is killed, before it has said everything and while it is judged', async () => {
    let judge: (answer: object) => void = () => {}
    let judging = 0
    await open(() => {
      judging++
      return new Promise((resolve) => {
        judge = () => resolve({ n: judging })
      })
    })
    await sent(LINE.slice(0, 20), (socket) => socket.destroy())
    await sent(LINE, (socket) => void vi.waitFor(() => expect(judging).toBe(1)).then(() => socket.destroy()))
    judge({})
    const last = sent(LINE)
    await vi.waitFor(() => expect(judging).toBe(2))
    judge({})
    expect(await last).toBe('{"answer":{"n":2}}\n')
  })

  it('keeps its directory and socket to this user, removes its socket, and those of the dead', async () => {
    abandoned('11111111')
    const living = await listener('00000000', says(''))
    const close = await open(async () => ({}))
    await vi.waitFor(() => expect(existsSync(join(sockets, '11111111'))).toBe(false))
    expect(readdirSync(sockets)).toHaveLength(2)
    expect(await askGateways(sockets, REQUEST)).toBeUndefined()
    living.close()
    await once(living, 'close')
    expect(await askGateways(sockets, REQUEST)).toEqual({})
    close()
    await vi.waitFor(() => expect(readdirSync(sockets)).toEqual([]))
  })

  it('works without in a directory that is not private, or too deep for a socket', () => {
    chmodSync(sockets, 0o755)
    openDoor({ sockets, answer: async () => ({}), log })()
    expect(log.warn).toHaveBeenCalledWith('hooks are not answered here', expect.anything())
    const deep = join(root, 'd'.repeat(100))
    openDoor({ sockets: deep, answer: async () => ({}), log })()
    expect(existsSync(deep)).toBe(false)
  })
})

describe('a client’s hook', () => {
  const program = fileURLToPath(new URL('../../dist/plugins/bin.js', import.meta.url))
  const event = (tool: string, name = 'PreToolUse') =>
    JSON.stringify({
      hook_event_name: name,
      session_id: 's',
      tool_use_id: 'u',
      cwd: '/',
      tool_name: tool,
      tool_input: {},
    })
  const env = () => ({ HOME: root, PATH: '/usr/bin:/bin' })
  const hook = (stdin: string, ...flags: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...flags, 'hook', 'claude-code'], {
      ...{ input: stdin, cwd: '/', env: env(), encoding: 'utf8' },
    })
    if (status !== 0 && status !== 6) throw new Error(`it ended with ${status}: ${stderr}`)
    return [status, stdout.trim()]
  }
  const log = () => readFileSync(join(root, '.cloned/audit.log'), 'utf8')
  /** Its exit code; whoever listens in this process can answer meanwhile. */
  const hookAsync = async (stdin: string, cwd: string) => {
    const ran = spawn(process.execPath, [program, 'hook', 'claude-code'], { cwd, env: env(), stdio: 'pipe' })
    ran.stdin.end(stdin)
    return (await once(ran, 'exit'))[0]
  }
  /** By the command: what a hook finds unnamed has to be noted in the home directory that it has. */
  const make = (place: string) => {
    const { status, stderr } = spawnSync(process.execPath, [program, 'init', place], { env: env(), encoding: 'utf8' })
    if (status !== 0) throw new Error(stderr)
  }

  it('asks nobody in a workspace that this user has not made in that place, and judges by none of its rules', async () => {
    make(root)
    const project = join(root, 'project')
    initWorkspace(project)
    sockets = join(project, '.cloned/hooks')
    mkdirSync(sockets, { mode: 0o700 })
    const asked = vi.fn()
    await listener('00000000', asked)
    expect(await hookAsync(event('Read'), project)).toBe(6)
    expect(asked).not.toHaveBeenCalled()
  }, 30_000)

  it('is answered by the gateway that runs, without a kernel of its own, and judges itself when there is none', async () => {
    if (!existsSync(program)) throw new Error(`${program} is missing: run "npm run build" first`)
    make(root)
    const gateway: ChildProcess = spawn(process.execPath, [program, 'mcp'], { cwd: '/', env: env(), stdio: 'pipe' })
    closing.push(() => gateway.kill('SIGKILL'))
    await vi.waitFor(() => expect(readdirSync(join(root, '.cloned/hooks'))).toHaveLength(1), 20_000)
    // From here on no kernel starts: whatever is answered, the gateway has answered.
    const config = join(root, '.cloned/config.yaml')
    const whole = readFileSync(config, 'utf8')
    writeFileSync(config, 'nothing: valid')
    expect(hook(event('Read'))).toEqual([0, '{}'])
    expect(hook(event('Read'), '--workspace', root)).toEqual([0, '{}'])
    expect(log().match(/"target":"native.claude-code.read@v1"/g)?.length).toBeGreaterThanOrEqual(2)
    expect(hook(event('Bash'))).toEqual([0, expect.stringContaining('"permissionDecision":"deny"')])
    expect(hook(event('Read', 'PostToolUse'))).toEqual([0, '{}'])
    expect(log()).toContain('"type":"native.result"')
    const call = { version: 1, program, client: 'claude-code', event: event('mcp__cloned__x') } as const
    const ask = (more: Partial<HookRequest>, files = {}) =>
      askGateways(join(root, '.cloned/hooks'), { ...call, where: { cwd: '/', home: root, ...files }, ...more })
    expect(await ask({ program: '/another/installation/bin.js' })).toBeUndefined()
    const server = (command: string) => JSON.stringify({ mcpServers: { cloned: { command, args: [program, 'mcp'] } } })
    mkdirSync(join(root, 'other'))
    writeFileSync(join(root, '.claude.json'), server(process.execPath), { mode: 0o600 })
    writeFileSync(join(root, 'other/.claude.json'), server('/opt/evil'), { mode: 0o600 })
    expect(await ask({})).toEqual({})
    // Whose server that is, the client's own files say, wherever the hook has found them.
    expect(await ask({}, { claudeHome: join(root, 'other') })).not.toEqual({})
    // What the gateway cannot judge the hook judges, and here it cannot either.
    expect(hook('{}')).toEqual([6, ''])
    gateway.kill('SIGKILL')
    await once(gateway, 'exit')
    expect(hook(event('Read'))).toEqual([6, ''])
    writeFileSync(config, whole)
    expect(hook(event('Read'))).toEqual([0, '{}'])
  }, 90_000)
})
