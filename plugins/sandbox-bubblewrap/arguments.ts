// Writes the command line of a sandbox: what it holds is listed here, and nothing else of the host must be in it.
import { existsSync, lstatSync, readlinkSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import type { SandboxProgram } from '../sandbox/slot.js'
import { type Inside, PROXY_PORT, VARIABLE } from './agreed.js'

/** The descriptor with the system call filter. */
export const FILTER_FD = 3
/** The descriptor of the channel on which the listener is handed over. */
export const CHANNEL_FD = 5

/** The descriptor with the part of the command line that nobody else may read. */
export const argumentsFd = ({ egress }: Pick<SandboxProgram, 'egress'>): number =>
  CHANNEL_FD + Number(egress !== undefined)

/** What Node sets for a child with a channel. */
const CHANNEL_VARIABLES = ['NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE']

const MIB = 1024 * 1024
/** What a program may write to, its stacks aside; the kernel holds each of its processes to it. */
export const MEMORY_BYTES = 2048 * MIB
/** Processes and threads of a program. The kernel lets it have twice as many, so that one with too many is ended, not stuck. */
export const TASKS = 256
/** Directories that are links into /usr on some systems and directories of their own on others. */
const MERGED = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']
/** Public files that programs need: the linker's cache, chosen alternatives, certificates of authorities. */
const PUBLIC = ['/etc/ld.so.cache', '/etc/alternatives', '/etc/ssl/certs', '/etc/pki/tls/certs', '/etc/localtime']
const DIRECTORY = '/app/connector'

/** What of this package goes in, and the Node that runs it. */
export interface Parts {
  readonly node: string
  /** Paths of the trial by the name that they have inside. */
  readonly inside: Readonly<Record<string, string>>
}

/** The variables of a program, by name. */
export function environmentOf(program: SandboxProgram): Readonly<Record<string, string>> {
  const proxy = `http://127.0.0.1:${PROXY_PORT}`
  return {
    // The Node of the host comes last: for scripts that name it, where the system has none.
    PATH: '/usr/bin:/bin:/app',
    HOME: '/tmp',
    TMPDIR: '/tmp',
    LANG: 'C.UTF-8',
    ...(program.egress && { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, http_proxy: proxy, https_proxy: proxy }),
    ...program.environment,
  }
}

/** Command lines are for everybody to read: `secret` goes another way. */
export interface BubblewrapArguments {
  readonly open: readonly string[]
  /** For `--args`, each with a zero byte behind it. */
  readonly secret: string
}

/** Arguments for `bwrap`. */
export function bubblewrapArguments(
  program: SandboxProgram,
  parts: Parts,
  inside: Pick<Inside, 'nonce' | 'host' | 'listen'>,
): BubblewrapArguments {
  const environment = environmentOf(program)
  const merged = MERGED.filter((name) => existsSync(`/${name}`))
  const { read = [], write = [], cwd = DIRECTORY } = program.mounts ?? {}
  const hidden = hiddenIn(program)
  const known: Inside = {
    ...inside,
    root: [
      ...merged,
      'usr',
      'etc',
      'proc',
      'dev',
      'tmp',
      'app',
      ...[...read, ...write].map((path) => path.split('/')[1] ?? ''),
    ],
    sealed: read.filter((path) => !write.includes(path)),
    hidden,
    // bwrap sets PWD; the shell sets the others.
    environment: [...Object.keys(environment), 'PWD', 'OLDPWD', 'SHLVL', '_', VARIABLE, ...CHANNEL_VARIABLES],
  }
  const variables = Object.entries({ ...environment, [VARIABLE]: JSON.stringify(known) })
  const open = [
    ...['--unshare-all', '--unshare-user', '--disable-userns', '--uid', '65534', '--gid', '65534'],
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--hostname', 'cloned', '--seccomp', `${FILTER_FD}`],
    ...['--clearenv', '--args', `${argumentsFd(program)}`],
    ...['--ro-bind', '/usr', '/usr'],
    ...merged.flatMap((name) =>
      lstatSync(`/${name}`).isSymbolicLink()
        ? ['--symlink', readlinkSync(`/${name}`), `/${name}`]
        : ['--ro-bind', `/${name}`, `/${name}`],
    ),
    ...PUBLIC.flatMap((path) => ['--ro-bind-try', path, path]),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...['--size', `${64 * MIB}`, '--tmpfs', '/dev/shm', '--size', `${256 * MIB}`, '--tmpfs', '/tmp'],
    ...['--ro-bind', parts.node, '/app/node'],
    ...Object.entries(parts.inside).flatMap(([name, path]) => ['--ro-bind', path, `/app/inside/${name}`]),
    ...['--ro-bind', program.directory, DIRECTORY, ...sharedPackage(program)],
    ...mounted(read, write, hidden),
    // Files of /proc/sys belong to root, and to root of the host they are open whatever its capabilities.
    ...['--remount-ro', '/proc', '--remount-ro', '/dev', '--remount-ro', '/'],
    ...['--chdir', cwd, '--', ...started(program)],
  ]
  return {
    open,
    secret: variables
      .flatMap((pair) => ['--setenv', ...pair])
      .map((word) => `${word}\0`)
      .join(''),
  }
}

/** Outer ones first, or they would cover what lies in them; what is hidden last of all. */
function mounted(read: readonly string[], write: readonly string[], hidden: readonly string[]): string[] {
  const all = [...new Set([...read, ...write])].sort()
  return [
    ...all.flatMap((path) => [write.includes(path) ? '--bind' : '--ro-bind', path, path]),
    ...hidden.flatMap((path) =>
      lstatSync(path).isDirectory() ? ['--tmpfs', path, '--remount-ro', path] : ['--ro-bind', '/dev/null', path],
    ),
  ]
}

/** What would be seen and must not be. */
function hiddenIn({ mounts }: SandboxProgram): string[] {
  const { read = [], write = [], hidden = [] } = mounts ?? {}
  return hidden.filter((path) => existsSync(path) && [...read, ...write].some((outer) => path.startsWith(`${outer}/`)))
}

/** Beside the program, where Node looks for packages. */
function sharedPackage({ shared }: SandboxProgram): string[] {
  if (!shared) return []
  const { name, root, paths } = shared
  return paths.flatMap((path) => ['--ro-bind', join(root, path), `/app/node_modules/${name}/${path}`])
}

/** The trial first, then the program in its place. Node programs have it in their own process, before their first line. */
function started({ command: [name = '', ...rest], egress }: SandboxProgram): string[] {
  const limits = `ulimit -c 0; ulimit -n 1024; ulimit -d ${MEMORY_BYTES / 1024}; ${taskLimit()}`
  const trial = '/app/inside/inside.js'
  const channel = egress ? `NODE_CHANNEL_FD=${CHANNEL_FD} ` : ''
  const run =
    name === 'node'
      ? `${channel}exec /app/node --import ${trial} "$@"`
      : `${channel}/app/node ${trial} && unset ${VARIABLE} && exec ${egress ? `${CHANNEL_FD}>&- ` : ''}4>&- "$@"`
  return ['/bin/sh', '-c', `${limits}; ${run}`, 'sh', ...(name === 'node' ? rest : [name, ...rest])]
}

/** Counted by namespace since Linux 5.14, before that for everything that the user runs; never for root of the host. */
function taskLimit(): string {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  if (major < 5 || (major === 5 && minor < 14)) return ':'
  // Shells disagree about the letter.
  return `ulimit -u ${2 * TASKS} 2>/dev/null || ulimit -p ${2 * TASKS}`
}
