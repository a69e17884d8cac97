// Runs command lines over real plugins in a temporary workspace, with streams that a test can read and a person it plays.
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { type Distribution, defineDistribution, type Plugin, type Use } from 'cloned/kernel'
import { keysPlugin } from 'cloned/plugins/keys'
import { approvalsPlugin } from '../../plugins/approvals/index.js'
import { auditPlugin } from '../../plugins/audit/index.js'
import { cliPlugin } from '../../plugins/cli/index.js'
import type { CliIo } from '../../plugins/cli/io.js'
import { runCli } from '../../plugins/cli/run.js'
import { doctorPlugin } from '../../plugins/doctor/index.js'
import { fsPlugin } from '../../plugins/fs/index.js'
import { policyPlugin } from '../../plugins/policy/index.js'
import { storePlugin } from '../../plugins/store/index.js'
import { initWorkspace, workspacePlugin } from '../../plugins/workspace/index.js'

/** What one command line left behind. */
export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** How the terminal is set up for one command line. */
export interface Terminal {
  /** A person sits there: all three streams are terminals. */
  readonly tty?: boolean
  /** What comes in on standard input. */
  readonly stdin?: string
  readonly env?: Readonly<Record<string, string>>
  /** Called with every piece of standard error, and the way to type. */
  readonly onStderr?: (piece: string, type: (keys: string) => void) => void
}

/** A terminal whose person answers the first question about an approval with these keys. */
export function person(keys: string): Terminal {
  let asked = false
  return {
    tty: true,
    env: { NO_COLOR: '1' },
    onStderr(piece, type) {
      if (asked || !piece.includes('Approve ap_')) return
      asked = true
      type(keys)
    },
  }
}

/** Streams in memory. `interrupt` is Ctrl-C. */
export function memoryIo(terminal: Terminal = {}) {
  const { tty = false, stdin, onStderr } = terminal
  const input = new PassThrough()
  const output = new PassThrough()
  const error = new PassThrough()
  const handlers = new Set<() => void>()
  if (stdin !== undefined) input.end(stdin)
  const texts = { out: '', err: '' }
  output.on('data', (piece: Buffer) => {
    texts.out += piece.toString()
  })
  error.on('data', (piece: Buffer) => {
    texts.err += piece.toString()
    // A person types after a question has been drawn, never within the drawing.
    onStderr?.(piece.toString(), (keys) => setImmediate(() => input.write(keys)))
  })
  const io: CliIo = {
    stdin: Object.assign(input, { isTTY: tty, setRawMode: () => input }),
    stdout: Object.assign(output, { isTTY: tty, columns: 100 }),
    stderr: Object.assign(error, { isTTY: tty, columns: 100 }),
    onInterrupt(handler) {
      handlers.add(handler)
      return () => handlers.delete(handler)
    },
  }
  const interrupt = () => {
    for (const handler of handlers) handler()
  }
  return { io, texts, interrupt }
}

/** A workspace that command lines are run in. */
export interface CliWorld {
  readonly root: string
  run(argv: readonly string[], terminal?: Terminal): Promise<Ran>
  close(): Promise<void>
}

const PLUGINS = [
  workspacePlugin,
  storePlugin,
  keysPlugin,
  auditPlugin,
  policyPlugin,
  approvalsPlugin,
  fsPlugin,
  doctorPlugin,
  cliPlugin,
]

export function distributionWith(...more: readonly (Plugin | Use)[]): Distribution {
  return defineDistribution({ name: 'test', version: '1.2.3', plugins: [...PLUGINS, ...more] })
}

/** Makes a workspace with the built-in plugins that a command line meets, and the ones given. */
export async function cliWorld(...more: readonly Plugin[]): Promise<CliWorld> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'cloned-cli-')))
  initWorkspace(root, { type: 'personal', now: Date.now })
  const distribution = distributionWith(...more)
  return {
    root,
    run: (argv, terminal) => runIn(distribution, root, ['--workspace', root, ...argv], terminal),
    close: () => rm(root, { recursive: true, force: true }),
  }
}

/** Runs one command line in a directory, which need not be a workspace. */
export async function runIn(
  distribution: Distribution,
  cwd: string,
  argv: readonly string[],
  terminal: Terminal = {},
): Promise<Ran> {
  const { io, texts } = memoryIo(terminal)
  const code = await runCli({ distribution, argv, io, cwd, env: terminal.env ?? {} })
  return { code, ...texts }
}
