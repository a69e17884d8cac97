// The system call filter as the kernel would run it, on both architectures: an interpreter of classic BPF over its bytes.
import { describe, expect, it } from 'vitest'
import { seccompFilter } from '../../plugins/sandbox-bubblewrap/seccomp.js'
import { ARCHITECTURES, type Architecture } from '../../plugins/sandbox-bubblewrap/syscalls.js'

const ALLOW = 0x7fff0000
const KILL = 0x80000000
const errno = (number: number) => 0x00050000 | number
const [EPERM, ENOSYS, EAFNOSUPPORT] = [errno(1), errno(38), errno(97)]

interface Call {
  readonly nr: number
  readonly arch?: number
  readonly args?: readonly number[]
}

/** Runs the program as the kernel does. Every offset that it reads must lie in `struct seccomp_data`. */
function run(program: Buffer, { nr, arch = 0, args = [] }: Call): number {
  const data = Buffer.alloc(64)
  data.writeUInt32LE(nr >>> 0, 0)
  data.writeUInt32LE(arch >>> 0, 4)
  for (const [i, value] of args.entries()) data.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), 16 + i * 8)
  let accumulator = 0
  for (let at = 0; at < program.length / 8; at++) {
    const code = program.readUInt16LE(at * 8)
    const [yes, no] = [program.readUInt8(at * 8 + 2), program.readUInt8(at * 8 + 3)]
    const k = program.readUInt32LE(at * 8 + 4)
    const jump = (taken: boolean) => {
      at += taken ? yes : no
    }
    if (code === 0x20) accumulator = data.readUInt32LE(k)
    else if (code === 0x15) jump(accumulator === k)
    else if (code === 0x35) jump(accumulator >= k)
    else if (code === 0x45) jump((accumulator & k) !== 0)
    else if (code === 0x06) return k
    else throw new Error(`instruction ${code} at ${at}`)
  }
  throw new Error('it does not end with an answer')
}

describe.each(Object.entries(ARCHITECTURES))('the filter for %s', (_, architecture: Architecture) => {
  const program = seccompFilter(architecture)
  const { audit: arch, socket, clone, clone3, refused } = architecture
  const answer = (nr: number, ...args: number[]) => run(program, { nr, arch, args })

  it('is a program that the kernel takes', () => {
    expect(program.length % 8).toBe(0)
    expect(program.length / 8).toBeLessThanOrEqual(4096)
  })

  it.each(Object.entries(refused))('refuses %s', (_name, nr) => {
    expect(answer(nr)).toBe(EPERM)
    expect(answer(nr, -1, -1, -1)).toBe(EPERM)
  })

  it('answers for every other number as for one that it allows', () => {
    const special = new Set([socket, clone, clone3, ...Object.values(refused)])
    for (let nr = 0; nr < 600; nr++) if (!special.has(nr)) expect([nr, answer(nr)]).toEqual([nr, ALLOW])
  })

  it.each([
    [2, 0, ALLOW],
    [10, 0, ALLOW],
    [16, 0, ALLOW],
    [16, 4, EAFNOSUPPORT],
    [16, 12, EAFNOSUPPORT],
    [0, 0, EAFNOSUPPORT],
    [1, 0, EAFNOSUPPORT],
    [17, 0, EAFNOSUPPORT],
    [31, 0, EAFNOSUPPORT],
    [38, 0, EAFNOSUPPORT],
    [40, 0, EAFNOSUPPORT],
    [44, 0, EAFNOSUPPORT],
    // The kernel reads an int: what stands above it does not count.
    [0x1_0000_0001, 0, EAFNOSUPPORT],
  ])('socket of family %i and protocol %i: %i', (family, protocol, expected) => {
    expect(answer(socket, family, 1, protocol)).toBe(expected)
  })

  it('lets threads and processes be made, and no namespace', () => {
    expect(answer(clone, 0x3d0f00)).toBe(ALLOW)
    expect(answer(clone, 0x01200011)).toBe(ALLOW)
    for (const flag of [0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
      const made = answer(clone, flag | 0x11)
      expect([flag, made]).toEqual([flag, flag === 0x20000 || flag >= 0x2000000 || flag === 0x80 ? EPERM : ALLOW])
    }
    expect(answer(clone3)).toBe(ENOSYS)
  })

  it('ends a process that speaks the ABI of another architecture', () => {
    for (const other of [0x40000003, 0x40000028, 0xc000003e ^ arch])
      expect(run(program, { nr: 1, arch: other })).toBe(KILL)
    if (architecture.foreignFrom) expect(answer(architecture.foreignFrom + 1)).toBe(KILL)
  })
})
