// Names the sandbox service and its backends; interfaces and tokens only.
import type { Readable, Writable } from 'node:stream'
import { collection, slot } from 'cloned/kernel'

/** A program that is not trusted. */
export interface SandboxProgram {
  /** Id of the connector it belongs to. */
  readonly connector: string
  /** Absolute. The program sees it read-only as its current directory, and nothing else of its surroundings. */
  readonly directory: string
  /** Program and arguments. `node` is the Node that runs this process; a path is relative to `directory`. */
  readonly command: readonly string[]
  /** A package that its imports may name, besides its own files. */
  readonly shared?: SharedPackage
  /** What it sees of the host besides. */
  readonly mounts?: Mounts
  /** Variables besides those of the sandbox. Their values are secrets: they must stand on no command line. */
  readonly environment?: Readonly<Record<string, string>>
  /**
   * Gets the socket on which the program's HTTP proxy listens: a listening `net.Server` that lives in the namespace of
   * the program, so whoever connects to it is this program. Absent: there is no way out but the standard streams.
   */
  readonly egress?: (listener: unknown) => void
}

/**
 * Names of variables that no program is given, whatever their case: they decide which code runs before the trial of a sandbox,
 * or the sandbox sets them itself. Whoever asks a person about a program asks here first.
 */
export const TAKEN_VARIABLE =
  /^(?:LD_.*|DYLD_.*|CLONED_.*|NODE_OPTIONS|NODE_CHANNEL_.*|NODE_REPL_.*|GLIBC_TUNABLES|GCONV_PATH|BASH_ENV|ENV|IFS|SHELLOPTS|PS4|PATH|HOME|TMPDIR|LANG|PWD|OLDPWD|SHLVL|_|https?_proxy)$/i

/** What the name of any other variable looks like. */
export const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,99}$/

/** Files and directories of the host, absolute and without links, that a program sees under their own paths. */
export interface Mounts {
  readonly read: readonly string[]
  /** It may read them too. */
  readonly write: readonly string[]
  /** What stays unseen where it lies in one of them. */
  readonly hidden: readonly string[]
  /** In one of them: the current directory, instead of the program's own. */
  readonly cwd?: string
}

/** Parts of an installed package that a program may import. */
export interface SharedPackage {
  readonly name: string
  /** Absolute. */
  readonly root: string
  /** Files and directories that can be read, relative to `root`; its package.json has to be one. */
  readonly paths: readonly string[]
  /** The modules that can be imported, by specifier, relative to `root`: as the exports in its package.json say. */
  readonly modules: Readonly<Record<string, string>>
}

/** Why a process ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: string | null
  /** A clause on why the sandbox ended it; absent when it did not. */
  readonly problem?: string
}

/** A running program. It and all its descendants end with this process, whatever ends this one. */
export interface SandboxProcess {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Name of the backend, or `off`. */
  readonly backend: string
  /** Set when the program is not confined: who says so, and until when it holds. */
  readonly exemption?: SandboxExemption
  /** Resolves when the program is gone; never rejects. */
  readonly ended: Promise<Ended>
  /** Ends the program and all its descendants at once. Legal twice. */
  kill(): void
}

/** A person's word that one connector runs without a sandbox. */
export interface SandboxExemption {
  readonly connector: string
  readonly reason: string
  /** Milliseconds since 1970; from then on the sandbox is required again. */
  readonly until: number
  /** Actor that asked for it. */
  readonly by: string
}

/** What keeps a backend from working on this machine, and what to type. */
export interface SandboxProblem {
  readonly problem: string
  readonly fix: string
}

/** One way to confine a program. */
export interface SandboxBackend {
  readonly name: string
  /** `process.platform` values that it is for. */
  readonly platforms: readonly string[]
  /** What is missing here; must not start anything that stays. */
  problem(): Promise<SandboxProblem | undefined>
  /**
   * Starts a program without network, without the environment, files, processes and descriptors of the host, and ends it
   * when it takes more of the machine than this backend lets a program have. Before the
   * program's own first instruction the backend must have tried to get out of that very sandbox; where that worked it
   * must reject with `SANDBOX_ESCAPED` and leave nothing running. Rejects with `SANDBOX_FAILED` for a program that does
   * not start.
   */
  start(program: SandboxProgram): Promise<SandboxProcess>
}

/** Backends that plugins bring; the first one for this platform is used, in the order of the plan. */
export const sandboxBackendsCollection = collection<SandboxBackend>('cloned.sandbox-backends', { contract: 1 })

export interface Sandbox {
  /**
   * Starts a program, confined, or not where an exemption for its connector is in force. There is no fallback: rejects
   * with `SANDBOX_MISSING` when this machine cannot confine it.
   */
  start(program: SandboxProgram): Promise<SandboxProcess>
  /** The same, whatever exemptions there are; works without a start of the kernel. */
  confine(program: SandboxProgram): Promise<SandboxProcess>
  /** Every exemption that is in force now. */
  exemptions(): Promise<readonly SandboxExemption[]>
}

export const sandboxSlot = slot<Sandbox>('cloned.sandbox', { contract: 1 })
