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
    PATH: '/usr/bin:/bin',
    HOME: '/tmp',
    TMPDIR: '/tmp',
    LANG: 'C.UTF-8',
    ...(program.egress && { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, http_proxy: proxy, https_proxy: proxy }),
  }
}

/** Arguments for `bwrap`. */
export function bubblewrapArguments(
  program: SandboxProgram,
  parts: Parts,
  inside: Omit<Inside, 'root' | 'environment'>,
) {
  const environment = environmentOf(program)
  const merged = MERGED.filter((name) => existsSync(`/${name}`))
  const known: Inside = {
    ...inside,
    root: [...merged, 'usr', 'etc', 'proc', 'dev', 'tmp', 'app'],
    // bwrap sets PWD; the shell sets the others.
    environment: [...Object.keys(environment), 'PWD', 'OLDPWD', 'SHLVL', '_', VARIABLE, ...CHANNEL_VARIABLES],
  }
  return [
    ...['--unshare-all', '--unshare-user', '--disable-userns', '--uid', '65534', '--gid', '65534'],
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL', '--hostname', 'cloned', '--seccomp', `${FILTER_FD}`],
    '--clearenv',
    ...Object.entries({ ...environment, [VARIABLE]: JSON.stringify(known) }).flatMap((pair) => ['--setenv', ...pair]),
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
    // Files of /proc/sys belong to root, and to root of the host they are open whatever its capabilities.
    ...['--remount-ro', '/proc', '--remount-ro', '/dev', '--remount-ro', '/'],
    ...['--chdir', DIRECTORY, '--', ...started(program)],
  ]
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
