// Programs in the sandbox that try to get out, and sandboxes with a hole: the first fail, the second are never used.
import { chmodSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SandboxProcess, SandboxProgram } from '../../plugins/sandbox/slot.js'
import { bubblewrapBackend } from '../../plugins/sandbox-bubblewrap/backend.js'
import { startChild } from '../child.js'
import { canConfine, NO_SANDBOX } from '../plugins/connectors-fixture.js'

const real = bubblewrapBackend()
let directory = ''
let outside: Server
let port = 0

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cloned-sandbox-'))
  outside = createServer((socket) => socket.end('reached'))
  await new Promise<void>((ready) => outside.listen(0, '127.0.0.1', ready))
  port = (outside.address() as { port: number }).port
})
afterAll(() => {
  outside.close()
  rmSync(directory, { recursive: true, force: true })
})

let count = 0
function program(name: string, text: string, command: readonly string[]): SandboxProgram {
  const own = join(directory, String(++count))
  mkdirSync(own)
  writeFileSync(join(own, name), text)
  return { connector: 'test.program', directory: own, command }
}

async function output(process: SandboxProcess): Promise<string> {
  let text = ''
  const listen = (chunk: Buffer) => {
    text += chunk.toString('utf8')
  }
  process.stdout.on('data', listen)
  process.stderr.on('data', listen).resume()
  process.stdin.end()
  await process.ended
  return text.trim()
}

const run = async (name: string, text: string, command: readonly string[]) =>
  await output(await real.start(program(name, text, command)))

/** Python expressions that try something, and what they must answer. */
const ATTEMPTS: readonly (readonly [what: string, attempt: string, answer: RegExp])[] = [
  ['an IPv4 socket', 'socket.socket(2, 1) and "ok"', /^ok$/],
  ['the loopback of the host', 'socket.create_connection(("127.0.0.1", PORT), 2)', /ECONNREFUSED/],
  ['another machine', 'socket.create_connection(("192.0.2.1", 443), 2)', /ENETUNREACH/],
  ['an IPv6 machine', 'socket.create_connection(("2001:db8::1", 443), 2)', /ENETUNREACH|EADDRNOTAVAIL/],
  ['a name', 'socket.getaddrinfo("example.com", 443)', /gaierror/],
  ['a datagram', 'socket.socket(2, 2).sendto(b"x", ("192.0.2.1", 53))', /ENETUNREACH/],
  ['a raw socket', 'socket.socket(2, 3, 1)', /EPERM/],
  ['a Unix socket', 'socket.socket(1, 1)', /EAFNOSUPPORT/],
  ['a VM socket', 'socket.socket(40, 1)', /EAFNOSUPPORT/],
  ['a packet socket', 'socket.socket(17, 3)', /EAFNOSUPPORT/],
  ['a crypto socket', 'socket.socket(38, 5)', /EAFNOSUPPORT/],
  ['a Bluetooth socket', 'socket.socket(31, 1)', /EAFNOSUPPORT/],
  ['a diagnostics socket', 'socket.socket(16, 3, 4)', /EAFNOSUPPORT/],
  ['io_uring', 'call(425, 8, buffer)', /EPERM/],
  ['ptrace', 'call({"x86_64": 101, "aarch64": 117}[machine], 0, 0, 0, 0)', /EPERM/],
  ['a user namespace', 'call({"x86_64": 272, "aarch64": 97}[machine], 0x10000000)', /EPERM/],
  ['a namespace by clone', 'call({"x86_64": 56, "aarch64": 220}[machine], 0x10000011, 0, 0, 0, 0)', /EPERM/],
  ['clone3', 'call(435, buffer, 88)', /ENOSYS/],
  ['bpf', 'call({"x86_64": 321, "aarch64": 280}[machine], 0, buffer, 120)', /EPERM/],
  ['keyrings', 'call({"x86_64": 250, "aarch64": 219}[machine], 0, 0, 0)', /EPERM/],
  ['a mount', 'call({"x86_64": 165, "aarch64": 40}[machine], b"/", b"/tmp", b"", 4096, 0)', /EPERM/],
  ['the memory of the first process, which has no filter', 'open("/proc/1/mem", "r+b")', /EROFS|EACCES/],
  ['the environment of the first process', 'SECRETS in open("/proc/1/environ").read()', /^False$|EACCES/],
  ['kernel parameters', 'open("/proc/sys/kernel/core_pattern", "r+")', /EROFS|EACCES/],
  ['a file of the host', 'open("/etc/shadow")', /ENOENT/],
  ['the home of the host', 'os.listdir("/root")', /ENOENT/],
  ['the socket of Docker', 'os.stat("/var/run/docker.sock")', /ENOENT/],
  ['its own package', 'open("x", "w")', /EROFS/],
  ['the tools of the system', 'open("/usr/bin/x", "w")', /EROFS/],
  ['a device', 'os.mknod("/tmp/sda", 0o60600, os.makedev(8, 0))', /EPERM/],
  ['the clock', 'time.clock_settime(0, 0)', /EPERM/],
  ['other processes', 'len([x for x in os.listdir("/proc") if x.isdigit()]) < 10', /^True$/],
  ['a signal to the host', 'os.kill(HOST, 0)', /ESRCH/],
  ['root', 'os.setuid(0)', /EPERM|EINVAL/],
  [
    'an inherited descriptor',
    '[os.readlink("/proc/self/fd/" + x) for x in os.listdir("/proc/self/fd") if int(x) > 3]',
    /^\[('\/dev\/null'(, )?)*\]$/,
  ],
  ['more memory than is its own', 'len(bytearray(3 << 30))', /^MemoryError$/],
  ["memory that is no process's", 'os.memfd_create("x")', /EPERM/],
  [
    'memory that outlives processes',
    'libc.shmget(0, 4096, 0o1600) < 0 and errno.errorcode[ctypes.get_errno()]',
    /^EPERM$/,
  ],
  ['variables', 'sorted(set(os.environ) - {"PATH", "HOME", "TMPDIR", "LANG", "PWD", "LC_CTYPE"})', /^\[\]$/],
]

describe.skipIf(!canConfine)(`a confined program (skipped only where ${NO_SANDBOX})`, () => {
  it('in Python reaches nothing', async () => {
    const text = `
import ctypes, errno, json, os, platform, socket, time
PORT, HOST, SECRETS = ${port}, ${process.pid}, "XDG_CONFIG_HOME"
machine = platform.machine()
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(4096)
def call(*args):
    if libc.syscall(*args) >= 0: return "done"
    raise OSError(ctypes.get_errno(), "")
for attempt in json.load(open("attempts.json")):
    try: answer = str(eval(attempt))
    except OSError as e: answer = type(e).__name__ + " " + errno.errorcode.get(e.errno, str(e.errno))
    except Exception as e: answer = type(e).__name__
    print(json.dumps(answer))
`
    const made = program('main.py', text, ['python3', 'main.py'])
    writeFileSync(join(made.directory, 'attempts.json'), JSON.stringify(ATTEMPTS.map(([, attempt]) => attempt)))
    const answers = (await output(await real.start(made))).split('\n').map((line) => JSON.parse(line) as string)
    const wrong = ATTEMPTS.flatMap(([what, , expected], i) =>
      expected.test(answers[i] ?? '') ? [] : [[what, answers[i]]],
    )
    expect(wrong).toEqual([])
  })

  it('in Node reaches nothing', async () => {
    const text = `
import net from 'node:net'
const dial = (to) => new Promise((done) => net.connect(to).once('connect', () => done('connected')).once('error', (e) => done(e.code)))
const fetched = await fetch('http://127.0.0.1:${port}').then(() => 'fetched', (e) => e.cause?.code)
console.log(JSON.stringify([await dial({ port: ${port}, host: '127.0.0.1' }), await dial({ path: '/tmp/x' }), fetched, Object.keys(process.env).sort()]))`
    const answers = JSON.parse(await run('main.mjs', text, ['node', './main.mjs']))
    expect(answers).toEqual(['ECONNREFUSED', 'EAFNOSUPPORT', 'ECONNREFUSED', ['HOME', 'LANG', 'PATH', 'PWD', 'TMPDIR']])
  })

  it('with curl reaches nothing', async () => {
    const text = `curl -sS -m 3 http://127.0.0.1:${port}/; echo $?; curl -sS -m 3 https://example.com/; echo $?`
    expect(await run('main.sh', text, ['sh', 'main.sh'])).toMatch(/^7$[\s\S]*^6$/m)
  })

  it('still has threads, children and a place for temporary files', async () => {
    const text = `
import { execFileSync, fork } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
if (process.argv[2] === 'forked') process.send('forked')
else {
  writeFileSync('/tmp/x', 'x')
  const threaded = await new Promise((done) => new Worker('require("worker_threads").parentPort.postMessage("threaded")', { eval: true }).once('message', done))
  const forked = await new Promise((done) => fork('./main.mjs', ['forked']).once('message', done))
  console.log(threaded, forked, execFileSync('cat', ['/tmp/x'], { encoding: 'utf8' }))
}`
    expect(await run('main.mjs', text, ['node', './main.mjs'])).toBe('threaded forked x')
  })

  it('hands its proxy over, and whoever connects there is that program', async () => {
    let connections = 0
    const egress = (listener: unknown) =>
      (listener as Server).on('connection', (socket) => {
        connections++
        socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
      })
    const made = program('main.sh', 'curl -s -o /dev/null -w "%{http_code}" http://example.com/', ['sh', 'main.sh'])
    expect(await output(await real.start({ ...made, egress }))).toBe('403')
    expect(connections).toBe(1)
  })

  it('does not inherit what this process was itself started with', async () => {
    const fd = openSync('/etc/passwd', 'r')
    const made = program('main.sh', 'ls -l /proc/self/fd', ['sh', 'main.sh'])
    expect(await output(await real.start(made))).not.toContain('passwd')
    expect(fd).toBeGreaterThan(2)
  })

  it('is gone with all that it has started once it is killed', async () => {
    const mark = `cloned-mark-${process.pid}-killed`
    const started = await real.start(
      program('main.sh', `setsid sh -c 'sleep 600; : ${mark}' & sleep 600; : ${mark}`, ['sh', 'main.sh']),
    )
    await expect.poll(() => marked(mark)).toBeGreaterThan(0)
    started.kill()
    await started.ended
    await expect.poll(() => marked(mark)).toBe(0)
  })

  it('is gone when it ends, with what it has left behind', async () => {
    const mark = `cloned-mark-${process.pid}-left`
    const started = await real.start(
      program('main.sh', `setsid sh -c 'sleep 600; : ${mark}' >/dev/null 2>&1 & sleep 0.2`, ['sh', 'main.sh']),
    )
    await started.ended
    await expect.poll(() => marked(mark)).toBe(0)
  })

  it.each(['confined', 'exempt'])('is gone after a kill -9 of the host: %s', async (mode) => {
    const mark = `cloned-mark-${process.pid}-${mode}`
    const made = program('main.sh', `sh -c 'sleep 600; : ${mark}' & cat; sleep 600; : ${mark}`, ['sh', './main.sh'])
    const host = startChild('sandbox-host', mode, made.directory)
    expect(await host.line()).toBe('started')
    await expect.poll(() => marked(mark)).toBeGreaterThan(0)
    await host.kill()
    await expect.poll(() => marked(mark)).toBe(0)
  })
})

/** How many processes have this in their command line. */
function marked(mark: string): number {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark)
      } catch {
        return false
      }
    }).length
}

/** A `bwrap` that is given other words than it was meant to get. */
const HOLES: readonly (readonly [hole: string, script: string, found: RegExp])[] = [
  ['no filter', `drop --seccomp 1`, /system call filter|Unix sockets/],
  ['the network of the host', `add --share-net`, /net namespace/],
  ['capabilities', `drop --cap-drop 1; add --cap-add ALL`, /capabilities/],
  ['kernel parameters', `drop_value --remount-ro /proc`, /\/proc|kernel parameters/],
  ['a root to write into', `drop_value --remount-ro /`, /write into \//],
  ['devices to write beside', `drop_value --remount-ro /dev`, /write into \/dev/],
  ['the files of the host', `add --ro-bind / /host`, /sees \/host/],
  ['a variable', `add --setenv SECRET x`, /variable SECRET/],
  [
    'the processes of the host',
    `replace --unshare-all "--unshare-user --unshare-ipc --unshare-net --unshare-uts --unshare-cgroup-try"`,
    /pid namespace/,
  ],
  ['the environment of the host', `export SECRET=x`, /environment of the host/],
  ['a descriptor', `exec 9</etc/passwd`, /descriptor 9/],
]

describe.skipIf(!canConfine)(`a sandbox with a hole (skipped only where ${NO_SANDBOX})`, () => {
  it.each(HOLES)('for %s is found by the trial inside, and the program does not start', async (_, script, found) => {
    const own = mkdtempSync(join(directory, 'hole-'))
    const wrapper = join(own, 'bwrap')
    writeFileSync(
      wrapper,
      WRAPPER.replace('SCRIPT', () => script),
    )
    chmodSync(wrapper, 0o755)
    const backend = bubblewrapBackend({ places: [wrapper], architecture: process.arch })
    const started = backend.start(program('main.mjs', `console.log('ran')`, ['node', './main.mjs']))
    await expect(started).rejects.toMatchObject({ code: 'SANDBOX_ESCAPED', message: expect.stringMatching(found) })
  })

  it('that says nothing is not believed', async () => {
    const own = mkdtempSync(join(directory, 'hole-'))
    const wrapper = join(own, 'bwrap')
    for (const text of ['exit 0', 'echo \'{"nonce":"0","escaped":[]}\' >&4', 'echo junk >&4; sleep 60']) {
      writeFileSync(wrapper, `#!/bin/bash\n${text}\n`)
      chmodSync(wrapper, 0o755)
      const backend = bubblewrapBackend({ places: [wrapper], architecture: process.arch })
      const started = backend.start(program('main.mjs', '', ['node', './main.mjs']))
      await expect(started).rejects.toMatchObject({ code: 'SANDBOX_FAILED' })
    }
  })
})

const WRAPPER = `#!/bin/bash
words=("$@")
drop() { local kept=() i; for ((i = 0; i < \${#words[@]}; i++)); do
  if [ "\${words[i]}" = "$1" ]; then i=$((i + $2)); else kept+=("\${words[i]}"); fi; done; words=("\${kept[@]}"); }
drop_value() { local kept=() i; for ((i = 0; i < \${#words[@]}; i++)); do
  if [ "\${words[i]}" = "$1" ] && [ "\${words[i + 1]}" = "$2" ]; then i=$((i + 1)); else kept+=("\${words[i]}"); fi; done; words=("\${kept[@]}"); }
replace() { local kept=() word; for word in "\${words[@]}"; do if [ "$word" = "$1" ]; then kept+=($2); else kept+=("$word"); fi; done; words=("\${kept[@]}"); }
add() { local kept=() word added=; for word in "\${words[@]}"; do
  if [ "$word" = --remount-ro ] && [ -z "$added" ]; then kept+=("$@"); added=1; fi; kept+=("$word"); done; words=("\${kept[@]}"); }
SCRIPT
exec /usr/bin/bwrap "\${words[@]}"
`
