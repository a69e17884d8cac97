// Writes the seccomp filter of a sandbox as a classic BPF program; what it does not name must stay usable by Node and Python.
import { endianness } from 'node:os'
import type { Architecture } from './syscalls.js'

// linux/bpf_common.h, linux/seccomp.h
const LOAD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_NOT_LESS = 0x35
const JUMP_ANY_BIT = 0x45
const RETURN = 0x06
const ALLOW = 0x7fff0000
const KILL_PROCESS = 0x80000000
const ERRNO = 0x00050000

const EPERM = 1
const ENOSYS = 38
const EAFNOSUPPORT = 97

/** Offsets in `struct seccomp_data`. Arguments are 64 bit; those that are judged here are `int`, their low word. */
const NUMBER = 0
const ARCH = 4
const argument = (n: number) => 16 + n * 8

const AF_INET = 2
const AF_INET6 = 10
const AF_NETLINK = 16
const NETLINK_ROUTE = 0
/** CLONE_NEWTIME and CLONE_NEWNS … CLONE_NEWNET: every flag that makes a namespace. */
const NEW_NAMESPACES = 0x7e020080

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, k: number]

/**
 * The program for `bwrap --seccomp`, for an architecture of {@link Architecture}. A call of another ABI kills the process.
 * Sockets are IPv4, IPv6 and NETLINK_ROUTE (what `getifaddrs` uses); `AF_UNIX`, `AF_VSOCK`, `AF_PACKET`, `AF_ALG` and
 * every other family answer `EAFNOSUPPORT`. `clone3` answers `ENOSYS`, so that libraries fall back to `clone`, whose
 * flags a filter can read.
 */
export function seccompFilter(architecture: Architecture): Buffer {
  const { audit, foreignFrom, socket, clone, clone3, refused } = architecture
  const refuse = (number: number, errno: number): Instruction[] => [
    [JUMP_EQUAL, 0, 1, number],
    [RETURN, 0, 0, ERRNO | errno],
  ]
  return assemble([
    [LOAD, 0, 0, ARCH],
    [JUMP_EQUAL, 1, 0, audit],
    [RETURN, 0, 0, KILL_PROCESS],
    [LOAD, 0, 0, NUMBER],
    ...(foreignFrom === undefined
      ? []
      : ([
          [JUMP_NOT_LESS, 0, 1, foreignFrom],
          [RETURN, 0, 0, KILL_PROCESS],
        ] as const)),
    ...Object.values(refused).flatMap((number) => refuse(number, EPERM)),
    ...refuse(clone3, ENOSYS),
    [JUMP_EQUAL, 0, 4, clone],
    [LOAD, 0, 0, argument(0)],
    [JUMP_ANY_BIT, 0, 1, NEW_NAMESPACES],
    [RETURN, 0, 0, ERRNO | EPERM],
    [RETURN, 0, 0, ALLOW],
    [JUMP_EQUAL, 1, 0, socket],
    [RETURN, 0, 0, ALLOW],
    [LOAD, 0, 0, argument(0)],
    [JUMP_EQUAL, 4, 0, AF_INET],
    [JUMP_EQUAL, 3, 0, AF_INET6],
    [JUMP_EQUAL, 0, 3, AF_NETLINK],
    [LOAD, 0, 0, argument(2)],
    [JUMP_EQUAL, 0, 1, NETLINK_ROUTE],
    [RETURN, 0, 0, ALLOW],
    [RETURN, 0, 0, ERRNO | EAFNOSUPPORT],
  ])
}

/** `struct sock_filter`, in the byte order of the machine. */
function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8)
  const little = endianness() === 'LE'
  for (const [i, [code, jumpTrue, jumpFalse, k]] of program.entries()) {
    const at = i * 8
    if (little) {
      bytes.writeUInt16LE(code, at)
      bytes.writeUInt32LE(k >>> 0, at + 4)
    } else {
      bytes.writeUInt16BE(code, at)
      bytes.writeUInt32BE(k >>> 0, at + 4)
    }
    bytes.writeUInt8(jumpTrue, at + 2)
    bytes.writeUInt8(jumpFalse, at + 3)
  }
  return bytes
}
