// Lists the system calls that a confined program is refused, by architecture; numbers from the kernel's unistd.h.

/** One architecture as its calls are numbered. */
export interface Architecture {
  /** `AUDIT_ARCH_…` of linux/audit.h. */
  readonly audit: number
  /** Numbers from here on belong to another ABI (x32). */
  readonly foreignFrom?: number
  readonly socket: number
  readonly clone: number
  readonly clone3: number
  /**
   * Refused with `EPERM`, whatever their arguments: what reaches into the kernel or other processes, and what holds memory
   * that belongs to no process (`memfd_create`, `shmget`, `msgget`), which nobody could count.
   */
  readonly refused: Readonly<Record<string, number>>
}

/** Calls that have one number on every architecture. */
const COMMON = {
  io_uring_setup: 425,
  io_uring_enter: 426,
  io_uring_register: 427,
  open_tree: 428,
  move_mount: 429,
  fsopen: 430,
  fsconfig: 431,
  fsmount: 432,
  fspick: 433,
  pidfd_getfd: 438,
  mount_setattr: 442,
  quotactl_fd: 443,
  memfd_secret: 447,
}

export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x64: {
    audit: 0xc000003e,
    foreignFrom: 0x40000000,
    socket: 41,
    clone: 56,
    clone3: 435,
    refused: {
      shmget: 29,
      msgget: 68,
      ptrace: 101,
      syslog: 103,
      uselib: 134,
      modify_ldt: 154,
      pivot_root: 155,
      adjtimex: 159,
      chroot: 161,
      acct: 163,
      settimeofday: 164,
      mount: 165,
      umount2: 166,
      swapon: 167,
      swapoff: 168,
      reboot: 169,
      iopl: 172,
      ioperm: 173,
      init_module: 175,
      delete_module: 176,
      quotactl: 179,
      lookup_dcookie: 212,
      clock_settime: 227,
      kexec_load: 246,
      add_key: 248,
      request_key: 249,
      keyctl: 250,
      unshare: 272,
      perf_event_open: 298,
      open_by_handle_at: 304,
      clock_adjtime: 305,
      setns: 308,
      process_vm_readv: 310,
      process_vm_writev: 311,
      kcmp: 312,
      finit_module: 313,
      memfd_create: 319,
      kexec_file_load: 320,
      bpf: 321,
      userfaultfd: 323,
      ...COMMON,
    },
  },
  arm64: {
    audit: 0xc00000b7,
    socket: 198,
    clone: 220,
    clone3: 435,
    refused: {
      lookup_dcookie: 18,
      umount2: 39,
      mount: 40,
      pivot_root: 41,
      chroot: 51,
      quotactl: 60,
      acct: 89,
      unshare: 97,
      kexec_load: 104,
      init_module: 105,
      delete_module: 106,
      clock_settime: 112,
      syslog: 116,
      ptrace: 117,
      reboot: 142,
      settimeofday: 170,
      adjtimex: 171,
      add_key: 217,
      request_key: 218,
      keyctl: 219,
      swapon: 224,
      swapoff: 225,
      perf_event_open: 241,
      open_by_handle_at: 265,
      shmget: 194,
      msgget: 186,
      clock_adjtime: 266,
      setns: 268,
      process_vm_readv: 270,
      process_vm_writev: 271,
      kcmp: 272,
      finit_module: 273,
      memfd_create: 279,
      bpf: 280,
      userfaultfd: 282,
      kexec_file_load: 294,
      ...COMMON,
    },
  },
}
